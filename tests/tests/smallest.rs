//! What an application lacks may be absent from the site document: the smallest one serves.

#![allow(clippy::unwrap_used)] // a test that fails says where

use std::path::Path;

use mkx_tests::tool::{Finished, Tool};
use serde_json::{Value, json};

/// A folder with a site of two checkouts, each one service behind the edge.
fn smallest() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for project in ["small-prod", "small-dev"] {
        let checkout = folder.path().join(project);
        std::fs::create_dir(&checkout).unwrap();
        std::fs::write(checkout.join("compose.yml"), compose_file()).unwrap();
    }
    let site = json!({
        "record": "mkx.site/2",
        "name": "small",
        "shared": { "network": "edge" },
        "environments": {
            "ea": environment("small-prod", "small.example"),
            "eb": environment("small-dev", "dev.small.example")
        }
    });
    std::fs::write(folder.path().join("site.json"), site.to_string()).unwrap();
    folder
}

fn environment(project: &str, domain: &str) -> Value {
    json!({
        "project": project,
        "directory": project,
        "compose_files": ["compose.yml"],
        "domain": domain
    })
}

fn compose_file() -> String {
    json!({ "services": { "web": {
        "image": format!("nginx@sha256:{}", "0".repeat(64)),
        "mem_limit": "64m",
        "cpus": 0.1
    } } })
    .to_string()
}

fn run(folder: &Path, tool: &str, arguments: &[&str]) -> Finished {
    Tool::new(tool).args(arguments).directory(folder).run()
}

#[test]
fn the_smallest_site_document_serves_the_tools_that_need_no_more() {
    let folder = smallest();
    let site = run(folder.path(), "mkx-compose", &["site"]).expect_code(0);
    let site: Value = serde_json::from_str(&site.stdout).unwrap();
    assert_eq!(site["environments"]["eb"]["role"], "development");
    assert!(site["host"]["cpus"].as_f64().unwrap() > 0.0);
    run(folder.path(), "mkx-compose", &["render", "eb"]).expect_code(0);
    let audit = run(folder.path(), "mkx-compose", &["audit"]).expect_code(0);
    assert!(
        audit.stdout.contains("mkx.compose.audit"),
        "{}",
        audit.stdout
    );
    let edge = run(folder.path(), "mkx-caddy", &["render"]).expect_code(0);
    assert!(!edge.stdout.contains("small.example"), "{}", edge.stdout);
}

#[test]
fn a_tool_that_needs_what_the_site_lacks_names_the_section() {
    let folder = smallest();
    let check = |tool: &str, arguments: &[&str], section: &str| {
        let finished = run(folder.path(), tool, arguments).expect_code(3);
        let expected = format!("{tool}: error: the site has no section environments.{section}\n");
        assert!(
            finished.stderr.starts_with(&expected),
            "{}",
            finished.stderr
        );
    };
    check("mkx-mqtt", &["render", "eb"], "eb.mqtt");
    check("mkx-vault", &["usage"], "ea.vault");
}
