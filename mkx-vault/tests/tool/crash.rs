//! Ended at any instant, every final name is a whole file, EA is as it was, and the next run
//! repairs the rest.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::world::{Outcome, World, feed, manifest};

const FILES: usize = 3000;
const KILLS: u32 = 40;

fn path(number: usize) -> String {
    format!("{:02x}/{:02x}/{number}.png", number % 8, number % 5)
}

fn content(number: usize, version: u8) -> Vec<u8> {
    vec![version; 500 + number % 9000]
}

/// EA's files in one version, and the manifest of all.
fn world_of(version: u8) -> (World, String) {
    let world = World::in_memory();
    write(&world, version);
    let paths: Vec<String> = (0..FILES).map(path).collect();
    let text = manifest(paths.iter().map(String::as_str));
    (world, text)
}

fn write(world: &World, version: u8) {
    for number in 0..FILES {
        world.put(&format!("ea/{}", path(number)), content(number, version));
    }
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let done = std::process::Command::new("kill")
        .args(["-s", name, &pid])
        .status();
    assert!(done.unwrap().success());
}

/// Every final name holds one of the whole versions; how many there are.
#[track_caller]
fn check_whole(world: &World, versions: &[u8]) -> usize {
    let mut there = 0;
    for number in 0..FILES {
        let path = format!("eb/{}", path(number));
        if world.exists(&path) {
            let found = world.get(&path);
            let whole = versions
                .iter()
                .any(|version| found == content(number, *version));
            assert!(whole, "{path} is not whole: {} bytes", found.len());
            there += 1;
        }
    }
    there
}

#[test]
fn killed_at_random_instants_every_final_name_is_whole() {
    let (world, text) = world_of(1);
    let around = world.surroundings();
    let since = Instant::now();
    world.run(&["sync"], &text).expect(0);
    let whole_run = since.elapsed();

    // A low-discrepancy sequence: instants all over the run, the same on every machine.
    let instant = |round: u32| whole_run.mul_f64((f64::from(round) * 0.618_034).fract());
    let mut killed = 0;
    for round in 0.. {
        assert!(round < 20 * KILLS, "only {killed} runs were killed in time");
        if killed == KILLS {
            break;
        }
        // Every other run goes on where the one before it was killed.
        if round % 2 == 0 {
            std::fs::remove_dir_all(world.path("eb")).unwrap();
            std::fs::create_dir(world.path("eb")).unwrap();
        }
        let mut child = world.command(&["sync"]).spawn().unwrap();
        feed(&mut child, text.as_bytes());
        std::thread::sleep(instant(round));
        signal(&child, "KILL");
        killed += u32::from(!child.wait().unwrap().success());
        check_whole(&world, &[1]);
    }
    assert_eq!(world.surroundings(), around);
    world.run(&["sync"], &text).expect(0);
    assert_eq!(check_whole(&world, &[1]), FILES);
    assert!(world.leftovers().is_empty());
    world.run(&["verify"], &text).expect(0);
}

#[test]
fn killed_while_it_replaces_files_each_is_the_old_or_the_new_one() {
    let (world, text) = world_of(1);
    world.run(&["sync"], &text).expect(0);
    for round in 0..10_u8 {
        let (old, new) = (round + 1, round + 2);
        write(&world, new);
        let around = world.surroundings();
        let mut child = world.command(&["sync"]).spawn().unwrap();
        feed(&mut child, text.as_bytes());
        std::thread::sleep(Duration::from_millis(u64::from(round) * 12));
        signal(&child, "KILL");
        child.wait().unwrap();
        assert_eq!(check_whole(&world, &[old, new]), FILES);
        assert_eq!(world.surroundings(), around);
        world.run(&["sync"], &text).expect(0);
        assert_eq!(check_whole(&world, &[new]), FILES);
        assert!(world.leftovers().is_empty());
    }
}

#[test]
fn an_interrupted_run_leaves_nothing_unfinished_and_says_so() {
    let mut interrupted = 0;
    for round in 0..12 {
        let (world, text) = world_of(1);
        let mut child = world.command(&["sync"]).spawn().unwrap();
        feed(&mut child, text.as_bytes());
        std::thread::sleep(Duration::from_millis(5 + round * 7));
        signal(&child, if round % 2 == 0 { "INT" } else { "TERM" });
        let outcome = Outcome::new(child.wait_with_output().unwrap());
        check_whole(&world, &[1]);
        assert!(world.leftovers().is_empty(), "{:?}", world.leftovers());
        if outcome.code == 130 {
            interrupted += 1;
            assert!(outcome.stderr.contains("interrupted"));
            let journal = String::from_utf8(world.get("state/journal.jsonl")).unwrap();
            assert!(journal.lines().last().unwrap().contains("\"failed\""));
        } else {
            outcome.expect(0);
        }
    }
    assert!(interrupted > 0, "no run was interrupted in time");
}

#[test]
fn what_a_dead_run_left_is_removed_and_what_only_looks_like_it_is_not() {
    let world = World::in_memory();
    world.put("ea/24/07/x.png", "x");
    let mark = {
        use std::os::unix::fs::MetadataExt;
        let meta = world.path("eb").metadata().unwrap();
        format!("state/vault-{:x}-{:x}.unfinished", meta.dev(), meta.ino())
    };
    world.put(&mark, "");
    let ours = [
        "eb/24/07/.x.png.mkx-0123456789abcdef.tmp",
        "eb/old/.y.mkx-00000000ffffffff.tmp",
    ];
    let others = [
        "eb/24/07/.x.png.mkx-0123.tmp",
        "eb/x.png.17.reshard-tmp",
        "eb/a.mkx-0123456789abcdef.tmp",
    ];
    for path in ours.iter().chain(&others) {
        world.put(path, "half");
    }
    let report = world
        .run(&["sync"], manifest(["24/07/x.png"]))
        .expect(0)
        .record("mkx.vault.report/1");
    assert_eq!(report["leftovers_removed"], 2);
    assert!(ours.iter().all(|path| !world.exists(path)));
    assert!(others.iter().all(|path| world.exists(path)));
    assert!(!world.exists(&mark));
}
