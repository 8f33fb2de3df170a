//! What the source holds: how many rows each table has, and which values its enum-like columns.
//!
//! Which columns are enum-like, the policy says or the statistics suggest; which values they have
//! is read from the rows themselves, in the pass that counts them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use mkx_contract::Result;
use postgres::Client;

use crate::catalog::Column;
use crate::closure::{Extent, Graph, Node, ROW, Session, of_policy};
use crate::policy::Transform;
use crate::sql;

/// A column with more distinct values than this is no enum.
const MOST_VALUES: usize = 25;

/// Numbers with more distinct values than this count something.
const MOST_NUMBERS: usize = 8;

/// Rows looked at where a table was never analysed.
const LOOKED_AT: usize = 10_000;

/// A value as text; null is none.
pub type Value = Option<String>;

/// What one table holds.
#[derive(Debug, Clone, Default)]
pub struct Census {
    /// Rows in the source.
    pub rows: u64,
    /// Enum-like columns and their values in rows that may come.
    pub values: Vec<(String, BTreeSet<Value>)>,
}

/// The tables of a graph, handed out one by one to sessions that work side by side.
pub struct Round {
    order: Vec<usize>,
    next: AtomicUsize,
}

impl Round {
    /// All tables, the largest first, so that the sessions end together.
    pub fn over(graph: &Graph) -> Round {
        let rows = |at: &usize| graph.nodes[*at].table.estimated_rows;
        let mut order: Vec<usize> = (0..graph.nodes.len()).collect();
        order.sort_by(|a, b| rows(b).total_cmp(&rows(a)));
        Round {
            order,
            next: AtomicUsize::new(0),
        }
    }

    /// Does `work` for tables that nobody has taken yet, until there are none.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn work<T>(&self, mut work: impl FnMut(usize) -> Result<T>) -> Result<Vec<(usize, T)>> {
        let mut done = Vec::new();
        while let Some(at) = self.order.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            done.push((*at, work(*at)?));
        }
        Ok(done)
    }
}

/// Counts the tables of a round that no other session counts.
///
/// # Errors
/// As [`Session::each`].
pub fn census(graph: &Graph, round: &Round, client: &mut Client) -> Result<Vec<(usize, Census)>> {
    let mut session = Session { client };
    round.work(|at| of_table(&graph.nodes[at], &mut session))
}

/// What several sessions did, in the order of the graph's nodes.
pub fn in_order<T>(mut done: Vec<(usize, T)>, more: Vec<(usize, T)>) -> Vec<T> {
    done.extend(more);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, done)| done).collect()
}

fn of_table(node: &Node, session: &mut Session) -> Result<Census> {
    let columns = enum_like(node, session)?;
    let condition = match &node.policy.condition {
        Some(condition) => format!("{} IS TRUE", of_policy(condition)),
        None => "TRUE".into(),
    };
    let mut census = Census {
        rows: 0,
        values: columns
            .iter()
            .map(|column| (column.clone(), BTreeSet::new()))
            .collect(),
    };
    let is_declared = node.policy.coverage.is_some();
    session.each(node, &values_sql(node, &columns, &condition), |row| {
        let comes: bool = row.get(1);
        let grouped: Option<i32> = row.get(2);
        match grouped.and_then(|at| usize::try_from(at).ok()) {
            None => census.rows += u64::try_from(row.get::<_, i64>(0)).unwrap_or(0),
            Some(at) if comes => {
                let (_, values) = &mut census.values[at];
                if is_declared || values.len() <= MOST_VALUES {
                    values.insert(row.get::<_, Option<&str>>(3).map(str::to_owned));
                }
            }
            Some(_) => {}
        }
    })?;
    census.values.retain(|(name, values)| {
        let most = node.table.column(name).map_or(0, most_values);
        is_declared || values.len() <= most
    });
    Ok(census)
}

/// One pass over the table: a row of count and condition alone, and one for each value of each
/// column with the column's place. Grouped by the values and not by their texts, which are made
/// once a group; and column by column, since most rows differ in some of them.
fn values_sql(node: &Node, columns: &[String], condition: &str) -> String {
    let names: Vec<_> = columns
        .iter()
        .map(|column| format!("{ROW}.{}", sql::identifier(column)))
        .collect();
    let mut sets = vec!["(mkx_comes)".to_owned()];
    let (mut places, mut texts) = (String::new(), String::new());
    for (at, name) in names.iter().enumerate() {
        sets.push(format!("(mkx_comes, {name})"));
        places.push_str(&format!(" WHEN GROUPING({name}) = 0 THEN {at}"));
        texts.push_str(&format!(" WHEN GROUPING({name}) = 0 THEN {name}::text"));
    }
    let (place, text) = if columns.is_empty() {
        ("NULL::integer".to_owned(), "NULL::text".to_owned())
    } else {
        (format!("CASE{places} END"), format!("CASE{texts} END"))
    };
    format!(
        "SELECT count(*), mkx_comes, {place}, {text} \
         FROM (SELECT {ROW}.*, {condition} AS mkx_comes FROM {} AS {ROW}) AS {ROW} \
         GROUP BY GROUPING SETS ({})",
        node.table.from_sql(),
        sets.join(", ")
    )
}

/// How many values an enum of this type may have.
fn most_values(column: &Column) -> usize {
    if column.base_type.starts_with("int") {
        MOST_NUMBERS
    } else {
        MOST_VALUES
    }
}

/// The columns of which every value must come.
fn enum_like(node: &Node, session: &mut Session) -> Result<Vec<String>> {
    if matches!(node.extent, Extent::Complete | Extent::Empty) {
        return Ok(Vec::new());
    }
    if let Some(declared) = &node.policy.coverage {
        return Ok(declared.clone());
    }
    let possible: Vec<&Column> = node
        .table
        .columns
        .iter()
        .filter(|column| may_be_enum(node, column))
        .collect();
    if possible.is_empty() {
        return Ok(Vec::new());
    }
    let mut few = from_statistics(node, session)?;
    if few.is_none() {
        few = Some(from_rows(node, &possible, session)?);
    }
    let few = few.unwrap_or_default();
    let names = possible.iter().map(|column| column.name.clone());
    Ok(names.filter(|name| few.contains(name)).collect())
}

/// Kept as it is, no key, and of a type that enumerations have.
fn may_be_enum(node: &Node, column: &Column) -> bool {
    let is_key = node
        .keys
        .iter()
        .any(|key| key.columns.contains(&column.name))
        || node.table.primary_key.contains(&column.name)
        || node
            .table
            .foreign_keys
            .iter()
            .any(|key| key.columns.contains(&column.name))
        || node
            .policy
            .references
            .iter()
            .any(|reference| reference.column == column.name);
    !is_key
        && !column.is_generated
        && node.policy.columns.get(&column.name) == Some(&Transform::Keep)
        && !NEVER_ENUM.contains(&column.base_type.as_str())
        && !column.base_type.starts_with('_')
}

const NEVER_ENUM: [&str; 22] = [
    "bytea",
    "json",
    "jsonb",
    "xml",
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
    "float4",
    "float8",
    "numeric",
    "money",
    "inet",
    "cidr",
    "macaddr",
    "uuid",
    "tsvector",
    "point",
    "tid",
    "hstore",
];

/// Few values says the server; nothing where it never looked. A negative number of distinct values
/// is a share of the rows, which says nothing of booleans and enums in a small table.
fn from_statistics(node: &Node, session: &mut Session) -> Result<Option<Vec<String>>> {
    let query = format!(
        "SELECT s.attname::text, CASE WHEN t.typname = 'bool' OR t.typtype = 'e' THEN 0 \
         WHEN s.avg_width > 40 OR s.n_distinct < -0.5 THEN NULL \
         WHEN s.n_distinct >= 0 THEN s.n_distinct ELSE -s.n_distinct * {} END::float8 \
         FROM pg_catalog.pg_stats s \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = {}::regclass \
         AND a.attname = s.attname \
         JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
         WHERE s.schemaname = {} AND s.tablename = {} AND s.inherited = {}",
        node.table.estimated_rows.max(0.0),
        sql::literal(&node.table.name.sql()),
        sql::literal(&node.table.name.schema),
        sql::literal(&node.table.name.name),
        node.table.is_partitioned
    );
    let mut is_analysed = false;
    let mut names = Vec::new();
    session.each(node, &query, |row| {
        is_analysed = true;
        let name: String = row.get(0);
        let distinct: Option<f64> = row.get(1);
        let most = node.table.column(&name).map_or(0, most_values);
        if distinct.is_some_and(|distinct| distinct <= most as f64) {
            names.push(name);
        }
    })?;
    Ok(is_analysed.then_some(names))
}

/// Few values among the first rows.
fn from_rows(node: &Node, possible: &[&Column], session: &mut Session) -> Result<Vec<String>> {
    let inner: Vec<_> = possible
        .iter()
        .map(|column| sql::identifier(&column.name))
        .collect();
    let counts: Vec<_> = inner
        .iter()
        .map(|name| format!("count(DISTINCT {name}), max(octet_length({name}::text))::bigint"))
        .collect();
    let query = format!(
        "SELECT count(*), {} FROM (SELECT {} FROM {} LIMIT {LOOKED_AT}) AS looked_at",
        counts.join(", "),
        inner.join(", "),
        node.table.from_sql()
    );
    let mut few = Vec::new();
    session.each(node, &query, |row| {
        let rows: i64 = row.get(0);
        for (at, column) in possible.iter().enumerate() {
            let distinct: i64 = row.get(1 + 2 * at);
            let width: Option<i64> = row.get(2 + 2 * at);
            let is_few = distinct <= most_values(column) as i64
                && (2 * distinct <= rows || column.base_type == "bool")
                && width.unwrap_or(0) <= 40;
            if is_few {
                few.push(column.name.clone());
            }
        }
    })?;
    Ok(few)
}
