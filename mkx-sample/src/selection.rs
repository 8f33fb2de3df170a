//! What one run copies: the result of choosing users and following edges, before any content
//! is read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalog::TableName;
use crate::policy::Edge;

/// What to copy, and why it is that much.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Root rows (users) in EA.
    pub roots_total: u64,
    /// Root rows that could be sampled.
    pub roots_eligible: u64,
    /// Root rows chosen by the sample's hash.
    pub roots_sampled: u64,
    /// Root rows that came otherwise, whole: pinned, included, or for coverage.
    pub roots_added: u64,
    /// Root rows that come as stubs.
    pub roots_stubs: u64,
    /// Every table of the catalog that is to be filled.
    pub tables: Vec<TableCopy>,
    /// What each edge brings.
    pub edges: Vec<EdgeRows>,
    /// What was added so that every enum-like value occurs.
    pub coverage: Vec<CoverageAdded>,
}

/// How one table is copied.
#[derive(Debug, Clone)]
pub struct TableCopy {
    /// The table.
    pub table: TableName,
    /// Its columns that are written, generated ones left out.
    pub columns: Vec<String>,
    /// Queries over EA whose columns are exactly `columns`, in order, with exactly their types;
    /// together they give every row once. The anonymisation is in them.
    pub selects: Vec<String>,
    /// How many rows they give.
    pub rows: u64,
    /// How many rows EA has.
    pub rows_in_source: u64,
}

/// The rows that one edge brings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EdgeRows {
    /// Child table.
    pub table: String,
    /// Its columns, with commas between.
    pub columns: String,
    /// Parent table.
    pub parent: String,
    /// What the policy says.
    pub policy: Edge,
    /// Rows that it brings: children for `own`, parents for `include` and `stub`, nulled
    /// references for `null`, dropped children for `require`.
    pub rows: u64,
}

/// Rows that came so that a value occurs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CoverageAdded {
    /// The table.
    pub table: String,
    /// The enum-like column.
    pub column: String,
    /// Values that were missing, as text; null is `null`.
    pub values: Vec<Option<String>>,
    /// Rows that were added for them.
    pub rows: u64,
}
