//! `prune` removes what the manifest does not name, and nothing that it does not recognise.

use serde_json::{Value, json};

use crate::world::{World, end, manifest};

const KEPT: &str = "24/07/a1b2c3d4-e5f6-7890-abcd-ef1234567890.png";
const ALSO_KEPT: &str = "1b/00/00000000-0000-4000-8000-000000000000.webp";
const STALE: &str = "26/06/ffffffff-ffff-4fff-bfff-ffffffffffff.gif";

/// Two files to keep and a stale one, with things that are not prune's.
fn world() -> (World, String) {
    let world = World::new();
    for path in [KEPT, ALSO_KEPT, STALE] {
        world.put(&format!("eb/{path}"), "pixels");
    }
    (world, manifest([KEPT, ALSO_KEPT]))
}

#[track_caller]
fn prune(world: &World, arguments: &[&str], text: &str) -> Value {
    let arguments = [&["prune"], arguments].concat();
    world
        .run(&arguments, text)
        .expect(0)
        .record("mkx.vault.pruning/1")
}

#[test]
fn a_stale_file_goes_with_the_folders_that_it_leaves_empty() {
    let (world, text) = world();
    let pruning = prune(&world, &[], &text);
    assert_eq!(pruning["paths"], json!([STALE]));
    assert_eq!(
        (&pruning["removed"], &pruning["kept"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(
        (&pruning["bytes_removed"], &pruning["folders_removed"]),
        (&json!(6), &json!(2))
    );
    assert!(!world.exists("eb/26"));
    assert!(world.exists(&format!("eb/{KEPT}")) && world.exists(&format!("eb/{ALSO_KEPT}")));
    assert_eq!(prune(&world, &[], &text)["removed"], 0);
}

#[test]
fn a_dry_run_says_what_would_go() {
    let (world, text) = world();
    let before = world.eb();
    let pruning = prune(&world, &["--dry-run"], &text);
    assert_eq!(
        (&pruning["paths"], &pruning["dry_run"]),
        (&json!([STALE]), &json!(true))
    );
    assert_eq!(world.eb(), before);
    assert!(!world.exists("state"));
}

#[test]
fn more_than_half_goes_only_by_force() {
    let (world, _) = world();
    for text in [manifest([KEPT]), end(0)] {
        let before = world.eb();
        for arguments in [&["prune"][..], &["prune", "--dry-run"]] {
            let outcome = world.run(arguments, &text);
            outcome.expect(5);
            assert!(
                outcome.stderr.contains("more than half"),
                "{}",
                outcome.stderr
            );
        }
        assert_eq!(world.eb(), before);
    }
    assert_eq!(prune(&world, &["--force"], &manifest([KEPT]))["removed"], 2);
    assert!(world.exists(&format!("eb/{KEPT}")));
}

#[test]
fn what_is_not_recognised_stays() {
    let (world, text) = world();
    let others = [
        "eb/lost+found/#12",
        "eb/mkpx/26/06/ffffffff-ffff-4fff-bfff-ffffffffffff.mkpx",
        "eb/bdr/Ab3/ffffffff-ffff-4fff-bfff-ffffffffffff.zip",
        "eb/26/06/notes.txt",
        "eb/26/06/ffffffff-ffff-4fff-bfff-ffffffffffff.psd",
        "eb/README.md",
    ];
    for path in others {
        world.put(path, "mine");
    }
    let pruning = prune(&world, &[], &text);
    assert_eq!(
        (&pruning["removed"], &pruning["unrecognised"]),
        (&json!(1), &json!(6))
    );
    assert!(others.iter().all(|path| world.exists(path)));
}

#[test]
fn symlinks_are_neither_followed_nor_removed() {
    let (world, text) = world();
    let file = "24/07/ffffffff-ffff-4fff-bfff-ffffffffffff.png";
    world.put(&format!("outside/{file}"), "outside");
    world.put(&format!("ea/{file}"), "production");
    std::os::unix::fs::symlink(world.path("outside/24"), world.path("eb/30")).unwrap();
    std::os::unix::fs::symlink(world.path("ea/24"), world.path("eb/31")).unwrap();
    std::os::unix::fs::symlink(
        world.path(&format!("ea/{file}")),
        world.path(&format!("eb/{file}")),
    )
    .unwrap();
    let around = world.surroundings();
    assert_eq!(prune(&world, &[], &text)["paths"], json!([STALE]));
    assert_eq!(world.surroundings(), around);
    assert!(world.exists("eb/30") && world.exists("eb/31") && world.exists(&format!("eb/{file}")));
}

#[test]
fn a_manifest_with_a_bad_path_prunes_nothing() {
    let (world, _) = world();
    let before = world.eb();
    world
        .run(&["prune", "--force"], manifest([KEPT, "../x"]))
        .expect(3);
    assert_eq!(world.eb(), before);
}

#[test]
fn unfinished_files_of_a_dead_run_go_too() {
    let (world, text) = world();
    world.put("eb/24/07/.x.png.mkx-0123456789abcdef.tmp", "half");
    assert_eq!(prune(&world, &[], &text)["leftovers_removed"], 1);
}

#[test]
fn a_prune_is_a_step_of_the_journal() {
    let (world, text) = world();
    prune(&world, &[], &text);
    let journal = String::from_utf8(world.get("state/journal.jsonl")).unwrap();
    let last: Value = serde_json::from_str(journal.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["step"], &last["state"]),
        (&json!("mkx-vault prune"), &json!("done"))
    );
    assert_eq!(last["detail"]["removed"], 1);
}
