//! `docs/contract.md` keeps its word: each example of a record of mkx-caddy is what the types read
//! and write.

#[path = "../../mkx-contract/tests/examples/mod.rs"]
mod examples;

use mkx_contract::Record;
use mkx_contract::record::finding::Rule as _;

use crate::matrix::{check, probe};
use crate::route;
use crate::rule::Rule;
use crate::running::apply;
use crate::verb::users;

#[track_caller]
fn check_record<T: Record>() {
    examples::of(T::RECORD).check::<T>();
}

#[test]
fn every_example_is_read_and_written_as_it_stands() {
    check_record::<users::Change>();
    check_record::<route::Request>();
    check_record::<route::Answer>();
    check_record::<route::Summary>();
    check_record::<check::Report>();
    check_record::<probe::Probe>();
    check_record::<probe::Summary>();
    check_record::<apply::Report>();
}

#[test]
fn every_rule_stands_in_the_documentation() {
    let text = include_str!("../../docs/edge.md");
    for rule in Rule::ALL {
        assert!(text.contains(&format!("`{}`", rule.id())), "{rule:?}");
    }
}
