//! `docs/contract.md` keeps its word: every example is what the types read and write.
//!
//! A record that only one tool knows is checked by that tool's own `tests/contract_document.rs`.

#![allow(clippy::unwrap_used)]

mod examples;

use std::path::Path;

use mkx_contract::record::finding::{Explanation, Finding};
use mkx_contract::record::journal;
use mkx_contract::record::manifest;
use mkx_contract::{Record, Site};

#[test]
fn every_example_of_a_shared_record_is_read_and_written_as_it_stands() {
    for example in examples::read() {
        match example.kind() {
            Site::RECORD => check_site(&example),
            journal::Entry::RECORD => example.check::<journal::Entry>(),
            manifest::File::RECORD => example.check::<manifest::File>(),
            manifest::End::RECORD => example.check::<manifest::End>(),
            Finding::RECORD => example.check::<Finding>(),
            Explanation::RECORD => example.check::<Explanation>(),
            kind => check_owner(kind, example.line),
        }
    }
}

/// The type of the site document refuses `record` itself, since it refuses all unknown fields.
fn check_site(example: &examples::Example) {
    let mut value = example.value.clone();
    value.as_object_mut().unwrap().remove("record");
    let site: Site = serde_json::from_value(value).unwrap();
    let written = serde_json::Value::Object(mkx_contract::record::to_object(&site));
    assert_eq!(written, example.value);
    let text = example.value.to_string();
    mkx_contract::record::site::read(&text, "the example", Path::new("/srv/mkx")).unwrap();
}

fn check_owner(kind: &str, line: usize) {
    let tool = kind.split('.').nth(1).unwrap();
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../mkx-{tool}"));
    // A tool without a library has it among its unit tests.
    let is_there =
        ["tests", "src"].map(|folder| tool.join(folder).join("contract_document.rs").is_file());
    assert!(
        is_there.contains(&true),
        "line {line}: no test of {} reads {kind}",
        tool.display()
    );
}

#[test]
fn every_exit_code_stands_in_the_document() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/contract.md");
    let text = std::fs::read_to_string(path).unwrap();
    for code in [0, 1, 2, 3, 4, 5, 130] {
        assert!(text.contains(&format!("\n| {code} |")), "exit code {code}");
    }
}
