//! The labels, resolved by Docker Compose and merged by caddy-docker-proxy's rules, are the same
//! edge.

#![allow(clippy::unwrap_used, missing_docs)]

mod world;

use mkx_caddy::caddy::Caddy;
use mkx_caddy::compose::Project;
use mkx_caddy::docker_proxy;
use serde_json::Value;
use world::World;
use world::server::BOTH;

#[test]
fn the_merged_labels_of_both_environments_adapt_to_the_same_json() {
    let world = World::new();
    for which in BOTH {
        let version = which.version();
        let program = which.program();
        let caddy = Caddy::new(program.to_str().unwrap());
        let mut containers = Vec::new();
        for environment in ["ea", "eb"] {
            let labels = world.stdout(&[
                "render",
                "--format",
                "labels",
                "--environment",
                environment,
                "--caddy-version",
                version,
            ]);
            let file = world.path(&format!("{environment}.labels.yml"));
            std::fs::write(&file, labels).unwrap();
            let base = world.path(&format!("{environment}.yml"));
            let services = "services: {web: {image: x}, vault: {image: x}, caddy: {image: x}}";
            std::fs::write(&base, services).unwrap();
            let project = Project {
                name: format!("makapix-{environment}"),
                files: vec![base, file],
                env_files: Vec::new(),
            };
            containers.extend(project.containers().unwrap());
        }
        let merged = docker_proxy::caddyfile(&containers).unwrap();
        let json = world.stdout(&[
            "render",
            "--format",
            "json",
            "--caddy-version",
            version,
            "--caddy",
            program.to_str().unwrap(),
        ]);
        let expected: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(caddy.adapt(&merged).unwrap(), expected, "{merged}");
    }
}
