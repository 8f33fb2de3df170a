//! What the judge says: checks, and what they found, never with a sensitive value.

use std::collections::BTreeMap;

use mkx_contract::record::finding::{Evidence, Finding, Findings, Rule as _};
use mkx_contract::{EnvironmentName, Record};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Rule;

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
    pub checks: Vec<Verdict>,
    /// What is wrong, and where. The rule is the check's name, with hyphens.
    pub findings: Findings,
}

impl Record for Verification {
    const RECORD: &'static str = "mkx.sample.verification/2";
}

/// What came out of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// `foreign_keys`, `rows`, `hidden_values`, …
    pub name: String,
    /// True where nothing was found.
    pub ok: bool,
    /// What was looked at and what came out, for people.
    pub detail: String,
    /// How much was looked at, and how much drifted.
    pub counts: BTreeMap<String, u64>,
}

/// One check at work.
pub(super) struct Check {
    rule: Rule,
    detail: String,
    counts: BTreeMap<String, u64>,
    findings: Vec<Finding>,
}

impl Check {
    pub(super) fn new(rule: Rule) -> Check {
        Check {
            rule,
            detail: String::new(),
            counts: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    pub(super) fn count(&mut self, what: &str, number: u64) {
        *self.counts.entry(what.into()).or_default() += number;
    }

    /// What was counted so far.
    pub(super) fn counted(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    /// Finds `rows` that are wrong, where there are any.
    pub(super) fn find_rows(
        &mut self,
        table: impl ToString,
        object: Option<&str>,
        problem: impl Into<String>,
        rows: u64,
    ) {
        if rows > 0 {
            self.find(table, object, problem, rows);
        }
    }

    /// `object` is a column, foreign key, index or other part of the table; `rows` is 0 where
    /// rows are not what is wrong.
    pub(super) fn find(
        &mut self,
        table: impl ToString,
        object: Option<&str>,
        problem: impl Into<String>,
        rows: u64,
    ) {
        let (table, mut what) = (table.to_string(), problem.into());
        let subject = object.map_or(table.clone(), |object| format!("{table}.{object}"));
        let finding = self.rule.finding(&subject, format!("{subject}: {what}"));
        if rows > 0 {
            what = format!("{what}; rows: {rows}");
        }
        let place = Evidence::table(EnvironmentName::Eb, table, object).what(what);
        self.findings.push(finding.at(place));
    }

    /// Sums up; `looked_at` is what was fine if nothing was found.
    pub(super) fn conclude(mut self, looked_at: impl Into<String>) -> Check {
        self.detail = match self.findings.as_slice() {
            [] => looked_at.into(),
            [only] => only.message.clone(),
            [first, more @ ..] => format!("{} (and {} more)", first.message, more.len()),
        };
        self
    }

    /// What came out, and what was found.
    pub(super) fn end(self) -> (Verdict, Vec<Finding>) {
        let verdict = Verdict {
            name: self.rule.id().replace('-', "_"),
            ok: self.findings.is_empty(),
            detail: self.detail,
            counts: self.counts,
        };
        (verdict, self.findings)
    }
}
