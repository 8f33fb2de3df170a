//! `docs/contract.md` keeps its word: each example of a record of mkx-vault has the fields that the
//! tool writes, in their order.

#![allow(clippy::unwrap_used)]
#![allow(dead_code)]

#[path = "../../mkx-contract/tests/examples/mod.rs"]
mod examples;
#[path = "tool/world.rs"]
mod world;

use serde_json::Value;
use world::{World, manifest};

const PATH: &str = "24/07/a1b2c3d4-e5f6-7890-abcd-ef1234567890.png";

fn keys(value: &Value) -> Vec<&String> {
    value.as_object().unwrap().keys().collect()
}

#[test]
fn every_example_has_the_fields_that_the_tool_writes() {
    let world = World::in_memory();
    world.put(&format!("ea/{PATH}"), "abc");
    let text = manifest([PATH]);
    for (verb, kind) in [
        ("plan", "mkx.vault.plan/1"),
        ("sync", "mkx.vault.report/1"),
        ("verify", "mkx.vault.verification/1"),
        ("prune", "mkx.vault.pruning/1"),
        ("usage", "mkx.vault.usage/1"),
    ] {
        let written = world.run(&[verb], &text).expect(0).record(kind);
        let example = examples::of(kind).value;
        assert_eq!(keys(&written), keys(&example), "{kind}");
        if verb == "usage" {
            assert_eq!(keys(&written["ea"]), keys(&example["ea"]));
            let artwork = |usage: &Value| usage["ea"]["classes"]["artwork"].clone();
            assert_eq!(keys(&artwork(&written)), keys(&artwork(&example)));
        }
    }
}
