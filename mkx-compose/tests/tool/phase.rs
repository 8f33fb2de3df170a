//! `scripts/phase-1-compose`, from outside.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::world::{World, write};
use serde_json::Value;

const DEV_ENV: &str = "makapix-dev/deploy/stack/.env.dev";

fn phase(world: &World, arguments: &[&str]) -> Output {
    let tools = Path::new(env!("CARGO_BIN_EXE_mkx-compose"))
        .parent()
        .unwrap();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    Command::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../scripts/phase-1-compose"
    ))
    .args(arguments)
    .current_dir(world.root())
    .env("PATH", path)
    .env_remove("MKX_SITE")
    .output()
    .unwrap()
}

/// Runs it, expects the exit code, and reads what is left to do.
#[track_caller]
fn left_to_do(world: &World, arguments: &[&str], code: i32) -> Vec<String> {
    let output = phase(world, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record["record"], "mkx.phase/1");
    assert_eq!(
        (&record["phase"], &record["ok"]),
        (&1.into(), &(code == 0).into())
    );
    assert!(
        !said.contains("canary") && !record.to_string().contains("canary"),
        "a secret is shown"
    );
    serde_json::from_value(record["todo"].clone()).unwrap()
}

fn read(world: &World, file: &str) -> String {
    std::fs::read_to_string(world.path(file)).unwrap()
}

#[test]
fn developments_env_file_is_made_and_what_a_person_has_to_do_is_said() {
    let world = World::new();
    let file = world.path(DEV_ENV);
    std::fs::remove_file(&file).unwrap();

    assert_eq!(left_to_do(&world, &["--dry-run"], 0), [""; 0]);
    assert!(!file.exists());

    let todo = left_to_do(&world, &["--up"], 1);
    assert!(
        todo.iter()
            .any(|what| what.contains("GITHUB_OAUTH_CLIENT_ID in eb still waits")),
        "{todo:#?}"
    );
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // what a person does then
    let filled = read(&world, DEV_ENV)
        .replace("CHANGE_ME", "of-development")
        .replace("PORT=5432", "PORT=5433")
        .replace("PORT=8883", "PORT=8884")
        .replace("PORT=1883", "PORT=1884");
    write(&file, &filled);
    for _ in 0..2 {
        assert_eq!(left_to_do(&world, &[], 0), [""; 0]);
        assert_eq!(read(&world, DEV_ENV), filled);
    }
    let output = phase(&world, &["--dry-run", "--up"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("would run: mkx-compose up eb"));
}

#[test]
fn environments_that_are_not_apart_are_not_started() {
    let world = World::new();
    world.edit(
        "makapix-dev/deploy/stack/.env.dev",
        "DB_PUBLISHED_PORT=5433",
        "DB_PUBLISHED_PORT=5432",
    );
    let todo = left_to_do(&world, &["--up"], 1);
    assert!(
        todo.iter()
            .any(|what| what.contains("both environments publish port 5432")),
        "{todo:#?}"
    );
    let said = phase(&world, &["--up"]);
    let said = String::from_utf8_lossy(&said.stderr);
    assert!(said.contains("development is not started"), "{said}");
    assert!(!said.contains("mkx-compose up eb"), "{said}");
    // a dry run looks, says and changes nothing
    assert_eq!(left_to_do(&world, &["--dry-run"], 0), todo);
}

#[test]
fn productions_compose_file_is_split_once() {
    let world = World::new();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/large");
    for checkout in ["makapix", "makapix-dev"] {
        let folder = world.path(&format!("{checkout}/deploy/stack"));
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::create_dir_all(&folder).unwrap();
    }
    let stack = world.path("makapix/deploy/stack");
    for name in ["compose.yml", ".env"] {
        std::fs::copy(corpus.join(name), stack.join(name)).unwrap();
    }
    let todo = left_to_do(&world, &[], 1);
    assert!(todo[0].contains("--split FILE"), "{todo:#?}");

    let split = ["--split", "makapix/deploy/stack/compose.yml"];
    let output = phase(&world, &[&split[..], &["--dry-run"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("\n+++ "), "{said}");
    assert_eq!(std::fs::read_dir(&stack).unwrap().count(), 2);

    let todo = left_to_do(&world, &split, 1);
    assert!(
        todo.iter().all(|what| what.contains(" is not there: ")),
        "{todo:#?}"
    );
    assert!(stack.join("docker-compose.prod.yml").is_file());
    let before = read(&world, "makapix/deploy/stack/docker-compose.yml");
    assert_eq!(left_to_do(&world, &split, 1), todo);
    assert_eq!(
        read(&world, "makapix/deploy/stack/docker-compose.yml"),
        before
    );

    // what a person does then
    let checkout = world.path("makapix-dev/deploy/stack");
    for name in ["docker-compose.yml", "docker-compose.dev.yml"] {
        std::fs::copy(stack.join(name), checkout.join(name)).unwrap();
    }
    let example = read(&world, "makapix/deploy/stack/.env.prod.example");
    let now = read(&world, "makapix/deploy/stack/.env");
    write(&stack.join(".env.prod"), &format!("{example}{now}"));
    let todo = left_to_do(&world, &[], 1);
    assert!(checkout.join(".env.dev").is_file());
    assert!(
        todo.iter()
            .any(|what| what.contains("GITHUB_OAUTH_CLIENT_ID in eb still waits")),
        "{todo:#?}"
    );
}

#[test]
fn a_usage_that_is_wrong_is_said() {
    let world = World::new();
    for arguments in [&["--split"][..], &["--often"]] {
        let output = phase(&world, arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
    }
    write(&world.path("site.json"), "{}");
    assert_eq!(left_to_do(&world, &[], 3), [""; 0]);
}
