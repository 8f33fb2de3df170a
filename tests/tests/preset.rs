//! The preset is the application as it is really run: its document says what was seen there.

#![allow(clippy::unwrap_used)] // a test that fails says where

use std::collections::BTreeMap;

use mkx_tests::tool::Tool;
use serde_json::Value;

/// The preset as the tools read it.
fn preset() -> Value {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let tool = Tool::new("mkx-compose").directory(folder.path());
        tool.args(arguments).run().expect_code(0).stdout
    };
    run(&["init", "--preset", "makapix"]);
    serde_json::from_str(&run(&["site"])).unwrap()
}

#[test]
fn the_preset_says_what_was_seen_of_the_application() {
    let facts = include_str!("../makapix/facts.json");
    let facts: BTreeMap<String, Value> = serde_json::from_str(facts).unwrap();
    let preset = preset();
    for (pointer, fact) in facts {
        let said = preset.pointer(&pointer).unwrap_or(&Value::Null);
        assert_eq!(*said, fact, "{pointer}");
    }
}

#[test]
fn the_preset_gives_each_topic_to_whom_the_broker_gives_it() {
    let preset = preset();
    let facts = include_str!("../makapix/topics.txt");
    let expected: Vec<Vec<&str>> = facts
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_whitespace().collect())
        .collect();
    for name in ["ea", "eb"] {
        let topics = preset["environments"][name]["mqtt"]["topics"].as_array();
        let said: Vec<Vec<&str>> = topics.unwrap().iter().map(row).collect();
        assert_eq!(said, expected, "{name}");
    }
}

fn row(topic: &Value) -> Vec<&str> {
    let word = |name: &str| topic[name].as_str().unwrap();
    let retained = if topic["retained"] == true {
        "yes"
    } else {
        "no"
    };
    vec![word("topic"), retained, word("service"), word("player")]
}
