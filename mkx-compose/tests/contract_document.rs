//! The examples of this tool's records in `docs/contract.md` are what the types read and write.

#![allow(clippy::unwrap_used)]

#[path = "../../mkx-contract/tests/examples/mod.rs"]
mod examples;

use mkx_compose::audit::Audit;
use mkx_compose::audit::drift::Drift;
use mkx_compose::change::Change;
use mkx_compose::containers::{Containers, Stats};
use mkx_compose::env::check::EnvCheck;
use mkx_compose::env::diff::EnvDiff;
use mkx_compose::graph::Graph;
use mkx_compose::limits::Limits;
use mkx_compose::replace::Files;
use mkx_compose::rules::Explanation;
use mkx_contract::Record;

#[test]
fn every_example_of_this_tools_records_is_read_and_written_as_it_stands() {
    for example in examples::read() {
        match example.kind() {
            Files::RECORD => example.check::<Files>(),
            Change::RECORD => example.check::<Change>(),
            Audit::RECORD => example.check::<Audit>(),
            Drift::RECORD => example.check::<Drift>(),
            Explanation::RECORD => example.check::<Explanation>(),
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
