//! `docs/compose.md` is true: its session runs as it is printed, and its table is the audit's.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::containers::{Engine, asleep};
use crate::world::World;
use serde_json::Value;

const DOCUMENT: &str = include_str!("../../../docs/compose.md");

/// Each command of the session, its exit code, and what it prints.
fn session(text: &str) -> Vec<(String, i32, String)> {
    let (_, rest) = text.split_once("```console\n").unwrap();
    let (session, _) = rest.split_once("```").unwrap();
    let mut steps: Vec<(String, i32, String)> = Vec::new();
    for line in session.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            let code = command
                .split_once("# exit ")
                .map_or(0, |(_, code)| code.parse().unwrap());
            steps.push((command.to_owned(), code, String::new()));
        } else {
            writeln!(steps.last_mut().unwrap().2, "{line}").unwrap();
        }
    }
    steps
}

#[test]
fn the_session_runs_as_it_is_printed() {
    let Engine(world) = &asleep();
    let names = &world.names;
    let text = DOCUMENT
        .replace("makapix-dev", &names.eb)
        .replace("makapix-prod", &names.ea)
        .replace("caddy_net", &names.network);
    let tools = Path::new(env!("CARGO_BIN_EXE_mkx-compose"))
        .parent()
        .unwrap();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    // Production runs beside it.
    world.record(&["up", "ea", "--confirm", "makapix.test"], 0);
    let steps = session(&text);
    assert!(steps.len() > 5);
    for (command, code, expected) in steps {
        let output = Command::new("bash")
            .args(["-c", &command])
            .current_dir(world.root())
            .env("PATH", &path)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let told = |line: &&str| {
            line.starts_with("mkx-compose: error:") || line.starts_with("mkx-compose: hint:")
        };
        let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
        for line in stderr.lines().filter(told) {
            writeln!(said, "{line}").unwrap();
        }
        assert_eq!(said, expected, "{command}: {stderr}");
        assert_eq!(output.status.code(), Some(code), "{command}: {stderr}");
    }
}

#[test]
fn the_audit_on_a_terminal_is_as_it_is_printed() {
    let world = World::new();
    let admin = "  admin:
    image: dpage/pgadmin4:latest
    profiles: [tools]
    networks: [internal]
    deploy: {resources: {limits: {cpus: \"0.1\", memory: 256M}}}
";
    for (checkout, over) in [("makapix", "prod"), ("makapix-dev", "dev")] {
        let file = format!("{checkout}/deploy/stack/docker-compose.{over}.yml");
        world.edit(&file, "services:\n", &format!("services:\n{admin}"));
    }
    let env = "makapix-dev/deploy/stack/.env.dev";
    world.edit(env, "DB_PUBLISHED_PORT=5433", "DB_PUBLISHED_PORT=5432");
    let mut site = world.site();
    site["accepted"] = serde_json::json!([{
        "rule": "mutable-tag",
        "subject": "dpage/pgadmin4:latest",
        "reason": "started by hand, for an hour",
        "until": "2999-12-31",
    }]);
    world.save_site(&site);
    let tool = env!("CARGO_BIN_EXE_mkx-compose");
    let output = Command::new("script")
        .args([
            "--quiet",
            "--return",
            "--command",
            &format!("{tool} audit"),
            "/dev/null",
        ])
        .current_dir(world.root())
        .env("NO_COLOR", "1")
        .env_remove("MKX_SITE")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    let session = format!("```text\n$ mkx-compose audit\n{said}```\n");
    assert!(
        DOCUMENT.contains(&session),
        "the session should be\n{session}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_table_of_rules_is_the_audits() {
    let explained = World::new().run(&["audit", "--explain"]);
    let mut table = String::from("| rule | | what is wrong |\n|---|---|---|\n");
    for line in explained.stdout.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            continue;
        }
        let rule: Value = serde_json::from_slice(line).unwrap();
        let text = |name: &str| rule[name].as_str().unwrap();
        let (id, severity, title) = (text("rule"), text("severity"), text("title"));
        writeln!(table, "| `{id}` | {severity} | {title} |").unwrap();
    }
    assert!(DOCUMENT.ends_with(&table), "the table should be\n{table}");
}
