//! The examples of this tool's records in `docs/contract.md` are what the types read and write.

#[path = "../../mkx-contract/tests/examples/mod.rs"]
mod examples;

use mkx_contract::Record;

use crate::audit::Audit;
use crate::audit::drift::Drift;
use crate::change::Change;
use crate::containers::{Containers, Stats};
use crate::env::check::EnvCheck;
use crate::env::diff::EnvDiff;
use crate::graph::Graph;
use crate::limits::Limits;
use crate::replace::Files;

#[test]
fn every_example_of_this_tools_records_is_read_and_written_as_it_stands() {
    for example in examples::read() {
        match example.kind() {
            Files::RECORD => example.check::<Files>(),
            Change::RECORD => example.check::<Change>(),
            Audit::RECORD => example.check::<Audit>(),
            Drift::RECORD => example.check::<Drift>(),
            EnvCheck::RECORD => example.check::<EnvCheck>(),
            EnvDiff::RECORD => example.check::<EnvDiff>(),
            Limits::RECORD => example.check::<Limits>(),
            Graph::RECORD => example.check::<Graph>(),
            Containers::RECORD => example.check::<Containers>(),
            Stats::RECORD => example.check::<Stats>(),
            kind => assert!(!kind.starts_with("mkx.compose."), "{kind} has no type here"),
        }
    }
}
