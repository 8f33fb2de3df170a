//! Who may pass Basic Auth.

use std::os::unix::fs::PermissionsExt;

use crate::world::World;
use serde_json::Value;

fn mode(path: &std::path::Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn a_password_from_stdin_is_kept_as_a_bcrypt_hash_that_nobody_else_can_read() {
    let world = World::new();
    let output = world.run(
        &["users", "add", "tester", "--cost", "10"],
        "correct horse\n",
    );
    assert!(output.status.success());
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record["record"], "mkx.caddy.users/1");
    assert_eq!(record["added"], "tester");
    assert_eq!(record["users"], serde_json::json!(["developer", "tester"]));
    let path = world.path("secrets/eb-users");
    assert_eq!(mode(&path), 0o600);
    let text = std::fs::read_to_string(path).unwrap();
    let hash = text
        .lines()
        .find_map(|line| line.strip_prefix("tester:"))
        .unwrap();
    assert!(bcrypt::verify("correct horse", hash).unwrap());
    for said in [&output.stdout, &output.stderr] {
        assert!(!String::from_utf8_lossy(said).contains("correct horse"));
    }
}

#[test]
fn a_generated_password_is_in_a_file_and_nowhere_else() {
    let world = World::new();
    let output = world.run(
        &["users", "add", "developer", "--generate", "--cost", "10"],
        "",
    );
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record["changed"], "developer");
    let path = std::path::PathBuf::from(record["password_file"].as_str().unwrap());
    assert_eq!(mode(&path), 0o600);
    let password = std::fs::read_to_string(path).unwrap();
    let users = std::fs::read_to_string(world.path("secrets/eb-users")).unwrap();
    let hash = users.trim().strip_prefix("developer:").unwrap();
    assert!(bcrypt::verify(password.trim(), hash).unwrap());
    assert!(!String::from_utf8_lossy(&output.stderr).contains(password.trim()));
}

#[test]
fn removing_an_account_leaves_the_others_and_a_line_in_the_journal() {
    let world = World::new();
    world.write_users(&[("developer", "a"), ("tester", "b")]);
    let record: Value =
        serde_json::from_str(&world.stdout(&["users", "remove", "tester"])).unwrap();
    assert_eq!(record["users"], serde_json::json!(["developer"]));
    let journal = std::fs::read_to_string(world.path("state/journal.jsonl")).unwrap();
    assert!(journal.contains("\"step\":\"mkx-caddy users remove\",\"state\":\"done\""));
    assert_eq!(
        world.run(&["users", "remove", "tester"], "").status.code(),
        Some(1)
    );
}

#[test]
fn what_could_not_be_a_password_or_a_name_is_refused() {
    let world = World::new();
    let long = "x".repeat(73);
    for (name, password) in [
        ("tester", ""),
        ("tester", long.as_str()),
        ("a.b", "x"),
        ("a_1", "x"),
    ] {
        let output = world.run(&["users", "add", name, "--cost", "10"], password);
        assert_eq!(output.status.code(), Some(3), "{name} {password}");
    }
}
