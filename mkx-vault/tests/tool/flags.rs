//! Where flags name both vaults no site document is needed, and the guards are as strong.

use crate::world::{World, finish, manifest};

const NAMED: [&str; 4] = ["--from", "ea", "--to", "eb"];

/// Vaults of which no site document says whose they are.
fn world() -> World {
    let world = World::new();
    std::fs::remove_file(world.path("site.json")).unwrap();
    world.put("ea/24/07/x.png", "x");
    world
}

fn with<'a>(verb: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[verb], &NAMED[..], more].concat()
}

#[test]
fn an_empty_vault_is_filled_judged_and_filled_again() {
    let world = world();
    let text = manifest(["24/07/x.png"]);
    for copied in [1, 0] {
        let outcome = world.run(&with("sync", &[]), &text);
        let report = outcome.expect(0).record("mkx.vault.report/1");
        assert_eq!(report["copied"], copied);
    }
    for verb in ["plan", "verify", "prune", "usage"] {
        let text = if verb == "usage" { "" } else { &text };
        world.run(&with(verb, &[]), text).expect(0);
    }
    let journal = String::from_utf8(world.get("eb/.mkx-vault/journal.jsonl")).unwrap();
    assert_eq!(journal.lines().count(), 6);
    assert!(!world.exists("state") && !world.exists("ea/.mkx-vault"));
}

#[test]
fn a_vault_of_which_nobody_says_that_it_is_developments_is_refused() {
    let world = world();
    world.put("eb/24/07/other.png", "y");
    let eb = world.eb();
    for verb in ["sync", "plan", "prune"] {
        let outcome = world.run(&with(verb, &[]), manifest(["24/07/x.png"]));
        outcome.expect(5);
        assert!(outcome.stderr.contains("no mark of ours"), "{verb}");
    }
    assert_eq!(world.eb(), eb);
    std::fs::create_dir(world.path("eb/.mkx-vault")).unwrap();
    world
        .run(&with("sync", &[]), manifest(["24/07/x.png"]))
        .expect(0);
}

#[test]
fn the_source_is_never_the_target_without_a_site_either() {
    let world = world();
    std::fs::create_dir(world.path("ea/.mkx-vault")).unwrap();
    for to in ["ea", "ea/24", "."] {
        let arguments = ["sync", "--from", "ea", "--to", to];
        world.run(&arguments, manifest(["24/07/x.png"])).expect(5);
    }
}

#[test]
fn no_manifest_names_our_mark() {
    let world = world();
    world.put("ea/.mkx-vault/lock", "of another");
    let outcome = world.run(&with("sync", &[]), manifest([".mkx-vault/lock"]));
    outcome.expect(3);
    assert!(outcome.stderr.contains("kept for mkx-vault's own mark"));
}

#[test]
fn a_run_that_knows_the_site_and_one_that_does_not_exclude_each_other() {
    let world = world();
    let eb = std::fs::File::open(world.path("eb")).unwrap();
    eb.lock().unwrap();
    let outcome = world.run(&with("sync", &[]), manifest(["24/07/x.png"]));
    outcome.expect(5);
    assert!(outcome.stderr.contains("another run of mkx-vault"));
}

#[test]
fn one_vault_alone_does_not_do_without_a_site() {
    let outcome = world().run(&["sync", "--to", "eb"], manifest(["24/07/x.png"]));
    outcome.expect(3);
    assert!(outcome.stderr.contains("site document"));
}

#[test]
fn a_site_that_is_named_and_not_there_is_no_site_that_is_not_needed() {
    let world = world();
    let mut command = world.command(&with("sync", &[]));
    command.env("MKX_SITE", "nowhere.json");
    finish(command, manifest(["24/07/x.png"])).expect(3);
    assert!(world.eb().is_empty());
}
