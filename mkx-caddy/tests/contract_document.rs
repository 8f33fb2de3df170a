//! `docs/contract.md` keeps its word: each example of a record of mkx-caddy is what the types read
//! and write.

#![allow(clippy::unwrap_used, missing_docs)]

use mkx_caddy::{apply, check, probe, route};
use mkx_contract::Record;
use mkx_contract::record::to_object;
use serde_json::Value;

fn example(kind: &str) -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/contract.md");
    let text = std::fs::read_to_string(path).unwrap();
    let start = format!("{{\"record\":\"{kind}\",");
    let line = text.lines().find(|line| line.starts_with(&start));
    serde_json::from_str(line.unwrap_or_else(|| panic!("no example of {kind}"))).unwrap()
}

#[track_caller]
fn check_record<T: Record>() {
    let example = example(T::RECORD);
    let record: T = serde_json::from_value(example.clone()).unwrap();
    let written = Value::Object(to_object(&record));
    assert_eq!(written.to_string(), example.to_string());
}

#[test]
fn every_example_is_read_and_written_as_it_stands() {
    check_record::<mkx_caddy::command::UsersRecord>();
    check_record::<route::Request>();
    check_record::<route::Answer>();
    check_record::<route::Summary>();
    check_record::<check::Report>();
    check_record::<probe::Probe>();
    check_record::<probe::Summary>();
    check_record::<apply::Report>();
}
