//! `docs/contract.md` keeps its word: each example of a record of mkx-mqtt is what the types read
//! and write.

#[path = "../../mkx-contract/tests/examples/mod.rs"]
mod examples;

use mkx_contract::Record;

use crate::certs::Authority;
use crate::certs::player::Bundle;
use crate::certs::revoke::Revocations;
use crate::passwd::Account;
use crate::render::Broker;
use crate::{check, probe};

#[track_caller]
fn check_record<T: Record>() {
    examples::of(T::RECORD).check::<T>();
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
