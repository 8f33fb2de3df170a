//! Whether every row of EB is a row of EA, with what the policy keeps unchanged and what it hides
//! hidden. Rows are matched by primary key, some thousand at a time.

use std::collections::{BTreeMap, HashMap, HashSet};

use mkx_contract::Result;
use postgres::types::ToSql;

use super::record::Check;
use super::subject::{Promise, Subject};
use super::{Drift, Judge, Rule, refused};
use crate::policy::Rows;
use crate::sql;

const BATCH: i32 = 5000;

/// So many rows of a table may be excused, or half of it where that is more: production deletes and
/// changes old rows, but not most of them between a sample and its judgement.
const EXCUSED_AT_LEAST: u64 = 20;

/// True where `part` of `all` rows is more than what EA did since the sample explains.
fn is_implausible(part: u64, all: u64) -> bool {
    part > EXCUSED_AT_LEAST && part.saturating_mul(2) > all
}

/// What kind of row EB has; the numbers stand in the temporary table of states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As EA has it.
    Whole = 0,
    /// An anonymised row with no content.
    Stub = 1,
    /// EA's row has changed since.
    Unknown = 2,
    /// It would look the same whole and as a stub.
    Either = 3,
}

/// A row as one side has it.
struct Seen {
    digests: Vec<Option<i64>>,
    allowed: bool,
    variant: Option<usize>,
    changed: bool,
}

/// What was wrong with the rows of one table, by column.
#[derive(Default)]
struct Wrong {
    invented: u64,
    never_was: u64,
    vanished: u64,
    left_out: u64,
    kept: BTreeMap<usize, u64>,
    shown: BTreeMap<usize, u64>,
    not_null: BTreeMap<usize, u64>,
    constants: BTreeMap<(usize, Option<usize>, bool), HashSet<i64>>,
    drifted: u64,
    /// Rows that EA may have changed since.
    changed: u64,
    rows: u64,
}

/// What is asked of both servers about one table.
struct Questions {
    keys: Vec<String>,
    target: String,
    source: String,
}

impl Judge<'_> {
    /// Two checks: rows and kept values; hidden values row by row.
    pub(super) fn rows(&mut self) -> Result<(Check, Check)> {
        let mut rows = Check::new(Rule::Rows);
        let mut hidden = Check::new(Rule::HiddenValues);
        let short = self.short_digest()?;
        let mut changed = 0;
        for index in 0..self.subjects.len() {
            self.in_target(&format!(
                "CREATE TEMPORARY TABLE mkx_state_{index} (in_table oid, at tid, state integer)"
            ))?;
            let subject = &self.subjects[index];
            if !subject.is_matchable() || subject.policy.rows == Rows::None {
                rows.count(
                    "tables_without_kept_key",
                    u64::from(!subject.is_matchable()),
                );
                continue;
            }
            let wrong = self.match_table(index, short)?;
            let subject = &self.subjects[index];
            report(subject, &wrong, &mut rows, &mut hidden);
            changed += wrong.changed;
            if subject.has_stubs() {
                self.in_target(&format!("ANALYZE mkx_state_{index}"))?;
            }
        }
        let counted = rows.counts.get("rows").copied().unwrap_or(0);
        if let Drift::Younger(_) = self.drift {
            rows.count("changed_since", changed);
            if is_beyond_judgement(changed, counted) {
                let problem = "nearly all rows have changed in EA since the moment that EB's mark names; \
                               take a new sample";
                rows.find(self.policy.root.table.clone(), None, problem, changed);
            }
        }
        let values = hidden.counts.get("columns").copied().unwrap_or(0);
        let vanished = match rows.counts.get("vanished") {
            Some(vanished) => format!("; {vanished} are gone from it"),
            None => String::new(),
        };
        Ok((
            rows.conclude(format!(
                "{counted} rows are EA's, and what is kept of them is unchanged{vanished}"
            )),
            hidden.conclude(format!(
                "{values} hidden columns hold nothing of the same row in EA"
            )),
        ))
    }

    fn short_digest(&mut self) -> Result<i64> {
        let sql = format!("SELECT {}", self.digest("''"));
        Ok(self.ask_target(&sql, &[])?[0].get(0))
    }

    fn match_table(&mut self, index: usize, short: i64) -> Result<Wrong> {
        let questions = self.questions(&self.subjects[index]);
        let failed = |error| refused("EB", &error);
        let statement = self.target.prepare(&questions.target).map_err(failed)?;
        let portal = self.target.bind(&statement, &[]).map_err(failed)?;
        let mut wrong = Wrong::default();
        let highest = match self.drift {
            Drift::None => None,
            _ => self.highest_key(index)?,
        };
        loop {
            let there = self.target.query_portal(&portal, BATCH).map_err(failed)?;
            if there.is_empty() {
                return Ok(wrong);
            }
            let keys: Vec<Vec<String>> = (0..questions.keys.len())
                .map(|key| there.iter().map(|row| row.get(3 + key)).collect())
                .collect();
            let values: Vec<&(dyn ToSql + Sync)> =
                keys.iter().map(|key| key as &(dyn ToSql + Sync)).collect();
            let seen: HashMap<Vec<String>, Seen> = self
                .ask_source(&questions.source, &values)?
                .iter()
                .map(|row| seen(row, questions.keys.len()))
                .collect();
            let mut states: (Vec<u32>, Vec<String>, Vec<i32>) = Default::default();
            for (number, row) in there.iter().enumerate() {
                let key: Vec<String> = keys.iter().map(|column| column[number].clone()).collect();
                let digests: Vec<Option<i64>> = row.get(2);
                wrong.rows += 1;
                let subject = &self.subjects[index];
                let state = match seen.get(&key) {
                    Some(seen) => compare(subject, &digests, seen, short, &mut wrong),
                    None => {
                        match highest {
                            _ if self.drift == Drift::None => wrong.invented += 1,
                            Some(highest) if is_above(&key, highest) => wrong.never_was += 1,
                            _ => wrong.vanished += 1,
                        }
                        lonely(subject, &digests, &mut wrong);
                        State::Unknown
                    }
                };
                states.0.push(row.get(0));
                states.1.push(row.get(1));
                states.2.push(state as i32);
            }
            if self.subjects[index].has_stubs() {
                let sql = format!(
                    "INSERT INTO mkx_state_{index} SELECT * FROM unnest($1::oid[], $2::text[]::tid[], $3::integer[])"
                );
                self.ask_target(&sql, &[&states.0, &states.1, &states.2])?;
            }
        }
    }

    fn questions(&self, subject: &Subject<'_>) -> Questions {
        let digests: Vec<_> = subject
            .columns
            .iter()
            .map(|treated| {
                let value = format!("{}::text", subject.column(&treated.column.name));
                if treated.base.hides() || treated.stub.is_some_and(Promise::hides) {
                    self.telling_digest(&value)
                } else {
                    self.digest(&value)
                }
            })
            .collect();
        let digests = format!("ARRAY[{}]::bigint[]", digests.join(", "));
        let keys = subject.table.primary_key.clone();
        let key_texts: Vec<_> = keys
            .iter()
            .map(|key| format!("{}::text", subject.column(key)))
            .collect();
        let key_texts = key_texts.join(", ");
        let alias = subject.alias();
        Questions {
            target: format!(
                "SELECT {alias}.tableoid, {alias}.ctid::text, {digests}, {key_texts} FROM {}",
                subject.table.sql_from()
            ),
            source: format!(
                "SELECT {}, {}, {}, {digests}, {key_texts} FROM {} JOIN {}",
                subject.condition_sql(),
                subject.variant_sql(),
                self.drift.changed_sql(&alias),
                subject.table.sql_from(),
                wanted(subject, &keys)
            ),
            keys,
        }
    }

    /// Tables that come whole or not at all have as many rows as they should.
    pub(super) fn row_counts(&mut self) -> Result<Check> {
        let mut check = Check::new(Rule::RowCounts);
        let mut queries = Vec::new();
        for subject in &self.subjects {
            let from = subject.table.sql_from();
            let there = format!("SELECT count(*) FROM {from}");
            let expected = match subject.policy.rows {
                Rows::Sampled => continue,
                Rows::None => None,
                Rows::All => Some(format!(
                    "SELECT count(*), count(*) FILTER (WHERE {}) FROM {from} WHERE {}",
                    self.drift.changed_sql(&subject.alias()),
                    subject.condition_sql()
                )),
            };
            queries.push((subject.name(), there, expected));
        }
        for (table, there, expected) in queries {
            check.count("tables", 1);
            let there = self.target_count(&there)?;
            match expected {
                None if there > 0 => check.find(table, None, "it should be empty", there),
                None => {}
                Some(expected) => {
                    let row = &self.ask_source(&expected, &[])?[0];
                    let (all, changed) = (super::count(row, 0), super::count(row, 1));
                    let least = all.saturating_sub(changed);
                    let is_right = match self.drift {
                        Drift::None => there == all,
                        _ => there >= least && !is_implausible(there.saturating_sub(all), there),
                    };
                    if !is_right {
                        let problem = format!("it has {there} rows, EA has {all}");
                        check.find(table, None, problem, all.abs_diff(there));
                    }
                }
            }
        }
        Ok(check.conclude("tables that come whole or not at all have as many rows as they should"))
    }
}

/// Changed rows are excused much; where they are more than nine of ten, the mark is wrong or the
/// sample too old, and an answer would say nothing.
fn is_beyond_judgement(changed: u64, rows: u64) -> bool {
    rows > 20 && changed > rows / 10 * 9
}

/// `unnest($1…) wanted (…) ON …`: the rows whose columns `columns` are given as arrays of text.
pub fn wanted(subject: &Subject<'_>, columns: &[String]) -> String {
    let mut arrays = Vec::new();
    let mut names = Vec::new();
    let mut equal = Vec::new();
    for (number, name) in columns.iter().enumerate() {
        let type_name = subject
            .table
            .column(name)
            .map_or("text", |column| column.type_name.as_str());
        arrays.push(format!("${}::text[]::{type_name}[]", number + 1));
        names.push(format!("mkx_wanted_{number}"));
        equal.push(format!(
            "{} = mkx_wanted.mkx_wanted_{number}",
            subject.column(name)
        ));
    }
    format!(
        "unnest({}) mkx_wanted ({}) ON {}",
        arrays.join(", "),
        sql::identifiers(&names),
        equal.join(" AND ")
    )
}

fn seen(row: &postgres::Row, keys: usize) -> (Vec<String>, Seen) {
    let variant: i32 = row.get(1);
    (
        (0..keys).map(|key| row.get(4 + key)).collect(),
        Seen {
            allowed: row.get(0),
            variant: usize::try_from(variant).ok(),
            changed: row.get(2),
            digests: row.get(3),
        },
    )
}

/// True where the only column of a key is above `highest`: no row of EA ever had it.
fn is_above(key: &[String], highest: i64) -> bool {
    matches!(key, [key] if key.parse::<i64>().is_ok_and(|key| key > highest))
}

/// A row that EA does not have keeps the promises that are of EB alone.
fn lonely(subject: &Subject<'_>, there: &[Option<i64>], wrong: &mut Wrong) {
    for (at, treated) in subject.columns.iter().enumerate() {
        let is_null = treated.base == Promise::Null && treated.holds_in_any_row();
        if is_null && there[at].is_some() {
            *wrong.not_null.entry(at).or_default() += 1;
        }
    }
}

fn compare(
    subject: &Subject<'_>,
    there: &[Option<i64>],
    seen: &Seen,
    short: i64,
    wrong: &mut Wrong,
) -> State {
    let telling = || (0..there.len()).filter(|&at| subject.columns[at].tells_stubs());
    let is_told = telling().any(|at| match subject.columns[at].base {
        Promise::Kept => there[at] != seen.digests[at],
        _ => there[at].is_none() && seen.digests[at].is_some(),
    });
    let could_tell = telling()
        .any(|at| seen.digests[at].is_some() && subject.columns[at].stub != Some(Promise::Same));
    let state = match (is_told, seen.changed) {
        (true, true) => State::Unknown,
        (true, false) => State::Stub,
        (false, _) if could_tell || subject.policy.stub.is_none() => State::Whole,
        (false, _) => State::Either,
    };
    wrong.changed += u64::from(seen.changed);
    if !seen.allowed && !seen.changed {
        wrong.left_out += 1;
    }
    let mut drifted = false;
    for (at, treated) in subject.columns.iter().enumerate() {
        let (ea, eb) = (seen.digests[at], there[at]);
        let is_stub = state == State::Stub;
        let promise = match state {
            State::Either => treated.promise_of_either(seen.variant),
            _ => treated.promise(seen.variant, is_stub),
        };
        match promise {
            Promise::Kept if ea == eb => {}
            Promise::Kept if treated.refers && (eb.is_none() || is_declared(subject, at)) => {}
            _ if seen.changed && !treated.holds_in_any_row() => drifted = true,
            Promise::Kept => *wrong.kept.entry(at).or_default() += 1,
            Promise::Null if eb.is_some() => *wrong.not_null.entry(at).or_default() += 1,
            Promise::Same => {
                let constants = wrong
                    .constants
                    .entry((at, seen.variant, is_stub))
                    .or_default();
                if let Some(eb) = eb
                    && constants.len() < 2
                {
                    constants.insert(eb);
                }
            }
            Promise::Changed if eb.is_some() && ea == eb && eb != Some(short) => {
                *wrong.shown.entry(at).or_default() += 1;
            }
            Promise::Null | Promise::Changed | Promise::Mended => {}
        }
    }
    wrong.drifted += u64::from(drifted);
    state
}

fn is_declared(subject: &Subject<'_>, at: usize) -> bool {
    let name = &subject.columns[at].column.name;
    subject
        .policy
        .references
        .iter()
        .any(|to| &to.column == name)
}

fn report(subject: &Subject<'_>, wrong: &Wrong, rows: &mut Check, hidden: &mut Check) {
    let name = subject.name();
    let column = |at: usize| Some(subject.columns[at].column.name.as_str());
    rows.count("rows", wrong.rows);
    rows.count("drift", wrong.drifted + wrong.vanished);
    if wrong.vanished > 0 {
        rows.count("vanished", wrong.vanished);
        rows.count(&format!("vanished_{name}"), wrong.vanished);
    }
    let hiding = subject
        .columns
        .iter()
        .filter(|treated| treated.base.hides());
    hidden.count("columns", hiding.count() as u64);
    if wrong.invented > 0 {
        rows.find(&name, None, "rows that EA does not have", wrong.invented);
    }
    if wrong.never_was > 0 {
        let problem = "rows with keys that EA never gave";
        rows.find(&name, None, problem, wrong.never_was);
    }
    if is_implausible(wrong.vanished, wrong.rows) {
        let problem = "more rows are gone from EA than it deletes: take a new sample";
        rows.find(&name, None, problem, wrong.vanished);
    }
    if wrong.left_out > 0 {
        let problem = "rows that the policy's condition leaves out";
        rows.find(&name, None, problem, wrong.left_out);
    }
    for (&at, &number) in &wrong.kept {
        rows.find(&name, column(at), "kept values are not as in EA", number);
    }
    for (&at, &number) in &wrong.shown {
        hidden.find(&name, column(at), "rows hold EA's own value", number);
    }
    for (&at, &number) in &wrong.not_null {
        hidden.find(&name, column(at), "rows are not null", number);
    }
    for ((at, _, _), values) in &wrong.constants {
        if values.len() > 1 {
            let problem = "it should hold one value, and holds several";
            hidden.find(&name, column(*at), problem, 0);
        }
    }
}
