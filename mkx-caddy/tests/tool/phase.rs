//! `scripts/phase-3-caddy`, from outside.

use std::process::{Command, Output};

use crate::world::World;
use crate::world::server::{Server, Which};
use serde_json::Value;

fn phase(world: &World, arguments: &[&str]) -> (Output, Value) {
    let tools = std::path::Path::new(env!("CARGO_BIN_EXE_mkx-caddy"))
        .parent()
        .unwrap();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let output = Command::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../scripts/phase-3-caddy"
    ))
    .args(arguments)
    .env("PATH", path)
    .env("MKX_SITE", world.path("site.json"))
    .env("MKX_CADDY", Which::Current.program())
    .output()
    .unwrap();
    let record = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output, record)
}

#[test]
fn phase_3_makes_an_account_applies_the_edge_and_proves_it_and_can_run_again() {
    let world = World::new();
    world.write_users(&[]);
    let _server = Server::start(&world, Which::Current);
    let (output, record) = phase(&world, &["--dry-run"]);
    assert!(output.status.success());
    assert_eq!(record["todo"].as_array().unwrap().len(), 1);
    for _ in 0..2 {
        let (output, record) = phase(&world, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(
            (&record["record"], &record["ok"]),
            (&"mkx.phase/1".into(), &true.into())
        );
        assert!(
            said.contains(", 0 answered otherwise than promised"),
            "{said}"
        );
    }
    assert!(world.path("secrets/developer.password").is_file());
}

#[test]
fn phase_3_writes_labels_where_they_are_asked_for() {
    let world = World::new();
    let folder = world.path("labels");
    let (output, record) = phase(&world, &["--labels", folder.to_str().unwrap()]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(record["todo"].as_array().unwrap().len(), 1);
    let text = std::fs::read_to_string(folder.join("eb.labels.yml")).unwrap();
    assert!(text.contains("caddy_0: development.makapix.club"), "{text}");
}
