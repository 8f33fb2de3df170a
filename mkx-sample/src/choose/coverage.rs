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
    self, Batch, Extent, Graph, Keys, Link, Node, ROW, Session, Sets, Up, Which, by_identity,
    columns_of, owned,
};
use crate::choose::extract::anonymised;
use crate::database::catalog::Column;
use crate::sql::{self, of_policy};
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
        let mut new: Vec<Keys> = graph.nodes.iter().map(|node| node.keys[0].none()).collect();
        new[at] = rows[0].clone();
        for (keys, more) in sets.rows[at].extra.iter_mut().zip(&rows) {
            keys.add(more);
        }
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
        let mut missing: Missing = Vec::new();
        for (name, values) in &census.values {
            missing.extend(
                node.table
                    .column(name)
                    .map(|column| (column, values.clone())),
            );
        }
        let tail = match node.extent {
            Extent::Complete | Extent::Empty => return Ok(Vec::new()),
            Extent::Held => by_identity(self.graph, self.at, &sets.rows[self.at].owned[0]),
            Extent::Leaf => owned(self.graph, sets, self.at),
        };
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
        self.look(session, &by_identity(self.graph, self.at, extra), missing)
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
        let rows = format!("SELECT {} {tail}", seen.join(", "));
        let (seen, names) = ("AS mkx_seen", names.join(", "));
        Ok(match limit {
            Some(limit) => {
                format!("SELECT DISTINCT * FROM ({rows} LIMIT {limit}) {seen} ({names})")
            }
            None => format!(
                "SELECT DISTINCT * FROM ({rows}) {seen} ({names}) WHERE {}",
                asked.join(" OR ")
            ),
        })
    }

    /// One row for each missing value; a row may carry several.
    fn cheapest(
        &self,
        sets: &Sets,
        session: &mut Session,
        missing: &Missing,
    ) -> Result<(Batch, Vec<CoverageAdded>)> {
        let node = self.node();
        let mut rest: Vec<BTreeSet<Value>> =
            missing.iter().map(|(_, values)| values.clone()).collect();
        let mut added: Vec<CoverageAdded> = missing
            .iter()
            .map(|(column, _)| CoverageAdded {
                table: node.table.name.to_string(),
                column: column.name.clone(),
                values: Vec::new(),
                rows: 0,
            })
            .collect();
        let mut batch: Batch = node.keys.iter().map(closure::Key::none).collect();
        let first = node.keys.len();
        session.each(node, &self.candidates(sets, missing)?, |row| {
            let values: Vec<Value> = (0..missing.len()).map(|at| row.get(first + at)).collect();
            let news: Vec<usize> = (0..missing.len())
                .filter(|at| rest[*at].contains(&values[*at]))
                .collect();
            for at in &news {
                rest[*at].remove(&values[*at]);
                added[*at].values.push(values[*at].clone());
            }
            if let Some(at) = news.first() {
                added[*at].rows += 1;
                for (place, keys) in batch.iter_mut().enumerate() {
                    keys.push(row, place);
                }
            }
        })?;
        batch.iter_mut().for_each(Keys::settle);
        for ((column, _), values) in missing.iter().zip(rest) {
            for value in values {
                voice::warn(format!(
                    "{}.{}: no row with the value {} can come",
                    node.table.name,
                    column.name,
                    value.as_deref().unwrap_or("null")
                ));
            }
        }
        added.retain(|added| !added.values.is_empty());
        Ok((batch, added))
    }

    /// Keys and values of the cheapest row for each missing value, the cheapest first.
    fn candidates(&self, sets: &Sets, missing: &Missing) -> Result<String> {
        let node = self.node();
        let identity = node.keys[0].sql_columns(ROW).join(", ");
        let mut ranks = Vec::new();
        let mut asked = Vec::new();
        let mut first = Vec::new();
        let mut values = Vec::new();
        for (at, (column, wanted)) in missing.iter().enumerate() {
            let name = columns_of(ROW, std::slice::from_ref(&column.name)).remove(0);
            let texts = sql::array(wanted.iter().flatten(), "text");
            let mut carries = format!("{name}::text = ANY ({texts})");
            if wanted.contains(&None) {
                carries = format!("({carries} OR {name} IS NULL)");
            }
            let is_seen = format!("{} IS NOT DISTINCT FROM {name}::text", self.seen(column)?);
            asked.push(format!("({carries} AND {is_seen})"));
            ranks.push(format!(
                "row_number() OVER (PARTITION BY {name}::text, {carries} AND {is_seen} ORDER BY {{cost}}, {identity}) AS mkx_{at}"
            ));
            first.push(format!("({carries} AND {is_seen} AND {ROW}.mkx_{at} = 1)"));
            values.push(format!("{name}::text"));
        }
        let cost = self.cost(sets);
        let keys: Vec<_> = node.keys.iter().map(|key| key.select(ROW)).collect();
        let mut conditions = self.possible(sets);
        conditions.push(format!("({})", asked.join(" OR ")));
        Ok(format!(
            "SELECT {}, {} FROM (SELECT {ROW}.tableoid, {ROW}.ctid, {ROW}.*, {cost} AS mkx_cost, {} FROM {} AS {ROW} WHERE {}) AS {ROW} \
             WHERE {} ORDER BY {ROW}.mkx_cost, {identity}",
            keys.join(", "),
            values.join(", "),
            ranks.join(", ").replace("{cost}", &cost),
            node.table.sql_from(),
            conditions.join(" AND "),
            first.join(" OR ")
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
        let parent = &self.graph.nodes[link.parent];
        if parent.extent == Extent::Complete {
            return None;
        }
        let values = columns_of(ROW, &link.columns);
        let nulls: Vec<_> = values
            .iter()
            .map(|value| format!("{value} IS NULL"))
            .collect();
        let there = sets.contains(self.graph, (link.parent, link.key), Which::Whole, &values);
        Some(format!(
            "CASE WHEN {} OR {there} THEN 0 ELSE {weight} END",
            nulls.join(" OR ")
        ))
    }

    /// Rows that may come at all: what a reference that drops its row refers to must be there,
    /// where it can not be null.
    fn possible(&self, sets: &Sets) -> Vec<String> {
        let node = self.node();
        let mut conditions: Vec<String> = node
            .policy
            .condition
            .as_deref()
            .map(of_policy)
            .into_iter()
            .collect();
        for pointer in self.graph.references_of(self.at) {
            let column = node.table.column(&pointer.policy.column);
            if pointer.policy.drops() && column.is_some_and(|column| !column.is_nullable) {
                conditions.push(closure::holds(self.graph, sets, pointer, Which::Source));
            }
        }
        conditions
    }
}
