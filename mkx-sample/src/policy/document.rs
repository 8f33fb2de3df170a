//! The examples in docs/policy.md are policies.

use indexmap::IndexMap;
use serde::de::DeserializeOwned;

use super::{PolicyFile, TablePolicy, Transform};

const DOCUMENT: &str = include_str!("../../../docs/policy.md");

/// The blocks that begin with "```json KIND".
fn blocks(kind: &str) -> Vec<&'static str> {
    let fence = format!("```json {kind}\n");
    DOCUMENT
        .split(&fence)
        .skip(1)
        .map(|rest| rest.split_once("\n```").unwrap().0)
        .collect()
}

#[track_caller]
fn all_are<T: DeserializeOwned>(kind: &str, count: usize) {
    let blocks = blocks(kind);
    assert_eq!(blocks.len(), count);
    for block in blocks {
        if let Err(error) = serde_json::from_str::<T>(block) {
            panic!("{error} in\n{block}");
        }
    }
}

#[test]
fn every_example_is_read() {
    for block in blocks("policy") {
        PolicyFile::parse(block, "docs/policy.md").unwrap();
    }
    all_are::<TablePolicy>("table", 2);
    all_are::<IndexMap<String, Transform>>("columns", 1);
    assert_eq!(DOCUMENT.matches("```json").count(), 4);
}

#[test]
fn every_rule_of_the_check_is_explained() {
    let sources = [
        include_str!("check/mod.rs"),
        include_str!("check/columns.rs"),
        include_str!("check/edges.rs"),
        include_str!("check/reach.rs"),
        include_str!("check/references.rs"),
        include_str!("check/conditions.rs"),
    ];
    let call = |name: &str| format!("{name}(");
    for source in sources {
        for name in ["error", "warning"].map(call) {
            for rest in source.split(&name).skip(1) {
                let Some(rule) = rest.trim_start().strip_prefix('"') else {
                    continue;
                };
                let rule = rule.split('"').next().unwrap();
                assert!(DOCUMENT.contains(&format!("`{rule}`")), "{rule}");
            }
        }
    }
}

#[test]
fn every_transform_and_form_is_explained() {
    for name in [
        "keep",
        "null",
        "constant",
        "pseudonym",
        "scrub",
        "hash",
        "password",
        "rewrite_url",
        "chain",
        "json_keep",
        "sql",
        "email",
        "handle",
        "name",
        "ipv4",
        "ipv6",
        "ip",
        "uuid",
        "token",
        "user_agent",
        "digits",
        "own",
        "include",
        "stub",
        "require",
        "prune",
        "drop",
    ] {
        assert!(DOCUMENT.contains(&format!("`{name}`")), "{name}");
    }
}
