//! An independent judge of a sample: it reads EA, EB and the policy, and trusts nothing that the
//! run noted but what it was asked for. Where it finds everything right and excuses nothing, it says in which snapshot of EA.
//! That goes into EB's mark, and tells a later judgement what of EA may have changed since: what
//! was right in that snapshot and is unchanged must be right still.
//!
//! EA is only read. What has to be joined across the two servers goes as digests, keyed for this
//! one judgement, into temporary tables of EB's session; here it only passes through. EB's
//! transaction is rolled back at the end, and with it all that was put there.

mod coverage;
mod digest;
mod foreign_keys;
mod owned;
mod privacy;
mod record;
mod rows;
mod rule;
mod schema;
mod sequences;
mod subject;
mod text;

use std::collections::HashMap;

use mkx_contract::record::finding::{Findings, Rule as _};
use mkx_contract::tool::interrupt;
use mkx_contract::{Failure, Result};
use postgres::types::ToSql;
use postgres::{Client, IsolationLevel, Portal, Row, Transaction};

pub use record::Verification;
pub use rule::Rule;

use crate::database::catalog::{Catalog, TableName};
use crate::database::endpoint::cause;
use crate::database::release::Release;
use crate::database::source::Source;
use crate::policy::Policy;
use record::Check;
use subject::{Subject, Treatment};

/// What the sample should be, and when it was found right.
#[derive(Debug, Clone)]
pub struct Options {
    /// Per cent of eligible root rows.
    pub percent: f64,
    /// Root rows that were pinned by name (`--include`).
    pub included: u64,
    /// EA's host names, none of which may be left in a rewritten URL.
    pub hosts: Vec<String>,
    /// How EA stands to the sample.
    pub moment: Moment,
}

/// How EA stands to the sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// The source's snapshot is the one that the sample was taken from: nothing is excused.
    Same,
    /// The judge found the sample right in this snapshot (`pg_current_snapshot()`).
    Since(String),
    /// Nothing is known; every difference may have come later.
    Unknown,
}

/// Values whose text form depends on the session look alike on both servers.
const ALIKE: &str = "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; \
                     SET LOCAL IntervalStyle = 'postgres'; SET LOCAL extra_float_digits = 1; \
                     SET LOCAL bytea_output = 'hex'; SET LOCAL search_path = pg_catalog, public";

/// Judges `target` against `source`.
///
/// # Errors
/// Exit 4 where a server fails; exit 3 where it does not take an SQL text of the policy.
pub fn judge(
    source: &mut Source,
    target: &mut Client,
    catalog: &Catalog,
    policy: &Policy,
    options: &Options,
) -> Result<Verification> {
    let in_target = Catalog::read(target)?;
    let subjects = subjects(catalog, &in_target, policy);
    let failed = |error: postgres::Error| {
        Failure::peer(format!("cannot verify the sample: {}", cause(&error)))
    };
    source.client.batch_execute(ALIKE).map_err(failed)?;
    let mut transaction = target
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(false)
        .start()
        .map_err(failed)?;
    transaction.batch_execute(ALIKE).map_err(failed)?;
    let drift = Drift::since(source, &options.moment)?;
    let mut judge = Judge {
        source,
        target: transaction,
        catalog,
        policy,
        options,
        subjects: &subjects,
        drift,
        seed: seed()?,
        enumerations: HashMap::new(),
    };
    let (checks, found): (Vec<_>, Vec<_>) = judge.checks()?.into_iter().map(Check::end).unzip();
    let ok = checks.iter().all(|check| check.ok);
    let source_has_moved = judge.drift != Drift::None;
    let judged_snapshot = match ok && !source_has_moved {
        true => Some(judge.snapshot()?),
        false => None,
    };
    let verification = Verification {
        ok,
        source_has_moved,
        judged_snapshot,
        checks,
        // A site may live with much, but not with a wrong sample.
        findings: Findings::gather(found.concat(), &[], Rule::ALL),
    };
    judge.target.rollback().map_err(failed)?;
    Ok(verification)
}

/// What may have changed in EA since the sample was found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drift {
    /// Nothing.
    None,
    /// Rows whose transaction is at most so many transactions ago, and those that are gone.
    Younger(i64),
    /// Anything.
    Any,
}

impl Drift {
    fn since(source: &mut Source, moment: &Moment) -> Result<Drift> {
        let snapshot = match moment {
            Moment::Same => return Ok(Drift::None),
            Moment::Unknown => return Ok(Drift::Any),
            Moment::Since(snapshot) => snapshot,
        };
        let row = source
            .client
            .query_one(
                "SELECT pg_snapshot_xmax(now.at)::text::bigint - pg_snapshot_xmin($1::text::pg_snapshot)::text::bigint, \
                        now.at::text = $1 \
                 FROM (SELECT pg_current_snapshot() AS at) now",
                &[snapshot],
            )
            .map_err(|error| {
                Failure::peer(format!("cannot read EA's snapshot: {}", cause(&error)))
            })?;
        let same: bool = row.get(1);
        Ok(if same {
            Drift::None
        } else {
            Drift::Younger(row.get(0))
        })
    }

    /// As SQL over EA's row: whether it may have changed since.
    fn changed_sql(self, alias: &str) -> String {
        match self {
            Drift::None => "false".into(),
            Drift::Any => "true".into(),
            Drift::Younger(transactions) => format!("age({alias}.xmin) <= {transactions}"),
        }
    }
}

/// The judge at work.
struct Judge<'a> {
    source: &'a mut Source,
    target: Transaction<'a>,
    catalog: &'a Catalog,
    policy: &'a Policy,
    options: &'a Options,
    subjects: &'a [Subject<'a>],
    drift: Drift,
    seed: i64,
    /// By subject; read from EA once.
    enumerations: HashMap<usize, Vec<coverage::Enumeration>>,
}

impl<'a> Judge<'a> {
    fn checks(&mut self) -> Result<Vec<Check>> {
        let mut checks = vec![self.schema()?, self.foreign_keys()?, self.references()?];
        let (rows, hidden) = self.rows()?;
        checks.extend([rows, hidden]);
        checks.push(self.row_counts()?);
        checks.extend(self.owned()?);
        checks.push(self.coverage()?);
        checks.push(self.sequences()?);
        checks.push(self.passwords()?);
        checks.extend(self.privacy()?);
        checks.extend(self.texts()?);
        Ok(checks)
    }

    /// The snapshot of the session that has read everything of EA.
    fn snapshot(&mut self) -> Result<String> {
        let rows = self.ask_source("SELECT pg_current_snapshot()::text", &[])?;
        Ok(rows[0].get(0))
    }

    fn subject(&self, name: &TableName) -> Option<&'a Subject<'a>> {
        let mut subjects = self.subjects.iter();
        subjects.find(|subject| &subject.table.name == name)
    }

    /// Every column that is written.
    fn columns(&self) -> impl Iterator<Item = (&'a Subject<'a>, &'a Treatment<'a>)> + use<'a> {
        let subjects = self.subjects.iter();
        subjects.flat_map(|subject| subject.columns.iter().map(move |column| (subject, column)))
    }

    /// Reads from EA.
    fn ask_source(&mut self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        interrupt::check()?;
        self.source
            .client
            .query(sql, values)
            .map_err(|error| refused("EA", &error))
    }

    /// Reads from EB.
    fn ask_target(&mut self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        interrupt::check()?;
        self.target
            .query(sql, values)
            .map_err(|error| refused("EB", &error))
    }

    fn target_release(&mut self) -> Result<Release> {
        Release::of(&mut self.target).map_err(|error| refused("EB", &error))
    }

    /// A query over EB that gives its rows some at a time.
    fn begin_in_target(&mut self, sql: &str) -> Result<Portal> {
        let portal = self.target.bind(sql, &[]);
        portal.map_err(|error| refused("EB", &error))
    }

    /// The next rows of it.
    fn next_in_target(&mut self, portal: &Portal, most: i32) -> Result<Vec<Row>> {
        let rows = self.target.query_portal(portal, most);
        rows.map_err(|error| refused("EB", &error))
    }

    /// Runs statements in EB's session; they touch temporary tables only.
    fn in_target(&mut self, sql: &str) -> Result<()> {
        interrupt::check()?;
        self.target
            .batch_execute(sql)
            .map_err(|error| refused("EB", &error))
    }

    /// One number from EB.
    fn target_count(&mut self, sql: &str) -> Result<u64> {
        Ok(count(&self.ask_target(sql, &[])?[0], 0))
    }
}

/// Arrays of text as the parameters of a query.
fn parameters<T: ToSql + Sync>(columns: &[T]) -> Vec<&(dyn ToSql + Sync)> {
    let columns = columns.iter();
    columns
        .map(|column| column as &(dyn ToSql + Sync))
        .collect()
}

/// A `bigint` that counts something.
fn count(row: &Row, column: usize) -> u64 {
    let number: i64 = row.get(column);
    u64::try_from(number).unwrap_or(0)
}

fn refused(environment: &str, error: &postgres::Error) -> Failure {
    let message = format!(
        "cannot verify the sample: {environment} says: {}",
        cause(error)
    );
    match error.code() {
        // Syntax errors and unknown names come from the policy's SQL.
        Some(code) if code.code().starts_with("42") => {
            Failure::input(message).hint("mend the policy's SQL, then: mkx-sample policy check")
        }
        _ => Failure::peer(message),
    }
}

/// Tables that both sides have with all the columns that the policy names.
fn subjects<'a>(ea: &'a Catalog, eb: &Catalog, policy: &'a Policy) -> Vec<Subject<'a>> {
    let on_both_sides = ea.tables.values().filter_map(|table| {
        let rules = policy.tables.get(&table.name.to_string())?;
        let there = eb.tables.get(&table.name)?;
        let mut columns = table.columns.iter();
        let is_complete = columns.all(|column| there.column(&column.name).is_some());
        is_complete.then_some((table, rules))
    });
    on_both_sides
        .enumerate()
        .map(|(index, (table, rules))| Subject::new(index, table, rules))
        .collect()
}

/// A seed that nobody knows, so that digests tell nothing outside this judgement.
fn seed() -> Result<i64> {
    getrandom::u64()
        .map(|seed| seed as i64)
        .map_err(|error| Failure::peer(format!("cannot get random bytes: {error}")))
}
