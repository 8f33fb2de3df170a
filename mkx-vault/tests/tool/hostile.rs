//! Manifests and vaults that were made to do harm: nothing outside EB's vault is written, and
//! nothing of EA's changes.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use serde_json::json;

use crate::world::{World, end, finish, lines, manifest};

const GOOD: &str = "good/file.png";

/// Runs with a bad line and a good one, with and without `--keep-going`.
#[track_caller]
fn check(world: &World, bad_line: &[u8], cause: &str) {
    world.put(&format!("ea/{GOOD}"), "good");
    let mut text = bad_line.to_vec();
    text.extend_from_slice(b"\n");
    let good = json!({"record": "mkx.vault.file/1", "path": GOOD});
    text.extend_from_slice(format!("{good}\n{}", end(2)).as_bytes());
    let around = world.surroundings();
    let eb = world.eb();

    let strict = world.run(&["sync"], &text);
    strict.expect(3);
    assert!(strict.stderr.contains(cause), "{}", strict.stderr);
    assert_eq!(world.eb(), eb);

    let outcome = world.run(&["sync", "--keep-going"], &text);
    let report = outcome.expect(3).record("mkx.vault.report/1");
    assert_eq!(report["copied"], 1);
    let refused = report["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 1);
    let said = refused[0]["cause"].as_str().unwrap();
    assert!(said.contains(cause), "{said}");
    assert_eq!(world.get(&format!("eb/{GOOD}")), b"good");

    assert_eq!(world.surroundings(), around);
    let mut after = world.eb();
    after.retain(|path, _| !path.starts_with("good"));
    assert_eq!(after, eb);
    std::fs::remove_dir_all(world.path("eb/good")).unwrap();
}

#[track_caller]
fn check_path(world: &World, path: &str, cause: &str) {
    let line = json!({"record": "mkx.vault.file/1", "path": path});
    check(world, line.to_string().as_bytes(), cause);
}

#[test]
fn an_absolute_path_is_refused() {
    let world = World::new();
    world.put("victim", "v");
    let absolute = world.path("victim").display().to_string();
    check_path(&world, &absolute, "it is absolute");
    check_path(&world, "//etc/passwd", "it is absolute");
}

#[test]
fn a_path_with_dots_is_refused() {
    let world = World::new();
    world.put("victim", "v");
    for path in [
        "../victim",
        "a/../../victim",
        "good/../x",
        "./x",
        "..",
        "a/..",
    ] {
        check_path(&world, path, "it has an empty component, \".\" or \"..\"");
    }
}

#[test]
fn a_path_with_empty_components_is_refused() {
    let world = World::new();
    check_path(&world, "", "it is empty");
    for path in ["a//b", "a/"] {
        check_path(&world, path, "it has an empty component");
    }
}

#[test]
fn control_characters_are_refused() {
    let world = World::new();
    for path in ["a\nb", "a\0b", "\u{1b}[2J", "a\rb", "a\u{85}b"] {
        check_path(&world, path, "it holds a control character");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_refused() {
    let world = World::new();
    let cause = "it is not UTF-8";
    check(
        &world,
        b"{\"record\":\"mkx.vault.file/1\",\"path\":\"a\xffb\"}",
        cause,
    );
    check(
        &world,
        b"{\"record\":\"mkx.vault.file/1\",\"path\":\"a\\ud800b\"}",
        cause,
    );
    check(
        &world,
        b"{\"record\":\"mkx.vault.file/1\",\"path\":\"\xc0\xae\xc0\xae/x\"}",
        cause,
    );
}

#[test]
fn names_that_no_file_system_takes_are_refused() {
    let world = World::new();
    check_path(&world, &"n".repeat(4096), "too long");
    check_path(&world, &"n".repeat(256), "too long");
    check_path(&world, &"n/".repeat(3000), "too long");
}

#[test]
fn the_longest_names_are_copied() {
    let world = World::new();
    let name = "ä".repeat(127);
    let deep = format!("{0}/{0}/{0}/{name}", "d".repeat(255));
    for path in [&name, &deep] {
        world.put(&format!("ea/{path}"), "long");
    }
    world
        .run(&["sync"], manifest([name.as_str(), deep.as_str()]))
        .expect(0);
    assert_eq!(world.get(&format!("eb/{deep}")), b"long");
}

#[test]
fn our_own_temporary_names_are_refused() {
    let world = World::new();
    let path = "24/.x.mkx-0123456789abcdef.tmp";
    world.put(&format!("ea/{path}"), "x");
    check_path(&world, path, "kept for mkx-vault's own temporary files");
}

#[test]
fn a_symlink_on_the_way_in_ebs_vault_is_refused() {
    let world = World::new();
    std::fs::create_dir(world.path("outside")).unwrap();
    world.put("ea/24/07/x.png", "x");
    symlink("../outside", world.path("eb/24")).unwrap();
    check_path(
        &world,
        "24/07/x.png",
        "a symlink is on the way in EB's vault",
    );
    assert!(world.path("outside").read_dir().unwrap().next().is_none());
}

#[test]
fn a_symlink_into_eas_vault_is_refused() {
    let world = World::new();
    world.put("ea/24/07/x.png", "x");
    symlink(world.path("ea/24"), world.path("eb/24")).unwrap();
    check_path(
        &world,
        "24/07/x.png",
        "a symlink is on the way in EB's vault",
    );
}

#[test]
fn a_symlink_that_stays_inside_is_refused_too() {
    let world = World::new();
    world.put("ea/24/07/x.png", "x");
    std::fs::create_dir(world.path("eb/other")).unwrap();
    symlink("other", world.path("eb/24")).unwrap();
    check_path(
        &world,
        "24/07/x.png",
        "a symlink is on the way in EB's vault",
    );
}

#[test]
fn a_symlink_in_eas_vault_is_not_read_through() {
    let world = World::new();
    world.put("secret/key", "secret");
    symlink("../secret", world.path("ea/24")).unwrap();
    symlink("../secret/key", world.path("ea/x.png")).unwrap();
    check_path(&world, "24/key", "a symlink is on the way in EA's vault");
    check_path(&world, "x.png", "it is a symlink in EA's vault");
}

#[test]
fn a_symlink_with_the_files_own_name_is_refused() {
    let world = World::new();
    world.put("victim", "v");
    world.put("ea/x.png", "x");
    symlink("../victim", world.path("eb/x.png")).unwrap();
    check_path(&world, "x.png", "it is a symlink in EB's vault");
}

#[test]
fn what_is_not_a_file_is_refused_and_waited_for_by_nobody() {
    let world = World::new();
    let made = std::process::Command::new("mkfifo")
        .arg(world.path("ea/fifo"))
        .status();
    assert!(made.unwrap().success());
    let _socket = UnixListener::bind(world.path("ea/socket")).unwrap();
    std::fs::create_dir(world.path("ea/folder")).unwrap();
    check_path(&world, "fifo", "it is a FIFO in EA's vault");
    check_path(&world, "socket", "it is a socket in EA's vault");
    check_path(&world, "folder", "it is a folder in EA's vault");
}

#[test]
fn a_folder_where_a_file_belongs_is_refused() {
    let world = World::new();
    world.put("ea/x.png", "x");
    world.put("eb/x.png/y", "y");
    check_path(&world, "x.png", "it is a folder in EB's vault");
}

#[test]
fn a_file_where_a_folder_belongs_is_refused() {
    let world = World::new();
    world.put("ea/24/x.png", "x");
    world.put("eb/24", "a file");
    check_path(&world, "24/x.png", "a file is on the way in EB's vault");
}

#[test]
fn a_hard_link_to_productions_file_is_refused() {
    let world = World::new();
    world.put("ea/x.png", "x");
    std::fs::hard_link(world.path("ea/x.png"), world.path("eb/x.png")).unwrap();
    check_path(&world, "x.png", "EB's file is production's own");
}

#[test]
fn a_mount_inside_ebs_vault_is_not_ebs_vault() {
    let world = World::new();
    world.put("ea/24/07/x.png", "x");
    std::fs::create_dir(world.path("eb/24")).unwrap();
    let mount = "mount -t tmpfs -o size=1m tmpfs eb/24";
    let outcome = finish(
        world.command_with_mounts(mount, &["sync"]),
        manifest(["24/07/x.png"]),
    );
    outcome.expect(3);
    assert!(
        outcome
            .stderr
            .contains("another mount is on the way in EB's vault"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_million_dots_do_not_end_the_tool() {
    let world = World::new();
    let text = lines((0..2000).map(|n| json!({"path": format!("{}x", "../".repeat(n % 50 + 1))})));
    let around = world.surroundings();
    let outcome = world.run(&["sync", "--keep-going"], text);
    let report = outcome.expect(3).record("mkx.vault.report/1");
    assert_eq!(report["refused"].as_array().unwrap().len(), 2000);
    assert_eq!(world.surroundings(), around);
}
