//! Coverage: every value that an enum-like column has in EA occurs in EB.
//!
//! What the sample misses is brought by the cheapest row that carries it: one whose own references
//! are there already, else one that brings few others. It comes whole and owns nothing.

use std::collections::BTreeSet;

use mkx_contract::Result;
use mkx_contract::tool::voice;
use postgres::Client;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::choose::census::{Census, FIRST_ROWS, Round, Value};
use crate::choose::closure::{
    self, Batch, Extent, Graph, Key, Keys, Link, Node, ROW, Session, Sets, Up, Which, add,
    column_of, columns_of, known,
};
use crate::choose::extract::anonymised;
use crate::database::catalog::Column;
use crate::sql;
use crate::transform::Context;

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

/// Values that do not occur yet, for the columns of one table.
type Missing<'g> = Vec<(&'g Column, BTreeSet<Value>)>;

/// Adds the rows that are missing, and what they include; tables that refer to others first, for
/// what they bring may carry what those miss. What is missing is found in two sessions.
///
/// # Errors
/// As [`Session::each`].
pub fn cover(
    graph: &Graph,
    sets: &mut Sets,
    [client, beside]: [&mut Client; 2],
    census: &[Census],
    context: &Context,
) -> Result<Vec<CoverageAdded>> {
    let mut missing = Round::in_two_sessions(graph, [client, beside], |at, session| {
        Table { graph, at, context }.missing(sets, session, &census[at])
    })?;
    let mut session = Session { client };
    let mut added = Vec::new();
    for at in graph.order.iter().rev().flatten().copied() {
        let table = Table { graph, at, context };
        let mut missing = std::mem::take(&mut missing[at]);
        table.look_at_extra(sets, &mut session, &mut missing)?;
        if missing.is_empty() {
            continue;
        }
        let (rows, report) = table.cheapest(sets, &mut session, &missing)?;
        added.extend(report);
        let mut new = graph.no_rows();
        new[at] = rows[0].clone();
        add(&mut sets.rows[at].extra, &rows);
        closure::include(graph, sets, &mut session, Some(new))?;
    }
    Ok(added)
}

struct Table<'a> {
    graph: &'a Graph<'a>,
    at: usize,
    context: &'a Context,
}

impl<'a> Table<'a> {
    fn node(&self) -> &'a Node<'a> {
        &self.graph.nodes[self.at]
    }

    /// The value as EB would have it, as text.
    fn seen(&self, column: &Column) -> Result<String> {
        let node = self.node();
        let value = anonymised(node.table, node.policy, column, self.context)?;
        Ok(format!("({value})::text"))
    }

    /// What the own rows do not show.
    fn missing(&self, sets: &Sets, session: &mut Session, census: &Census) -> Result<Missing<'a>> {
        let node = self.node();
        let tail = known(self.graph, sets, self.at);
        let Some(tail) = tail.filter(|_| node.extent != Extent::Complete) else {
            return Ok(Vec::new());
        };
        let values = census.values.iter();
        let mut missing: Missing = values
            .filter_map(|(name, values)| Some((node.table.column(name)?, values.clone())))
            .collect();
        self.look(session, &tail, &mut missing)?;
        Ok(missing)
    }

    /// Takes away what rows show that come whole because others need them.
    fn look_at_extra(
        &self,
        sets: &Sets,
        session: &mut Session,
        missing: &mut Missing,
    ) -> Result<()> {
        let extra = &sets.rows[self.at].extra[0];
        if extra.is_empty() {
            return Ok(());
        }
        self.look(session, &self.node().with_keys(0, extra), missing)
    }

    /// Takes away what rows show: the first of them most values, and then only those count that
    /// show one of the others.
    fn look(&self, session: &mut Session, tail: &str, missing: &mut Missing) -> Result<()> {
        missing.retain(|(_, values)| !values.is_empty());
        for limit in [Some(FIRST_ROWS), None] {
            if missing.is_empty() {
                return Ok(());
            }
            let sql = self.shown(tail, missing, limit)?;
            session.each(self.node(), &sql, |row| {
                for (at, (_, values)) in missing.iter_mut().enumerate() {
                    values.remove(&row.get::<_, Value>(at));
                }
            })?;
            missing.retain(|(_, values)| !values.is_empty());
        }
        Ok(())
    }

    /// The values that rows show, of so many of them or of those that show a missing one.
    fn shown(&self, tail: &str, missing: &Missing, limit: Option<usize>) -> Result<String> {
        let (mut seen, mut names, mut asked) = (Vec::new(), Vec::new(), Vec::new());
        for (at, (column, values)) in missing.iter().enumerate() {
            let name = format!("mkx_value_{at}");
            let texts = sql::array(values.iter().flatten(), "text");
            asked.push(format!("{name} = ANY ({texts})"));
            if values.contains(&None) {
                asked.push(format!("{name} IS NULL"));
            }
            seen.push(self.seen(column)?);
            names.push(name);
        }
        let (limit, condition) = match limit {
            Some(limit) => (format!("LIMIT {limit}"), "TRUE".into()),
            None => (String::new(), sql::any(asked)),
        };
        let (seen, names) = (sql::list(seen), sql::list(names));
        let rows = format!("SELECT {seen} {tail} {limit}");
        Ok(format!(
            "SELECT DISTINCT * FROM ({rows}) AS mkx_seen ({names}) WHERE {condition}"
        ))
    }

    /// One row for each missing value; a row may carry several.
    fn cheapest(
        &self,
        sets: &Sets,
        session: &mut Session,
        missing: &Missing,
    ) -> Result<(Batch, Vec<CoverageAdded>)> {
        let node = self.node();
        let mut rest = missing.clone();
        let added = missing.iter().map(|(column, _)| CoverageAdded {
            table: node.table.name.to_string(),
            column: column.name.clone(),
            values: Vec::new(),
            rows: 0,
        });
        let mut added: Vec<CoverageAdded> = added.collect();
        let mut batch = node.none();
        let first = node.keys.len();
        session.each(node, &self.candidates(sets, missing)?, |row| {
            let mut is_new = false;
            for (at, (_, rest)) in rest.iter_mut().enumerate() {
                let value: Value = row.get(first + at);
                if rest.remove(&value) {
                    added[at].values.push(value);
                    added[at].rows += u64::from(!is_new);
                    is_new = true;
                }
            }
            if is_new {
                for (place, keys) in batch.iter_mut().enumerate() {
                    keys.push(row, place);
                }
            }
        })?;
        batch.iter_mut().for_each(Keys::settle);
        for (column, values) in rest {
            let column = format!("{}.{}", node.table.name, column.name);
            for value in values {
                let value = value.as_deref().unwrap_or("null");
                voice::warn(format!("{column}: no row with the value {value} can come"));
            }
        }
        added.retain(|added| !added.values.is_empty());
        Ok((batch, added))
    }

    /// Keys and values of the cheapest row for each missing value, the cheapest first.
    fn candidates(&self, sets: &Sets, missing: &Missing) -> Result<String> {
        let node = self.node();
        let identity = sql::list(node.keys[0].sql_columns());
        let cost = self.cost(sets);
        let (mut ranks, mut asked, mut first) = (Vec::new(), Vec::new(), Vec::new());
        let mut columns: Vec<String> = node.keys.iter().map(Key::select).collect();
        for (at, (column, wanted)) in missing.iter().enumerate() {
            let name = column_of(&column.name);
            let texts = sql::array(wanted.iter().flatten(), "text");
            let mut carries = format!("{name}::text = ANY ({texts})");
            if wanted.contains(&None) {
                carries = format!("({carries} OR {name} IS NULL)");
            }
            let shows = format!(
                "{carries} AND {} IS NOT DISTINCT FROM {name}::text",
                self.seen(column)?
            );
            ranks.push(format!(
                "row_number() OVER (PARTITION BY {name}::text, {shows} ORDER BY {cost}, {identity}) AS mkx_{at}"
            ));
            first.push(format!("({shows} AND {ROW}.mkx_{at} = 1)"));
            asked.push(format!("({shows})"));
            columns.push(format!("{name}::text"));
        }
        let mut conditions = self.possible(sets);
        conditions.push(format!("({})", sql::any(asked)));
        Ok(format!(
            "SELECT {} FROM (SELECT {ROW}.tableoid, {ROW}.ctid, {ROW}.*, {cost} AS mkx_cost, {} {} WHERE {}) AS {ROW} \
             WHERE {} ORDER BY {ROW}.mkx_cost, {identity}",
            sql::list(columns),
            sql::list(ranks),
            node.from(),
            sql::all(conditions),
            sql::any(first)
        ))
    }

    /// How much a row brings: a whole parent weighs more than a stub, a lost reference the most.
    fn cost(&self, sets: &Sets) -> String {
        let mut costs = vec!["0".to_owned()];
        for (_, link) in self.graph.links_of(self.at) {
            costs.extend(self.cost_of(sets, link));
        }
        for pointer in self.graph.references_of(self.at) {
            let holds = closure::holds(self.graph, sets, pointer, Which::Whole);
            costs.push(format!("CASE WHEN {holds} THEN 0 ELSE 100 END"));
        }
        format!("({})", costs.join(" + "))
    }

    fn cost_of(&self, sets: &Sets, link: &Link) -> Option<String> {
        let weight = match link.up {
            Up::Include => 10,
            Up::Stub => 1,
            Up::Null => 3,
        };
        if self.graph.nodes[link.parent].extent == Extent::Complete {
            return None;
        }
        let values = columns_of(&link.columns);
        let is_null = sql::any(values.iter().map(|value| format!("{value} IS NULL")));
        let there = sets.contains(self.graph, (link.parent, link.key), Which::Whole, &values);
        Some(format!(
            "CASE WHEN {is_null} OR {there} THEN 0 ELSE {weight} END"
        ))
    }

    /// Rows that may come at all: what a reference that drops its row refers to must be there,
    /// where it can not be null.
    fn possible(&self, sets: &Sets) -> Vec<String> {
        let references = self.graph.references_of(self.at);
        let references = references.filter(|pointer| pointer.must_hold(self.graph));
        let held = references.map(|to| closure::holds(self.graph, sets, to, Which::Source));
        self.node().condition().into_iter().chain(held).collect()
    }
}
