//! `docs/contract.md` keeps its word: each example of a record of mkx-mqtt is what the types read
//! and write.

use mkx_contract::Record;
use mkx_contract::record::to_object;
use serde_json::Value;

use crate::certs::Authority;
use crate::certs::player::Bundle;
use crate::certs::revoke::Revocations;
use crate::passwd::Account;
use crate::render::Broker;
use crate::{check, probe};

fn example(kind: &str) -> Value {
    let text = include_str!("../../docs/contract.md");
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
    check_record::<Broker>();
    check_record::<Authority>();
    check_record::<Bundle>();
    check_record::<Revocations>();
    check_record::<Account>();
    check_record::<check::Report>();
    check_record::<probe::Report>();
}
