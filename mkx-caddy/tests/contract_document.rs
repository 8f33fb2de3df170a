//! `docs/contract.md` keeps its word: each example of a record of mkx-caddy is what the types read
//! and write.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../mkx-contract/tests/examples/mod.rs"]
mod examples;

use mkx_caddy::{apply, check, probe, route};
use mkx_contract::Record;

#[track_caller]
fn check_record<T: Record>() {
    examples::of(T::RECORD).check::<T>();
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
