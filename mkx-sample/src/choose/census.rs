//! What the source holds: how many rows each table has, and which values its enum-like columns.
//!
//! Which columns are enum-like, the policy says or the rows show: the first of them rule most
//! columns out, and the pass that counts all rows says which values the others have. The server's
//! statistics have no say, since they lag behind what migrations and jobs do.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use mkx_contract::Result;
use postgres::Client;

use crate::choose::closure::{Extent, Graph, Node, ROW, Session, column_of};
use crate::database::catalog::Column;
use crate::policy::Transform;
use crate::sql;

/// A column with more distinct values than this is no enum.
const MOST_VALUES: usize = 25;

/// Numbers with more distinct values than this count something.
const MOST_NUMBERS: usize = 8;

/// The first rows of a table, cheap to look at however large it is: they rule out columns of many
/// values, and show most values of the others.
pub const FIRST_ROWS: usize = 10_000;

/// So many groups among those rows are few.
const FEW_GROUPS: i64 = 2_000;

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

    /// Does `work` for every table of a graph in two sessions, and gives it in the order of the nodes.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn in_two_sessions<T: Send>(
        graph: &Graph,
        [one, other]: [&mut Client; 2],
        work: impl Fn(usize, &mut Session) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let round = Round::over(graph);
        let done = |client: &mut Client| {
            let mut session = Session { client };
            round.work(|at| work(at, &mut session))
        };
        std::thread::scope(|threads| {
            let theirs = threads.spawn(|| done(other));
            let ours = done(one);
            let theirs = theirs.join().expect("the work does not panic");
            Ok(in_order(ours?, theirs?))
        })
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
    let condition = node.condition();
    let condition = condition.map_or("TRUE".into(), |it| format!("{it} IS TRUE"));
    let columns = possible(node, &condition, session)?;
    let mut census = Census::default();
    let names = columns.iter().map(|column| column.name.clone());
    census
        .values
        .extend(names.map(|name| (name, BTreeSet::new())));
    let mut coming = 0;
    let is_declared = node.policy.coverage.is_some();
    let are_few = are_few_together(node, &columns, &condition, session)?;
    let query = values_sql(node, &columns, &condition, are_few);
    session.each(node, &query, |row| {
        let comes: bool = row.get(1);
        let grouped: Option<i32> = row.get(2);
        match grouped.and_then(|at| usize::try_from(at).ok()) {
            None => {
                let rows = u64::try_from(row.get::<_, i64>(0)).unwrap_or(0);
                census.rows += rows;
                coming += if comes { rows } else { 0 };
            }
            Some(at) if comes => {
                let (_, values) = &mut census.values[at];
                if is_declared || values.len() <= most_values(columns[at]) {
                    values.insert(row.get::<_, Option<&str>>(3).map(str::to_owned));
                }
            }
            Some(_) => {}
        }
    })?;
    census.values.retain(|(name, values)| {
        let column = node.table.column(name);
        is_declared || column.is_some_and(|column| is_enum_like(column, values, coming))
    });
    Ok(census)
}

/// Few values for the rows that have them; a type of few values is always one.
fn is_enum_like(column: &Column, values: &BTreeSet<Value>, rows: u64) -> bool {
    is_kind(column) || values.len() <= most_values(column) && 2 * values.len() as u64 <= rows
}

/// A type that was made to tell kinds apart.
fn is_kind(column: &Column) -> bool {
    column.is_enum || column.base_type == "bool"
}

/// How many values an enum-like column of this type may have.
fn most_values(column: &Column) -> usize {
    match column.base_type.as_str() {
        _ if column.is_enum => usize::MAX,
        "int2" | "int4" | "int8" => MOST_NUMBERS,
        _ => MOST_VALUES,
    }
}

/// One pass over the table: a row of count and condition alone, and one for each value of each
/// column with the column's place. Grouped by the values and not by their texts, which are made once
/// a group. Where the columns have few values together, they are grouped by all of them first, which
/// the server can do in parallel; most rows differ in some of them elsewhere.
fn values_sql(node: &Node, columns: &[&Column], condition: &str, are_few: bool) -> String {
    let mut names = vec!["mkx_comes".to_owned()];
    let mut inner = format!("({condition}) AS mkx_comes");
    let mut sets = vec!["(mkx_comes)".to_owned()];
    let (mut places, mut texts) = (String::new(), String::new());
    for (at, column) in columns.iter().enumerate() {
        let name = format!("mkx_value_{at}");
        let _ = write!(inner, ", {} AS {name}", value_sql(column));
        sets.push(format!("(mkx_comes, {name})"));
        let _ = write!(places, " WHEN GROUPING({name}) = 0 THEN {at}");
        let _ = write!(texts, " WHEN GROUPING({name}) = 0 THEN {name}::text");
        names.push(name);
    }
    let (place, text) = match columns {
        [] => ("NULL::integer".to_owned(), "NULL::text".to_owned()),
        _ => (format!("CASE{places} END"), format!("CASE{texts} END")),
    };
    let (from, names, sets) = (node.from(), sql::list(names), sql::list(sets));
    let (count, rows) = if are_few {
        let groups = format!("SELECT count(*) AS mkx_rows, {inner} {from} GROUP BY {names}");
        ("sum(mkx_rows)::bigint", groups)
    } else {
        ("count(*)", format!("SELECT {inner} {from}"))
    };
    format!(
        "SELECT {count}, mkx_comes, {place}, {text} FROM ({rows}) AS mkx_counted \
         GROUP BY GROUPING SETS ({sets})"
    )
}

/// Whether the first rows differ so seldom in these columns that few groups of all of them are to be
/// expected. It decides how they are counted, and not what comes out.
fn are_few_together(
    node: &Node,
    columns: &[&Column],
    condition: &str,
    session: &mut Session,
) -> Result<bool> {
    if columns.len() < 2 {
        return Ok(!columns.is_empty());
    }
    let query = format!(
        "SELECT count(*) FROM (SELECT DISTINCT * FROM (SELECT {} {} WHERE {condition} \
         LIMIT {FIRST_ROWS}) AS mkx_first ({})) AS mkx_groups",
        sql::list(columns.iter().map(|column| value_sql(column))),
        node.from(),
        sql::list((0..columns.len()).map(|at| format!("mkx_value_{at}")))
    );
    let mut groups: i64 = 0;
    session.each(node, &query, |row| groups = row.get(0))?;
    Ok(groups <= FEW_GROUPS)
}

/// What tells values apart: texts that a collation or `citext` takes for equal are two values.
fn value_sql(column: &Column) -> String {
    let name = column_of(&column.name);
    match column.base_type.as_str() {
        "text" | "varchar" | "bpchar" | "citext" => format!("({name}::text COLLATE \"C\")"),
        _ => name,
    }
}

/// The columns of which every value may have to come: those that the policy names, or those that
/// the first rows do not rule out.
fn possible<'a>(
    node: &Node<'a>,
    condition: &str,
    session: &mut Session,
) -> Result<Vec<&'a Column>> {
    if matches!(node.extent, Extent::Complete | Extent::Empty) {
        return Ok(Vec::new());
    }
    if let Some(declared) = &node.policy.coverage {
        let columns = declared.iter().filter_map(|name| node.table.column(name));
        return Ok(columns.collect());
    }
    let columns = node.table.columns.iter();
    let (mut possible, others): (Vec<_>, Vec<_>) = columns
        .filter(|column| may_be_enum(node, column))
        .partition(|column| is_kind(column));
    possible.extend(not_ruled_out(node, &others, condition, session)?);
    Ok(possible)
}

/// Kept as it is, no key, and of a type that enumerations have.
fn may_be_enum(node: &Node, column: &Column) -> bool {
    let (name, table, policy) = (&column.name, node.table, node.policy);
    let mut references = policy.references.iter();
    let is_key = node.keys.iter().any(|key| key.columns.contains(name))
        || table.primary_key.contains(name)
        || table
            .foreign_keys
            .iter()
            .any(|key| key.columns.contains(name))
        || references.any(|reference| reference.column == *name);
    !is_key
        && !column.is_generated
        && policy.columns.get(name) == Some(&Transform::Keep)
        && (is_kind(column) || OF_FEW_VALUES.contains(&column.base_type.as_str()))
}

/// Types of columns that enumerate something where they have few values.
const OF_FEW_VALUES: [&str; 7] = [
    "text", "varchar", "bpchar", "citext", "int2", "int4", "int8",
];

/// Columns whose first rows have few values. Those rows have no more values than all, so none is
/// ruled out that is enum-like.
fn not_ruled_out<'a>(
    node: &Node,
    columns: &[&'a Column],
    condition: &str,
    session: &mut Session,
) -> Result<Vec<&'a Column>> {
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let counts = columns
        .iter()
        .map(|column| format!("count(DISTINCT {})", value_sql(column)));
    let names = columns.iter().map(|column| sql::identifier(&column.name));
    let query = format!(
        "SELECT {} FROM (SELECT {} {} WHERE {condition} LIMIT {FIRST_ROWS}) AS {ROW}",
        sql::list(counts),
        sql::list(names),
        node.from()
    );
    let mut few = Vec::new();
    session.each(node, &query, |row| {
        for (at, column) in columns.iter().enumerate() {
            let distinct: i64 = row.get(at);
            if usize::try_from(distinct).is_ok_and(|distinct| distinct <= most_values(column)) {
                few.push(*column);
            }
        }
    })?;
    Ok(few)
}
