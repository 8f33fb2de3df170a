//! What `sync` and `plan` do where nothing is wrong, or only files are missing.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::world::{World, end, feed, finish, lines, manifest};

const REPORT: &str = "mkx.vault.report/1";

fn three_files() -> (World, String) {
    let world = World::new();
    world.put("ea/24/07/a.png", "a");
    world.put("ea/24/07/b.png", vec![7; 300_000]);
    world.put("ea/avatar/00/01/c.gif", "");
    world.put("ea/not-asked-for", "x");
    let text = manifest(["avatar/00/01/c.gif", "24/07/b.png", "24/07/a.png"]);
    (world, text)
}

#[test]
fn eb_gets_the_files_of_the_manifest_and_no_other() {
    let (world, text) = three_files();
    let before = world.surroundings();
    let report = world.run(&["sync"], &text).expect(0).record(REPORT);
    assert_eq!(report["ok"], true);
    assert_eq!(
        (&report["copied"], &report["files"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(report["bytes_copied"], 300_001);
    for path in ["24/07/a.png", "24/07/b.png", "avatar/00/01/c.gif"] {
        assert_eq!(
            world.get(&format!("eb/{path}")),
            world.get(&format!("ea/{path}"))
        );
    }
    assert!(!world.exists("eb/not-asked-for"));
    assert_eq!(world.surroundings(), before);
    assert!(world.leftovers().is_empty());
}

#[test]
fn what_is_there_already_is_skipped_and_not_touched() {
    let (world, text) = three_files();
    world.run(&["sync"], &text).expect(0);
    let before = world.eb();
    let report = world.run(&["sync"], &text).expect(0).record(REPORT);
    assert_eq!(
        (&report["copied"], &report["unchanged"]),
        (&json!(0), &json!(3))
    );
    assert_eq!(world.eb(), before);
}

#[test]
fn times_and_modes_are_kept_and_folders_are_as_ea_has_them() {
    let (world, text) = three_files();
    let old = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
    let file = std::fs::File::options()
        .write(true)
        .open(world.path("ea/24/07/a.png"))
        .unwrap();
    file.set_modified(old).unwrap();
    file.set_permissions(PermissionsExt::from_mode(0o640))
        .unwrap();
    for (folder, mode) in [("ea/24", 0o750), ("ea/24/07", 0o2775)] {
        std::fs::set_permissions(world.path(folder), PermissionsExt::from_mode(mode)).unwrap();
    }
    world.run(&["sync"], &text).expect(0);
    let meta = |path: &str| world.path(path).metadata().unwrap();
    assert_eq!(meta("eb/24/07/a.png").modified().unwrap(), old);
    assert_eq!(meta("eb/24/07/a.png").mode() & 0o7777, 0o640);
    assert_eq!(meta("eb/24").mode() & 0o7777, 0o750);
    assert_eq!(meta("eb/24/07").mode() & 0o7777, 0o2775);
    assert_eq!(meta("eb/24/07/a.png").nlink(), 1);
    assert_eq!(meta("ea/24/07/a.png").nlink(), 1);
}

#[test]
fn a_file_that_changed_is_replaced_by_a_new_one() {
    let (world, text) = three_files();
    world.run(&["sync"], &text).expect(0);
    let reader = std::fs::File::open(world.path("eb/24/07/a.png")).unwrap();
    world.put("ea/24/07/a.png", "new");
    let report = world.run(&["sync"], &text).expect(0).record(REPORT);
    assert_eq!(
        (&report["copied"], &report["unchanged"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(world.get("eb/24/07/a.png"), b"new");
    // Who had it open reads on in the old one.
    assert_eq!(std::io::read_to_string(reader).unwrap(), "a");
}

#[test]
fn contents_decide_where_checksum_is_asked_for() {
    let (world, text) = three_files();
    world.run(&["sync"], &text).expect(0);
    let modified = world
        .path("eb/24/07/a.png")
        .metadata()
        .unwrap()
        .modified()
        .unwrap();
    world.put("eb/24/07/a.png", "z");
    let file = std::fs::File::options()
        .write(true)
        .open(world.path("eb/24/07/a.png"))
        .unwrap();
    file.set_modified(modified).unwrap();
    let by_time = world.run(&["sync"], &text).expect(0).record(REPORT);
    assert_eq!(by_time["copied"], 0);
    let by_content = world
        .run(&["sync", "--checksum"], &text)
        .expect(0)
        .record(REPORT);
    assert_eq!(by_content["copied"], 1);
    assert_eq!(world.get("eb/24/07/a.png"), b"a");
}

#[test]
fn a_required_file_that_is_missing_decides_the_answer_an_optional_one_does_not() {
    let world = World::new();
    world.put("ea/a", "a");
    let optional = json!({"path": "gone/x", "optional": true});
    let text = lines([json!({"path": "a"}), optional.clone()]);
    let report = world.run(&["sync"], text).expect(0).record(REPORT);
    assert_eq!(
        (&report["copied"], &report["absent"]),
        (&json!(1), &json!(1))
    );
    let text = lines([json!({"path": "a"}), optional, json!({"path": "b"})]);
    let outcome = world.run(&["sync"], text);
    let report = outcome.expect(1).record(REPORT);
    assert_eq!(report["ok"], false);
    assert_eq!(report["missing"], json!(["b"]));
    assert!(outcome.stderr.contains("EA's vault does not have \"b\""));
}

#[test]
fn a_file_of_another_size_or_digest_than_the_manifest_says_is_not_copied() {
    let world = World::new();
    world.put("ea/a", "a");
    world.put("ea/b", "b");
    let text = lines([
        json!({"path": "a", "size_bytes": 2}),
        json!({"path": "b", "size_bytes": 1, "sha256": "0".repeat(64)}),
    ]);
    let outcome = world.run(&["sync", "--checksum"], text);
    let report = outcome.expect(1).record(REPORT);
    let mismatched: Vec<&Value> = report["mismatched"].as_array().unwrap().iter().collect();
    assert_eq!(
        mismatched[0]["cause"],
        "it has 1 bytes in EA's vault, the manifest says 2"
    );
    assert_eq!(
        mismatched[1]["cause"],
        "its SHA-256 in EA's vault is not the manifest's"
    );
    assert!(world.eb().is_empty());
}

#[test]
fn plan_and_dry_run_say_the_same_and_change_nothing() {
    let (world, text) = three_files();
    for arguments in [&["plan"][..], &["sync", "--dry-run"]] {
        let plan = world
            .run(arguments, &text)
            .expect(0)
            .record("mkx.vault.plan/1");
        assert_eq!((&plan["to_copy"], &plan["fits"]), (&json!(3), &json!(true)));
        assert!(world.eb().is_empty());
        assert!(!world.exists("state"));
    }
}

#[test]
fn a_manifest_may_be_a_file() {
    let (world, text) = three_files();
    world.put("manifest.jsonl", text);
    world
        .run(&["sync", "manifest.jsonl", "--jobs", "1"], "")
        .expect(0);
    assert!(world.exists("eb/24/07/a.png"));
}

#[test]
fn a_reader_that_goes_away_is_a_silent_success_and_the_work_is_done() {
    let (world, text) = three_files();
    let mut child = world.command(&["sync"]).spawn().unwrap();
    drop(child.stdout.take());
    feed(&mut child, text.as_bytes());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
    assert!(world.exists("eb/24/07/a.png"));
}

#[test]
fn a_change_is_a_step_of_the_journal() {
    let (world, text) = three_files();
    world.run(&["sync"], &text).expect(0);
    world
        .run(&["sync"], lines([json!({"path": "a/../b"})]))
        .expect(3);
    let journal = String::from_utf8(world.get("state/journal.jsonl")).unwrap();
    let entries: Vec<Value> = journal
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // The second run failed before it touched anything.
    let states: Vec<&Value> = entries.iter().map(|entry| &entry["state"]).collect();
    assert_eq!(states, ["started", "done"]);
    assert_eq!(entries[1]["step"], "mkx-vault sync");
    assert_eq!(entries[1]["detail"]["copied"], 3);
}

#[test]
fn a_file_that_never_keeps_still_is_named_and_not_placed() {
    let world = World::new();
    world.put("ea/busy", vec![0; 64 * 1024 * 1024]);
    let busy = world.path("ea/busy");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::os::unix::fs::FileExt;
            let file = std::fs::File::options().write(true).open(&busy).unwrap();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                file.write_all_at(b"x", 0).unwrap();
            }
        });
        let outcome = world.run(&["sync"], manifest(["busy"]));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let report = outcome.expect(4).record(REPORT);
        assert_eq!(
            report["failed"][0]["cause"],
            "it changes while it is copied"
        );
    });
    assert!(world.eb().is_empty());
}

#[test]
fn eas_times_of_last_access_stay() {
    let world = World::new();
    world.put("ea/a", "a");
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let file = std::fs::File::options()
        .write(true)
        .open(world.path("ea/a"))
        .unwrap();
    let times = std::fs::FileTimes::new().set_accessed(old);
    file.set_times(times).unwrap();
    world.run(&["sync"], manifest(["a"])).expect(0);
    assert_eq!(
        world.path("ea/a").metadata().unwrap().accessed().unwrap(),
        old
    );
}

#[test]
fn another_file_system_may_hold_ebs_vault() {
    let (world, text) = three_files();
    let mount = "mount -t tmpfs -o size=8m tmpfs eb";
    let check = format!("{mount}\nsh -c 'sleep 0'");
    let report = finish(world.command_with_mounts(&check, &["sync"]), &text)
        .expect(0)
        .record(REPORT);
    assert_eq!(
        (&report["copied"], &report["reflinked"]),
        (&json!(3), &json!(0))
    );
}

#[test]
fn an_empty_manifest_asks_for_nothing() {
    let world = World::new();
    let report = world.run(&["sync"], end(0)).expect(0).record(REPORT);
    assert_eq!((&report["files"], &report["ok"]), (&json!(0), &json!(true)));
}
