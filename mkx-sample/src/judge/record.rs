//! What the judge says: a list of checks, each with its evidence and never a sensitive value.

use std::collections::BTreeMap;

use mkx_contract::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The judgement on a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    /// True where every check is.
    pub ok: bool,
    /// True where EA has changed since the sample was found right, or may have, because nothing
    /// tells when that was; differences that this explains are counted as `drift`, not as
    /// findings.
    pub source_has_moved: bool,
    /// EA's snapshot (`pg_current_snapshot()`) in which every check found everything right and
    /// excused nothing; null where something was wrong or EA had changed. `run` puts it into EB's
    /// mark.
    pub judged_snapshot: Option<String>,
    /// What was checked, in order.
    pub checks: Vec<Check>,
}

impl Record for Verification {
    const RECORD: &'static str = "mkx.sample.verification/1";
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// `foreign_keys`, `rows`, `privacy`, …
    pub name: String,
    /// True where nothing was found.
    pub ok: bool,
    /// What was looked at and what came out, for people.
    pub detail: String,
    /// How much was looked at, and how much drifted.
    pub counts: BTreeMap<String, u64>,
    /// What is wrong, and where.
    pub findings: Vec<Finding>,
}

/// One thing that is wrong. It names places, never values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The table, or nothing where it is about the database.
    pub table: Option<String>,
    /// The column, foreign key, index or other object.
    pub object: Option<String>,
    /// What is wrong there.
    pub problem: String,
    /// How many rows.
    pub rows: u64,
}

impl Check {
    pub(super) fn new(name: &str) -> Check {
        Check {
            name: name.into(),
            ok: true,
            detail: String::new(),
            counts: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    pub(super) fn count(&mut self, what: &str, number: u64) {
        *self.counts.entry(what.into()).or_default() += number;
    }

    pub(super) fn find(
        &mut self,
        table: impl ToString,
        object: Option<&str>,
        problem: impl Into<String>,
        rows: u64,
    ) {
        self.findings.push(Finding {
            table: Some(table.to_string()),
            object: object.map(str::to_owned),
            problem: problem.into(),
            rows,
        });
    }

    /// Sums up; `looked_at` is what was fine if nothing was found.
    pub(super) fn conclude(mut self, looked_at: impl Into<String>) -> Check {
        self.ok = self.findings.is_empty();
        self.detail = match self.findings.first() {
            None => looked_at.into(),
            Some(first) => {
                let place: Vec<&str> = [first.table.as_deref(), first.object.as_deref()]
                    .into_iter()
                    .flatten()
                    .collect();
                let more = match self.findings.len() {
                    1 => String::new(),
                    all => format!(" (and {} more)", all - 1),
                };
                format!("{}: {}{more}", place.join("."), first.problem)
            }
        };
        self
    }
}
