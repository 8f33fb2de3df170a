//! The SELECTs that one table is copied by: which rows, without references to what does not come,
//! anonymised.

use mkx_contract::{Failure, Result};

use crate::choose::closure::{self, Extent, Graph, Keys, Link, ROW, Sets, Which, columns_of};
use crate::database::catalog::{Column, Table};
use crate::policy::{TablePolicy, Transform};
use crate::sql::{self, of_policy};
use crate::transform::{Context, expression};

/// The SELECTs of a table; together they give each of its rows once.
///
/// # Errors
/// Exit 3 where a column has no transform, or one that does not fit it.
pub fn selects(graph: &Graph, sets: &Sets, at: usize, context: &Context) -> Result<Vec<String>> {
    let table = Extraction {
        graph,
        sets,
        at,
        context,
    };
    let node = &graph.nodes[at];
    let rows = &sets.rows[at];
    let by_key = |keys: &Keys| (!keys.is_empty()).then(|| node.with_keys(0, keys));
    let (tail, more) = match node.extent {
        Extent::Empty => (None, None),
        Extent::Complete => (Some(node.from()), None),
        Extent::Held => (
            by_key(&sets.keys(at, 0, Which::Whole)),
            by_key(&rows.stubs[0]),
        ),
        Extent::Leaf => {
            let owned = closure::owned(graph, sets, at);
            let owned = Some(owned).filter(|tail| !tail.ends_with("WHERE FALSE"));
            (owned, by_key(&rows.extra[0]))
        }
    };
    // Only of held tables are there stubs.
    let are_stubs = node.extent == Extent::Held;
    let tails = [(tail, false), (more, are_stubs)].into_iter();
    let tails = tails.filter_map(|(tail, is_stub)| Some((tail?, is_stub)));
    tails
        .map(|(tail, is_stub)| table.select(&tail, is_stub))
        .collect()
}

/// SQL for a column's value in EB of a row that comes whole: by the first variant that applies to
/// the row and speaks of the column, else by the column's own transform.
///
/// # Errors
/// Exit 3 as [`selects`].
pub fn anonymised(
    table: &Table,
    policy: &TablePolicy,
    column: &Column,
    context: &Context,
) -> Result<String> {
    let plain = transform(policy, table, column)?;
    let plain = expression(plain, table, column, ROW, context)?;
    let mut cases = String::new();
    for variant in &policy.variants {
        if let Some(transform) = variant.columns.get(&column.name) {
            let value = expression(transform, table, column, ROW, context)?;
            cases.push_str(&format!(" WHEN {} THEN {value}", of_policy(&variant.when)));
        }
    }
    Ok(match cases.is_empty() {
        true => plain,
        false => format!("CASE{cases} ELSE {plain} END"),
    })
}

fn transform<'p>(policy: &'p TablePolicy, table: &Table, column: &Column) -> Result<&'p Transform> {
    policy.columns.get(&column.name).ok_or_else(|| {
        Failure::input(format!(
            "cannot sample {}: the policy does not classify its column {}",
            table.name, column.name
        ))
        .hint("run mkx-sample policy check, which gives the line to add")
    })
}

struct Extraction<'a> {
    graph: &'a Graph<'a>,
    sets: &'a Sets,
    at: usize,
    context: &'a Context,
}

impl Extraction<'_> {
    fn select(&self, tail: &str, is_stub: bool) -> Result<String> {
        let mut values = Vec::new();
        for column in self.graph.nodes[self.at].table.written_columns() {
            let (value, name) = (self.value(column, is_stub)?, sql::identifier(&column.name));
            values.push(format!("{value} AS {name}"));
        }
        Ok(format!("SELECT {} {tail}", sql::list(values)))
    }

    fn value(&self, column: &Column, is_stub: bool) -> Result<String> {
        let node = &self.graph.nodes[self.at];
        let stub = node.policy.stub.as_ref().filter(|_| is_stub);
        let mut value = match stub.and_then(|stub| stub.get(&column.name)) {
            Some(transform) => expression(transform, node.table, column, ROW, self.context)?,
            None => anonymised(node.table, node.policy, column, self.context)?,
        };
        for pointer in self.graph.references_of(self.at) {
            if pointer.policy.column == column.name {
                value = closure::applied(self.graph, self.sets, pointer, &value);
            }
        }
        let mut conditions = Vec::new();
        for (_, link) in self.graph.links_of(self.at) {
            if link.nullable.contains(&column.name) {
                match self.holds(link, is_stub) {
                    Some(condition) if condition == "FALSE" => {
                        return Ok(format!("NULL::{}", column.type_name));
                    }
                    condition => conditions.extend(condition),
                }
            }
        }
        Ok(match conditions.len() {
            0 => value,
            _ => format!("CASE WHEN {} THEN {value} END", sql::all(conditions)),
        })
    }

    /// When the reference stays; nothing where it always does. Stubs refer to nothing that they
    /// can do without.
    fn holds(&self, link: &Link, is_stub: bool) -> Option<String> {
        let parent = &self.graph.nodes[link.parent];
        if parent.extent == Extent::Complete {
            return None;
        }
        if is_stub {
            return Some("FALSE".into());
        }
        if link.up != closure::Up::Null {
            return None;
        }
        let (key, values) = ((link.parent, link.key), columns_of(&link.columns));
        Some(self.sets.contains(self.graph, key, Which::Any, &values))
    }
}
