//! Whether as many root rows came as should, with everything that they own, and stubs with nothing.
//!
//! What came is judged from EB alone. A row is *excused* where it may have come for another reason
//! than being sampled: pinned, the bearer of a rare value, or needed by such a row (along an edge,
//! or by a reference that it can not lose), by an `include` edge, or as the second owner of a row.
//! So is a row that something refers to along a `stub` edge, where nothing tells whether it is a
//! stub. A whole root row that is not excused must have all that it owns in EA.

mod complete;
mod excused;
mod owners;

use mkx_contract::Result;

use super::foreign_keys::joined;
use super::record::Check;
use super::rows::State;
use super::subject::Subject;
use super::{Drift, Judge, Rule, count};
use crate::database::catalog::ForeignKey;
use crate::policy::Edge;
use crate::sql;

/// A foreign key with the tables at both ends: child, parent, key.
type FollowedKey<'a> = (&'a Subject<'a>, &'a Subject<'a>, &'a ForeignKey);

impl<'a> Judge<'a> {
    pub(super) fn owned(&mut self) -> Result<Vec<Check>> {
        self.find_excused()?;
        self.find_owners()?;
        Ok(vec![self.rate()?, self.stubs()?, self.completeness()?])
    }

    fn rate(&mut self) -> Result<Check> {
        let mut check = Check::new(Rule::Rate);
        let Some(subject) = self.root() else {
            return Ok(check.conclude("the root table is missing"));
        };
        let from = subject.table.sql_from();
        let name = subject.name();
        let eligible = self.policy.root.eligible.as_deref().unwrap_or("true");
        let in_source = format!(
            "SELECT count(*) FILTER (WHERE ({eligible})), count(*) FILTER (WHERE {}), count(*) FILTER (WHERE {}) FROM {from}",
            pins(subject),
            self.drift.changed_sql(&subject.alias())
        );
        let in_target = format!(
            "SELECT count(*) FILTER (WHERE {}), count(*) FILTER (WHERE {}), count(*) FROM {from} r",
            self.in_state(subject, "r", State::Whole),
            self.in_state(subject, "r", State::Stub),
        );
        let row = &self.ask_source(&in_source, &[])?[0];
        let (eligible, pinned, changed) = (count(row, 0), count(row, 1), count(row, 2));
        let row = &self.ask_target(&in_target, &[])?[0];
        let (whole, stubs, all) = (count(row, 0), count(row, 1), count(row, 2));
        let owners = format!("SELECT count(*) FROM mkx_owner_{}", subject.index);
        let owners = self.target_count(&owners)?;
        let expected = expected(self.options.percent, eligible);
        let slack = match self.drift {
            Drift::None => 1,
            Drift::Younger(_) => 1 + changed,
            Drift::Any => 1 + expected / 5,
        };
        for (what, number) in [
            ("eligible", eligible),
            ("expected", expected),
            ("whole", whole),
            ("stubs", stubs),
            ("owners", owners),
        ] {
            check.count(what, number);
        }
        let at_least = whole + (all - whole - stubs);
        if at_least + slack < expected {
            let problem = format!("{whole} rows came whole, {expected} should have");
            check.find(&name, None, problem, expected - at_least);
        }
        let most = expected + pinned + self.options.included;
        if owners > most + slack {
            let problem =
                format!("{owners} rows came with what they own, at most {most} should have");
            check.find(&name, None, problem, owners - most);
        }
        Ok(check.conclude(format!(
            "{whole} of {eligible} came whole, {expected} were to be sampled"
        )))
    }

    /// Nothing belongs to a stub but other stubs, and rows that came for their own sake.
    fn stubs(&mut self) -> Result<Check> {
        let mut check = Check::new(Rule::Stubs);
        let subjects = self.subjects.iter();
        for parent in subjects.filter(|subject| subject.has_stubs()) {
            for (child, key) in self.only_owners(parent) {
                let sql = format!(
                    "SELECT count(*) FROM {} c JOIN {} p ON {} WHERE {} AND NOT {} AND NOT {}",
                    child.table.sql_from(),
                    parent.table.sql_from(),
                    joined(key, "c", "p"),
                    self.in_state(parent, "p", State::Stub),
                    self.in_state(child, "c", State::Stub),
                    noted("excused", child, "c")
                );
                check.count("edges", 1);
                let rows = self.target_count(&sql)?;
                let problem = format!("rows belong to stubs of {}", parent.name());
                check.find_rows(child.name(), Some(&key.policy_key()), problem, rows);
            }
        }
        Ok(check.conclude("stubs own nothing"))
    }

    fn in_state(&self, subject: &Subject<'_>, alias: &str, state: State) -> String {
        if !subject.has_stubs() || !subject.is_matchable() {
            return (state == State::Whole).to_string();
        }
        format!(
            "EXISTS (SELECT FROM mkx_state_{} s WHERE s.in_table = {alias}.tableoid AND s.at = {alias}.ctid \
             AND s.state IN ({}))",
            subject.index,
            match state {
                State::Whole => format!("{}, {}", State::Whole as i32, State::Either as i32),
                other => (other as i32).to_string(),
            }
        )
    }

    /// The root table.
    fn root(&self) -> Option<&'a Subject<'a>> {
        let table = self.catalog.table(&self.policy.root.table)?;
        self.subject(&table.name)
    }

    /// Foreign keys between sampled tables with one of those edges: child, parent, key.
    fn edges(&self, of: &[Edge]) -> Vec<FollowedKey<'a>> {
        let mut edges = Vec::new();
        for child in self.subjects.iter().filter(|subject| subject.is_sampled()) {
            for key in &child.table.foreign_keys {
                if let (Some(edge), Some(parent)) = (child.edge(key), self.subject(&key.parent))
                    && of.contains(&edge)
                {
                    edges.push((child, parent, key));
                }
            }
        }
        edges
    }

    /// Tables that belong to `parent` along one edge, and to nothing else.
    fn only_owners(&self, parent: &Subject<'_>) -> Vec<(&'a Subject<'a>, &'a ForeignKey)> {
        let mut edges = self.edges(&[Edge::Own]);
        edges.retain(|(child, to, _)| {
            let is_only = child.keys(Edge::Own).count() == 1;
            to.index == parent.index && child.index != parent.index && is_only
        });
        edges
            .into_iter()
            .map(|(child, _, key)| (child, key))
            .collect()
    }
}

/// The sampled number of root rows: the share, rounded, and at least one where there are any.
fn expected(percent: f64, eligible: u64) -> u64 {
    if eligible == 0 {
        return 0;
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let rounded = (percent * eligible as f64 / 100.0).round() as u64;
    rounded.max(1)
}

fn pins(subject: &Subject<'_>) -> String {
    let pins = subject.policy.pins.iter();
    sql::any(pins.map(|pin| format!("({pin})")))
}

/// SQL: the row `alias` stands in `mkx_excused_N` or `mkx_owner_N` of its table.
fn noted(what: &str, subject: &Subject<'_>, alias: &str) -> String {
    format!(
        "EXISTS (SELECT FROM mkx_{what}_{} noted \
         WHERE noted.in_table = {alias}.tableoid AND noted.at = {alias}.ctid)",
        subject.index
    )
}

/// Rows of text turned into columns, for `unnest`.
fn columns(rows: &[postgres::Row], width: usize) -> Vec<Vec<Option<String>>> {
    (0..width)
        .map(|column| rows.iter().map(|row| row.get(column)).collect())
        .collect()
}
