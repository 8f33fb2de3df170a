//! Arguments, schema and the journal.

use crate::world::World;

#[test]
fn the_schema_names_every_record() {
    let world = World::empty();
    let schema = world.run(&["schema"]).succeeded().json();
    for record in [
        "mkx.mqtt.broker/1",
        "mkx.mqtt.account/1",
        "mkx.mqtt.authority/1",
        "mkx.mqtt.bundle/1",
        "mkx.mqtt.revocations/1",
        "mkx.mqtt.check/2",
        "mkx.mqtt.probe/1",
    ] {
        assert!(schema["writes"][record].is_object(), "{record}");
    }
}

#[test]
fn every_change_is_a_step_of_the_journal_and_no_secret_is_in_it() {
    let world = World::furnished();
    world.device("eb", "0b7c");
    let journal = world.read("state/journal.jsonl");
    for step in ["certs init", "certs player", "passwd", "render"] {
        let step = format!("\"mkx-mqtt {step}\"");
        assert!(
            journal.lines().filter(|line| line.contains(&step)).count() >= 2,
            "{step}"
        );
    }
    assert!(!journal.contains("word-of-") && !journal.contains("PRIVATE"));
}

#[test]
fn a_missing_argument_is_wrong_usage_and_a_missing_site_wrong_input() {
    let world = World::empty();
    world.run(&["certs", "player", "eb", "x"]).exits(2);
    world.run(&["certs", "revoke", "eb"]).exits(2);
    world.run(&["render", "ec"]).exits(2);
    world.run(&["--site", "nowhere.json", "check"]).exits(3);
}
