//! A disk that is full, before and during the copy. The small file systems are mounts of the
//! run's own namespace, which end with it.

use crate::world::{World, finish, lines, manifest};
use serde_json::json;

/// Runs the tool on a small EB of its own and lists afterwards what lies there, on stderr.
fn run_on(world: &World, options: &str, arguments: &[&str], text: &str) -> crate::world::Outcome {
    let script = format!(
        "mount -t tmpfs -o {options} tmpfs eb\n\
         code=0; \"$@\" || code=$?\n\
         find eb -type f >&2\n\
         exit \"$code\""
    );
    finish(world.command_with_mounts(&script, arguments), text)
}

#[test]
fn files_that_do_not_fit_are_not_begun() {
    let world = World::new();
    world.put("ea/a", vec![1; 700_000]);
    world.put("ea/b", vec![2; 700_000]);
    let outcome = run_on(&world, "size=1m", &["sync"], &manifest(["a", "b"]));
    outcome.expect(4);
    assert!(
        outcome.stderr.contains("cannot copy 2 files into"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("hint: make room"));
    assert!(!outcome.stderr.contains("eb/"), "{}", outcome.stderr);
}

#[test]
fn the_margin_stays_free() {
    let world = World::new();
    world.put("ea/a", vec![1; 300_000]);
    let text = manifest(["a"]);
    run_on(&world, "size=1m", &["sync", "--min-free", "1000000"], &text).expect(4);
    run_on(&world, "size=1m", &["sync", "--min-free", "100000"], &text).expect(0);
    let plan = run_on(&world, "size=1m", &["plan", "--min-free", "1000000"], &text);
    assert_eq!(plan.expect(4).record("mkx.vault.plan/1")["fits"], false);
}

#[test]
fn a_disk_that_fills_up_on_the_way_keeps_only_whole_files() {
    let world = World::new();
    // Folders take inodes too, which no check before the copy can foresee for every file system.
    let paths: Vec<String> = (0..20).map(|n| format!("{n:02x}/{n:02x}/file")).collect();
    for path in &paths {
        world.put(&format!("ea/{path}"), path);
    }
    let text = manifest(paths.iter().map(String::as_str));
    let outcome = run_on(&world, "size=8m,nr_inodes=30", &["sync"], &text);
    let report = outcome.expect(4).record("mkx.vault.report/1");
    assert_eq!(report["ok"], false);
    assert!(
        outcome.stderr.contains("No space left on device"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("hint: make room"));
    assert!(!outcome.stderr.contains(".mkx-"), "{}", outcome.stderr);
    let journal = String::from_utf8(world.get("state/journal.jsonl")).unwrap();
    assert!(journal.lines().last().unwrap().contains("\"failed\""));
}

#[test]
fn too_few_inodes_are_foreseen_for_files() {
    let world = World::new();
    let text = lines((0..40).map(|n| {
        world.put(&format!("ea/{n}"), "x");
        json!({"path": n.to_string()})
    }));
    let outcome = run_on(&world, "size=8m,nr_inodes=20", &["sync"], &text);
    outcome.expect(4);
    assert!(outcome.stderr.contains("inodes left"), "{}", outcome.stderr);
}
