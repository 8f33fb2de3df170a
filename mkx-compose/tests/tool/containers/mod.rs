//! Both environments of the small Makapix on the real engine; whatever is made goes with the value.

use std::net::TcpListener;
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::world::{Names, World, write};

/// The world, and everything on the engine that goes with it.
pub struct Engine(pub World);

impl Drop for Engine {
    fn drop(&mut self) {
        let names = &self.0.names;
        for project in [&names.eb, &names.ea] {
            let filter = format!("label=com.docker.compose.project={project}");
            let left = docker(&["ps", "--all", "--quiet", "--filter", &filter]).1;
            for container in left.split_whitespace() {
                let _ = docker(&["rm", "--force", "--volumes", container]);
            }
            let _ = docker(&[
                "compose",
                "--project-name",
                project,
                "down",
                "--volumes",
                "--timeout",
                "1",
            ]);
            for kind in ["network", "volume"] {
                let filter = format!("label=com.docker.compose.project={project}");
                let left = docker(&[kind, "ls", "--quiet", "--filter", &filter]).1;
                for name in left.split_whitespace() {
                    let _ = docker(&[kind, "rm", name]);
                }
            }
            let images = docker(&[
                "images",
                "--format",
                "{{.Repository}}:{{.Tag}}",
                &format!("{project}-*"),
            ])
            .1;
            for image in images.split_whitespace() {
                let _ = docker(&["rmi", "--no-prune", image]);
            }
        }
        let _ = docker(&["volume", "rm", &names.pg_volume, &names.edge_volume]);
        let _ = docker(&["network", "rm", &names.network]);
        // What containers wrote as root goes with a container.
        let root = self.0.root();
        let mount = format!("{}:/world", root.display());
        let _ = docker(&[
            "run",
            "--rm",
            "--volume",
            &mount,
            "debian:trixie-slim",
            "sh",
            "-c",
            "rm -rf /world/*/mqtt/certs /world/*/mqtt/config",
        ]);
    }
}

pub fn docker(arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new("docker").args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[track_caller]
pub fn must(arguments: &[&str]) -> String {
    let (ok, stdout, stderr) = docker(arguments);
    assert!(
        ok,
        "run scripts/setup: docker {}: {stderr}",
        arguments.join(" ")
    );
    stdout
}

/// Ports that nothing listens on. They lie below those that the kernel gives to clients, and each
/// process looks at its own first, so that worlds can be made side by side.
pub fn free_ports() -> [u16; 7] {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 16_000 + u16::try_from(std::process::id() % 400).unwrap() * 40;
    std::array::from_fn(|_| {
        loop {
            let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
            assert!(port < 32_768, "no free port");
            if TcpListener::bind(("0.0.0.0", port)).is_ok() {
                return port;
            }
        }
    })
}

/// Both environments as the small Makapix has them, under names and ports of their own.
pub fn engine() -> Engine {
    engine_of(World::named)
}

/// The same, each service a container that sleeps: what starts in a second.
pub fn asleep() -> Engine {
    engine_of(|names| {
        let world = World::named(names);
        let mut site = world.site();
        for (environment, checkout) in [("ea", "makapix"), ("eb", "makapix-dev")] {
            let edge = if environment == "ea" { "caddy" } else { "" };
            let file = world.path(checkout).join("deploy/stack/asleep.yml");
            write(&file, &asleep_file(edge));
            let files = site["environments"][environment]["compose_files"].as_array_mut();
            files.unwrap().push("deploy/stack/asleep.yml".into());
        }
        world.save_site(&site);
        world
    })
}

fn asleep_file(edge: &str) -> String {
    let mut text = String::from("services:\n");
    let services = [
        "db", "cache", "broker", "mqtt", "api", "worker", "web", edge,
    ];
    for service in services.iter().filter(|service| !service.is_empty()) {
        text += &format!(
            "  {service}:
    image: debian:trixie-slim
    build: !reset null
    pull_policy: never
    entrypoint: [sh, -c, exec sleep infinity]
    stop_signal: SIGKILL
    depends_on: !reset {{}}
    healthcheck: !reset null
"
        );
    }
    text
}

fn engine_of(world: impl Fn(Names) -> World) -> Engine {
    let tag = format!("mkxt{}", std::process::id());
    let names = Names {
        ea: format!("{tag}-prod"),
        eb: format!("{tag}-dev"),
        network: format!("{tag}-net"),
        pg_volume: format!("{tag}-pg"),
        edge_volume: format!("{tag}-tls"),
        ports: free_ports(),
    };
    must(&[
        "image",
        "inspect",
        "--format",
        "{{.Id}}",
        "debian:trixie-slim",
    ]);
    let engine = Engine(world(names));
    let names = &engine.0.names;
    must(&["network", "create", &names.network]);
    must(&["volume", "create", &names.pg_volume]);
    must(&["volume", "create", &names.edge_volume]);
    engine
}
