//! Whether every row of EB is a row of EA, with what the policy keeps unchanged and what it hides
//! hidden. Rows are matched by primary key, some thousand at a time.

use std::collections::{BTreeMap, HashMap, HashSet};

use mkx_contract::Result;

use super::record::Check;
use super::subject::{Promise, Subject};
use super::{Drift, Judge, Rule, parameters};
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

impl Judge<'_> {
    /// Two checks: rows and kept values; hidden values row by row.
    pub(super) fn rows(&mut self) -> Result<(Check, Check)> {
        let mut rows = Check::new(Rule::Rows);
        let mut hidden = Check::new(Rule::HiddenValues);
        let short = self.short_digest()?;
        let mut changed = 0;
        for subject in self.subjects {
            let state = format!("mkx_state_{}", subject.index);
            self.in_target(&format!(
                "CREATE TEMPORARY TABLE {state} (in_table oid, at tid, state integer)"
            ))?;
            if !subject.is_matchable() || subject.policy.rows == Rows::None {
                rows.count(
                    "tables_without_kept_key",
                    u64::from(!subject.is_matchable()),
                );
                continue;
            }
            let wrong = self.match_table(subject, short)?;
            report(subject, &wrong, &mut rows, &mut hidden);
            changed += wrong.changed;
            if subject.has_stubs() {
                self.in_target(&format!("ANALYZE {state}"))?;
            }
        }
        let counted = rows.counted("rows");
        if let Drift::Younger(_) = self.drift {
            rows.count("changed_since", changed);
            if is_beyond_judgement(changed, counted) {
                let problem = "nearly all rows have changed in EA since the moment that EB's mark names; \
                               take a new sample";
                rows.find(self.policy.root.table.clone(), None, problem, changed);
            }
        }
        let values = hidden.counted("columns");
        let vanished = match rows.counted("vanished") {
            0 => String::new(),
            vanished => format!("; {vanished} are gone from it"),
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

    fn match_table(&mut self, subject: &Subject<'_>, short: i64) -> Result<Wrong> {
        let (in_target, in_source) = self.questions(subject);
        let width = subject.table.primary_key.len();
        let portal = self.begin_in_target(&in_target)?;
        let mut wrong = Wrong::default();
        let highest = match self.drift {
            Drift::None => None,
            _ => self.highest_key(subject)?,
        };
        loop {
            let there = self.next_in_target(&portal, BATCH)?;
            if there.is_empty() {
                return Ok(wrong);
            }
            let keys: Vec<Vec<String>> = (0..width)
                .map(|key| there.iter().map(|row| row.get(3 + key)).collect())
                .collect();
            let found = self.ask_source(&in_source, &parameters(&keys))?;
            let seen: HashMap<_, _> = found.iter().map(|row| seen(row, width)).collect();
            let mut states: (Vec<u32>, Vec<String>, Vec<i32>) = Default::default();
            for (number, row) in there.iter().enumerate() {
                let key: Vec<String> = keys.iter().map(|column| column[number].clone()).collect();
                let digests: Vec<Option<i64>> = row.get(2);
                wrong.rows += 1;
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
            if subject.has_stubs() {
                let sql = format!(
                    "INSERT INTO mkx_state_{} SELECT * FROM unnest($1::oid[], $2::text[]::tid[], $3::integer[])",
                    subject.index
                );
                self.ask_target(&sql, &[&states.0, &states.1, &states.2])?;
            }
        }
    }

    /// What is asked of EB and of EA about one table.
    fn questions(&self, subject: &Subject<'_>) -> (String, String) {
        let digests = subject.columns.iter().map(|treated| {
            let value = format!("{}::text", treated.sql);
            if treated.base.hides() || treated.stub.is_some_and(Promise::hides) {
                self.telling_digest(&value)
            } else {
                self.digest(&value)
            }
        });
        let digests = format!("ARRAY[{}]::bigint[]", sql::list(digests));
        let keys = &subject.table.primary_key;
        let (texts, from) = (subject.texts(keys), subject.table.sql_from());
        let alias = subject.alias();
        (
            format!("SELECT {alias}.tableoid, {alias}.ctid::text, {digests}, {texts} FROM {from}"),
            format!(
                "SELECT {}, {}, {}, {digests}, {texts} FROM {from} JOIN {}",
                subject.condition_sql(),
                subject.variant_sql(),
                self.drift.changed_sql(&alias),
                wanted(subject, keys)
            ),
        )
    }

    /// Tables that come whole or not at all have as many rows as they should.
    pub(super) fn row_counts(&mut self) -> Result<Check> {
        let mut check = Check::new(Rule::RowCounts);
        let subjects = self.subjects.iter();
        for subject in subjects.filter(|subject| !subject.is_sampled()) {
            check.count("tables", 1);
            let (name, from) = (subject.name(), subject.table.sql_from());
            let there = self.target_count(&format!("SELECT count(*) FROM {from}"))?;
            if subject.policy.rows == Rows::None {
                check.find_rows(name, None, "it should be empty", there);
                continue;
            }
            let expected = format!(
                "SELECT count(*), count(*) FILTER (WHERE {}) FROM {from} WHERE {}",
                self.drift.changed_sql(&subject.alias()),
                subject.condition_sql()
            );
            let row = &self.ask_source(&expected, &[])?[0];
            let (all, changed) = (super::count(row, 0), super::count(row, 1));
            let least = all.saturating_sub(changed);
            let is_right = match self.drift {
                Drift::None => there == all,
                _ => there >= least && !is_implausible(there.saturating_sub(all), there),
            };
            if !is_right {
                let problem = format!("it has {there} rows, EA has {all}");
                check.find(name, None, problem, all.abs_diff(there));
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
    let columns = || columns.iter().enumerate();
    let arrays = columns().map(|(at, name)| {
        let column = subject.table.column(name);
        let type_name = column.map_or("text", |column| &column.type_name);
        format!("${}::text[]::{type_name}[]", at + 1)
    });
    let names = columns().map(|(at, _)| format!("mkx_wanted_{at}"));
    let equal = columns().map(|(at, name)| {
        let column = subject.column(name);
        format!("{column} = mkx_wanted.mkx_wanted_{at}")
    });
    let (arrays, names, equal) = (sql::list(arrays), sql::list(names), sql::all(equal));
    format!("unnest({arrays}) mkx_wanted ({names}) ON {equal}")
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
    let mut references = subject.policy.references.iter();
    references.any(|to| &to.column == name)
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
    let columns = subject.columns.iter();
    let hiding = columns.filter(|treated| treated.base.hides());
    hidden.count("columns", hiding.count() as u64);
    let too_many = is_implausible(wrong.vanished, wrong.rows);
    let gone = if too_many { wrong.vanished } else { 0 };
    for (problem, number) in [
        ("rows that EA does not have", wrong.invented),
        ("rows with keys that EA never gave", wrong.never_was),
        (
            "more rows are gone from EA than it deletes: take a new sample",
            gone,
        ),
        (
            "rows that the policy's condition leaves out",
            wrong.left_out,
        ),
    ] {
        rows.find_rows(&name, None, problem, number);
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
