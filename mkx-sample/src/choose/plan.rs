//! What a run would bring, as a record and as a table for people.

use mkx_contract::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::choose::choice::Choice;
use crate::choose::coverage::CoverageAdded;
use crate::choose::selection::{EdgeRows, Selection, TableCopy};
use crate::policy::Edge;

/// `mkx.sample.plan/1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// Per cent of the root rows that was asked for.
    pub percent: f64,
    /// The seed that chooses them.
    pub seed: String,
    /// The root rows: users.
    pub roots: Roots,
    /// Every table.
    pub tables: Vec<TableRows>,
    /// What each edge brings, nulls or drops.
    pub edges: Vec<EdgeRows>,
    /// What was added so that every enum-like value occurs.
    pub coverage: Vec<CoverageAdded>,
    /// Rows that would be copied.
    pub rows: u64,
    /// Rows that EA has.
    pub rows_in_source: u64,
}

impl Record for Plan {
    const RECORD: &'static str = "mkx.sample.plan/1";
}

/// Rows of the root table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Roots {
    /// In EA.
    pub total: u64,
    /// Could be sampled.
    pub eligible: u64,
    /// Chosen by the sample's hash.
    pub sampled: u64,
    /// Came otherwise, whole: pinned, included, or for coverage.
    pub added: u64,
    /// Came as stubs.
    pub stubs: u64,
    /// Chosen of those that could be, in per cent.
    pub percent: f64,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TableRows {
    /// The table.
    pub table: String,
    /// Rows that would come.
    pub rows: u64,
    /// Rows that EA has.
    pub rows_in_source: u64,
    /// The former by the latter, 0 to 1; null for an empty table.
    pub share: Option<f64>,
}

impl Plan {
    /// The plan of a selection.
    pub fn new(choice: &Choice, selection: &Selection) -> Plan {
        let share = |copy: &TableCopy| copy.rows as f64 / copy.rows_in_source as f64;
        let tables = selection.tables.iter().map(|copy| TableRows {
            table: copy.table.to_string(),
            rows: copy.rows,
            rows_in_source: copy.rows_in_source,
            share: (copy.rows_in_source > 0).then(|| share(copy)),
        });
        let tables: Vec<TableRows> = tables.collect();
        Plan {
            percent: choice.percent,
            seed: choice.seed.clone(),
            roots: selection.roots.clone(),
            rows: tables.iter().map(|table| table.rows).sum(),
            rows_in_source: tables.iter().map(|table| table.rows_in_source).sum(),
            tables,
            edges: selection.edges.clone(),
            coverage: selection.coverage.clone(),
        }
    }

    /// Lines for people: the tables, and what brings rows that nobody owns.
    pub fn table(&self) -> Vec<String> {
        let names = self.tables.iter().map(|table| table.table.len());
        let width = names.max().unwrap_or(0);
        let mut lines = vec![format!(
            "{} of {} users by seed \"{}\", {} more whole, {} as stubs",
            self.roots.sampled, self.roots.eligible, self.seed, self.roots.added, self.roots.stubs
        )];
        lines.push(format!(
            "{:width$} {:>10} {:>10} {:>7}",
            "table", "rows", "of", "share"
        ));
        for table in &self.tables {
            let share = table.share.map(|share| format!("{:.1} %", share * 100.0));
            let share = share.as_deref().unwrap_or("-");
            lines.push(format!(
                "{:width$} {:>10} {:>10} {share:>7}",
                table.table, table.rows, table.rows_in_source
            ));
        }
        for edge in self.edges.iter().filter(|edge| edge.rows > 0) {
            let what = match edge.policy {
                Edge::Own => "children come along",
                Edge::Include => "parents come too",
                Edge::Stub => "parents come as stubs",
                Edge::Null => "references become null",
                Edge::Require => "rows are dropped",
            };
            lines.push(format!(
                "{}.{} -> {}: {} {what}",
                edge.table, edge.columns, edge.parent, edge.rows
            ));
        }
        for added in &self.coverage {
            let values = added.values.iter();
            let values: Vec<_> = values
                .map(|value| value.as_deref().unwrap_or("null"))
                .collect();
            let (column, values) = (
                format!("{}.{}", added.table, added.column),
                values.join(", "),
            );
            lines.push(format!(
                "{column}: {} rows so that {values} occurs",
                added.rows
            ));
        }
        lines
    }
}
