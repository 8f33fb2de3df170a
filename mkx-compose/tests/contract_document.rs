//! The examples of this tool's records in `docs/contract.md` are what the types read and write.

#![allow(clippy::unwrap_used)]

#[path = "../../mkx-contract/tests/examples/mod.rs"]
mod examples;

use mkx_compose::replace::Files;
use mkx_contract::Record;

#[test]
fn every_example_of_this_tools_records_is_read_and_written_as_it_stands() {
    for example in examples::read() {
        match example.kind() {
            Files::RECORD => example.check::<Files>(),
            kind => assert!(!kind.starts_with("mkx.compose."), "{kind} has no type here"),
        }
    }
}
