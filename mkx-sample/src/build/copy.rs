//! The rows: parallel COPY from sessions in EA's one snapshot to sessions in EB's new database.
//! A row is in memory at a time and session, whatever the tables' sizes.

use std::collections::BTreeSet;
use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::HumanBytes;
use mkx_contract::tool::interrupt;
use mkx_contract::tool::progress::Bars;
use mkx_contract::{Failure, Result};
use postgres::Client;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::build::progress::milliseconds;
use crate::build::watch::Watch;
use crate::choose::selection::TableCopy;
use crate::database::catalog::{Catalog, TableName};
use crate::database::endpoint::Endpoint;
use crate::database::source::SharedSnapshot;
use crate::sql;

/// What one table brought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CopiedTable {
    /// The table.
    pub table: String,
    /// Rows that EA has.
    pub rows_in_source: u64,
    /// Rows that came.
    pub rows: u64,
    /// What they were on the way.
    pub size_bytes: u64,
    /// How long it took.
    pub duration_ms: u64,
}

/// Sessions on EB that write rows. What a crash of the server loses, the next run makes again;
/// the swap's own commit is durable, and with it everything before it.
const TARGET_OPTIONS: &str = "-c synchronous_commit=off -c statement_timeout=0 -c DateStyle=ISO \
                              -c default_transaction_read_only=off -c search_path=pg_catalog,public";

/// Tables whose rows can not go in binary form: a composite, or an array of a type that is not
/// built in, carries the type's number, which is another in each database.
const TEXT_ONLY: &str = "
SELECT DISTINCT n.nspname::text, c.relname::text
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type base ON t.typtype = 'd' AND base.oid = t.typbasetype
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p')
  AND (COALESCE(base.typtype, t.typtype) = 'c'
       OR (COALESCE(base.typcategory, t.typcategory) = 'A' AND COALESCE(base.typelem, t.typelem) >= 16384)
       OR COALESCE(base.typsend, t.typsend) = 0 OR COALESCE(base.typreceive, t.typreceive) = 0)";

/// Everything that a copy needs besides the tables.
pub struct Copying<'a> {
    /// EA, in its snapshot.
    pub source: SharedSnapshot,
    /// EA's tables.
    pub catalog: &'a Catalog,
    /// EB's new database.
    pub target: &'a Endpoint,
    /// Who owns the tables there.
    pub owner: &'a str,
    /// Pairs of sessions that work side by side.
    pub jobs: usize,
    /// Ends the sessions at a signal.
    pub watch: &'a Watch,
}

/// What the workers share.
struct Work<'a> {
    copying: &'a Copying<'a>,
    tables: Vec<&'a TableCopy>,
    text_only: BTreeSet<TableName>,
    next: AtomicUsize,
    /// The first failure; the others follow from it.
    failure: Mutex<Option<Failure>>,
    is_failed: AtomicBool,
    copied: Mutex<Vec<CopiedTable>>,
    bars: Bars,
}

impl Copying<'_> {
    /// Copies the tables, the largest first, and says what each brought.
    ///
    /// # Errors
    /// Exit 4 where a server fails; exit 130.
    pub fn run(&self, tables: &[TableCopy]) -> Result<Vec<CopiedTable>> {
        let mut session = self.source.session()?;
        let text_only = text_only(&mut session, &self.source.endpoint)?;
        drop(session);
        let mut tables: Vec<&TableCopy> = tables.iter().collect();
        tables.sort_by_key(|copy| std::cmp::Reverse(copy.rows));
        let work = Work {
            copying: self,
            text_only,
            next: AtomicUsize::new(0),
            failure: Mutex::new(None),
            is_failed: AtomicBool::new(false),
            copied: Mutex::new(Vec::with_capacity(tables.len())),
            bars: Bars::new(),
            tables,
        };
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    if let Err(failure) = work.work() {
                        work.fail(failure);
                    }
                });
            }
        });
        interrupt::check()?;
        let failure = work.failure.into_inner();
        if let Some(failure) = failure.unwrap_or_else(PoisonError::into_inner) {
            return Err(failure);
        }
        let copied = work.copied.into_inner();
        let mut copied = copied.unwrap_or_else(PoisonError::into_inner);
        copied.sort_by(|a, b| a.table.cmp(&b.table));
        Ok(copied)
    }
}

fn text_only(client: &mut Client, endpoint: &Endpoint) -> Result<BTreeSet<TableName>> {
    let rows = client
        .query(TEXT_ONLY, &[])
        .map_err(|error| endpoint.cannot("read the types of", &error))?;
    Ok(rows.iter().map(|row| TableName::at(row, 0)).collect())
}

impl Work<'_> {
    /// Notes the failure and ends what the other workers wait for.
    fn fail(&self, failure: Failure) {
        let mut first = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(failure);
        self.is_failed.store(true, Ordering::Relaxed);
        self.copying.watch.cancel_all();
    }

    fn work(&self) -> Result<()> {
        let Copying {
            source,
            target,
            owner,
            watch,
            ..
        } = self.copying;
        let mut from = source.session()?;
        watch.over(&source.endpoint, &from);
        let mut to = target.connect(TARGET_OPTIONS)?;
        watch.over(target, &to);
        to.batch_execute(&format!("SET ROLE {}", sql::identifier(owner)))
            .map_err(|error| target.cannot("be the owner in", &error))?;
        loop {
            let Some(copy) = self.tables.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                return Ok(());
            };
            if self.is_failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let table = self.table(copy, &mut from, &mut to)?;
            let mut copied = self.copied.lock().unwrap_or_else(PoisonError::into_inner);
            copied.push(table);
        }
    }

    /// Truncating in the same transaction lets the server freeze the rows as they come, so that
    /// neither the index builds nor a later vacuum write them again.
    fn table(&self, copy: &TableCopy, from: &mut Client, to: &mut Client) -> Result<CopiedTable> {
        let since = Instant::now();
        let Copying {
            source,
            target,
            catalog,
            ..
        } = self.copying;
        let name = copy.table.to_string();
        let read =
            |error: &postgres::Error| source.endpoint.cannot(&format!("read {name} from"), error);
        let write = |error: &postgres::Error| target.cannot(&format!("write {name} to"), error);
        let format = match self.text_only.contains(&copy.table) {
            true => "FORMAT text",
            false => "FORMAT binary",
        };
        let freeze = match catalog.tables.get(&copy.table) {
            Some(table) if table.is_partitioned => "",
            _ => ", FREEZE",
        };
        let into = format!(
            "COPY {} ({}) FROM STDIN ({format}{freeze})",
            copy.table.sql(),
            sql::identifiers(&copy.columns)
        );
        let bar = self.bars.bar(&name, copy.rows);
        let (mut rows, mut size_bytes, mut said) = (0, 0, Instant::now());
        let mut transaction = to.transaction().map_err(|error| write(&error))?;
        transaction
            .batch_execute(&format!("TRUNCATE {}", copy.table.sql()))
            .map_err(|error| write(&error))?;
        for select in &copy.selects {
            let mut reader = from
                .copy_out(&format!("COPY ({select}) TO STDOUT ({format})"))
                .map_err(|error| read(&error))?;
            let mut writer = transaction.copy_in(&into).map_err(|error| write(&error))?;
            loop {
                let row = reader.fill_buf().map_err(|error| broken(&error, &read))?;
                if row.is_empty() {
                    break;
                }
                let length = row.len();
                writer
                    .write_all(row)
                    .map_err(|error| broken(&error, &write))?;
                reader.consume(length);
                size_bytes += length as u64;
                bar.advance(1);
                // Not at each row: writing the message would take longer than copying it.
                if said.elapsed() > Duration::from_millis(100) {
                    said = Instant::now();
                    bar.say(|| format!("rows, {}", HumanBytes(size_bytes)));
                }
                if interrupt::arrived() || self.is_failed.load(Ordering::Relaxed) {
                    self.copying.watch.cancel_all();
                    return Err(Failure::interrupted());
                }
            }
            drop(reader);
            rows += writer.finish().map_err(|error| write(&error))?;
        }
        transaction.commit().map_err(|error| write(&error))?;
        if rows != copy.rows {
            return Err(Failure::peer(format!(
                "cannot copy {name}: {rows} rows came where {} were counted in the same snapshot",
                copy.rows
            )));
        }
        Ok(CopiedTable {
            table: name,
            rows_in_source: copy.rows_in_source,
            rows,
            size_bytes,
            duration_ms: milliseconds(since.elapsed()),
        })
    }
}

/// The server's own words are inside the stream's error.
fn broken(error: &std::io::Error, cannot: &dyn Fn(&postgres::Error) -> Failure) -> Failure {
    let inner = error.get_ref();
    match inner.and_then(|inner| inner.downcast_ref::<postgres::Error>()) {
        Some(inner) => cannot(inner),
        None => Failure::peer(format!("cannot copy: {error}")),
    }
}
