//! `scripts/phase-4-mqtt-oauth`: the order of its steps, what it leaves to a person, and the exit
//! codes that it passes on. The brokers are real; the answers of the other tools are given.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{DOMAIN, Ran, World};

/// Puts a program in front of the others.
fn program(world: &World, name: &str, body: &str) {
    let _ = std::fs::create_dir(world.path("bin"));
    let path = format!("bin/{name}");
    world.write(&path, &format!("#!/bin/sh\n{body}\n"));
    std::fs::set_permissions(world.path(&path), Permissions::from_mode(0o755)).unwrap();
}

/// The other tools; `findings` are those of `mkx-compose env check`.
fn others(world: &World, findings: &Value) {
    let mut site = world.document.clone();
    for name in ["ea", "eb"] {
        site["environments"][name]["mqtt"]["config_directory"] =
            json!(world.path(name).join("config"));
        site["environments"][name]["mqtt"]["certificate_directory"] =
            json!(world.path(name).join("certs"));
    }
    world.write("resolved.json", &site.to_string());
    world.write("findings.json", &json!({"findings": findings}).to_string());
    program(
        world,
        "mkx-compose",
        "echo \"$@\" >> called; case $1 in site) cat resolved.json ;; restart) test ! -e no-engine || exit 4 ;; env) case $3 in --quiet) if rm broken; then exit 4; fi ;; esac; cat findings.json; ! grep -q severity findings.json ;; esac",
    );
    program(world, "mkx-caddy", "echo '{\"ok\": true}'");
    let tool = env!("CARGO_BIN_EXE_mkx-mqtt");
    program(world, "mkx-mqtt", &format!("exec {tool} \"$@\""));
}

fn run(world: &World, arguments: &[&str]) -> Ran {
    let path = std::env::var("PATH").unwrap_or_default();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/phase-4-mqtt-oauth");
    let output = Command::new(script)
        .args(arguments)
        .current_dir(world.path(""))
        .env("PATH", format!("{}:{path}", world.path("bin").display()))
        .env("MKX_SITE", world.path("site.json"))
        .output()
        .unwrap();
    Ran::of(output)
}

#[test]
fn the_phase_is_done_where_everything_is_right_and_may_be_done_again() {
    let world = World::running();
    others(&world, &json!([]));
    for _ in 0..2 {
        let record = run(&world, &["--confirm", DOMAIN]).succeeded().json();
        assert_eq!(record["record"], "mkx.phase/1");
        assert_eq!((&record["ok"], &record["todo"]), (&json!(true), &json!([])));
    }
    assert!(
        !world.read("called").contains("restart"),
        "nothing had changed"
    );
}

#[test]
fn what_only_a_person_can_do_is_printed_exactly_and_said_by_the_code() {
    let world = World::running();
    let finding = json!({"severity": "error", "subject": "ID",
        "message": "ID is the same in both environments"});
    others(&world, &json!([finding]));
    let ran = run(&world, &[]).exits(1);
    let line = "Authorization callback URL  https://eb.test/callback\n";
    assert!(ran.stderr().contains(line), "{}", ran.stderr());
    assert_eq!(ran.json()["todo"].as_array().unwrap().len(), 1);
}

#[test]
fn waiting_ends_when_the_person_is_done_and_a_broken_look_does_not_end_it() {
    let world = World::running();
    let finding = json!({"severity": "error", "subject": "ID",
        "message": "ID is the same in both environments"});
    others(&world, &json!([finding]));
    let record = std::thread::scope(|scope| {
        scope.spawn(|| {
            // However it goes, the script is not left waiting.
            for _ in 0..600 {
                let called = std::fs::read_to_string(world.path("called")).unwrap_or_default();
                if called.lines().any(|line| line == "env check --quiet") {
                    break;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            world.write("findings.json", &json!({"findings": []}).to_string());
        });
        world.write("broken", "");
        run(&world, &["--wait"]).succeeded().json()
    });
    let looks = record["steps"].as_array().unwrap().iter();
    let looks = looks.filter(|step| step["step"] == "mkx-compose env check");
    assert_eq!(looks.count(), 1, "{record}");
    assert!(world.read("called").matches("env check --quiet").count() >= 2);
}

#[test]
fn a_dry_run_changes_nothing_and_asks_no_broker() {
    let world = World::empty();
    others(&world, &json!([]));
    let ran = run(&world, &["--dry-run"]).succeeded();
    let line = "would run: mkx-mqtt certs init eb";
    assert!(ran.stderr().contains(line), "{}", ran.stderr());
    assert!(!world.path("eb/certs").exists() && !world.path("state").exists());
}

#[test]
fn what_development_lacks_is_made_and_a_broker_that_is_not_there_is_a_failed_peer() {
    let world = World::furnished();
    std::fs::remove_dir_all(world.path("eb/config")).unwrap();
    others(&world, &json!([]));
    let record = run(&world, &[]).exits(4).json();
    assert_eq!(record["ok"], false);
    assert!(world.read("called").contains("restart eb mqtt"));
    assert_eq!(world.run(&["check"]).json()["findings"], json!([]));
}

#[test]
fn a_new_password_reaches_the_broker_even_where_the_first_restart_fails() {
    let world = World::running();
    others(&world, &json!([]));
    world.write("eb/.env", "MQTT_PASSWORD=another-word-of-eb\n");
    world.write("no-engine", "");
    run(&world, &[]).exits(4);
    // the password is in its place now, and the broker does not know it yet
    std::fs::remove_file(world.path("no-engine")).unwrap();
    let count = || world.read("called").matches("restart eb mqtt").count();
    assert_eq!(count(), 1);
    run(&world, &[]);
    assert_eq!(count(), 2);
    run(&world, &[]);
    assert_eq!(count(), 2, "it has been restarted");
}

#[test]
fn a_record_is_printed_where_the_site_can_not_be_read_too() {
    let world = World::empty();
    others(&world, &json!([]));
    std::fs::remove_file(world.path("resolved.json")).unwrap();
    let record = run(&world, &[]).exits(1).json();
    assert_eq!(record["steps"][0]["step"], "mkx-compose site");
}

#[test]
fn an_authority_that_is_half_there_stops_the_phase() {
    let world = World::furnished();
    std::fs::remove_file(world.path("eb/certs/ca.key")).unwrap();
    others(&world, &json!([]));
    run(&world, &[]).exits(5);
    run(&world, &["--nonsense"]).exits(2);
}
