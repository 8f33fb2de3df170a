//! SQL conditions: which of a table's rows come.

use super::ROW;
use super::graph::{Graph, Link, Node};
use super::keys::columns_of;
use super::reference;
use super::sets::{Sets, Which};
use crate::policy::Edge;
use crate::sql::{self, of_policy};

/// `FROM … AS mkx`. A capped table numbers each owner's rows, the newest first; it is `narrowed`
/// by a condition that holds for all rows of an owner or for none.
pub fn from(node: &Node, narrowed: Option<&str>) -> String {
    let Some(cap) = &node.policy.cap else {
        return format!("FROM {} AS {ROW}", node.table.sql_from());
    };
    let per = columns_of(ROW, std::slice::from_ref(&cap.per)).remove(0);
    let by = columns_of(ROW, std::slice::from_ref(&cap.by)).remove(0);
    let identity: Vec<_> = node.keys[0]
        .sql_columns(ROW)
        .into_iter()
        .map(|column| format!("{column} DESC"))
        .collect();
    let mut conditions = vec![];
    conditions.extend(node.policy.condition.as_deref().map(of_policy));
    conditions.extend(narrowed.map(str::to_owned));
    format!(
        "FROM (SELECT {ROW}.tableoid, {ROW}.ctid, {ROW}.*, row_number() OVER (PARTITION BY {per} \
         ORDER BY {by} DESC NULLS LAST, {}) AS mkx_rank FROM {} AS {ROW} WHERE {}) AS {ROW}",
        identity.join(", "),
        node.table.sql_from(),
        all(&conditions)
    )
}

/// The row is among its owner's newest.
fn cap(node: &Node) -> Option<String> {
    let cap = node.policy.cap.as_ref()?;
    let per = sql::identifier(&cap.per);
    Some(format!(
        "({ROW}.mkx_rank <= {} OR {ROW}.{per} IS NULL)",
        cap.newest
    ))
}

/// FROM and WHERE of the rows that come along with an owner.
pub fn owned(graph: &Graph, sets: &Sets, at: usize) -> String {
    let (from, condition) = owned_parts(graph, sets, at);
    format!("{from} WHERE {condition}")
}

/// The two of them apart.
pub fn owned_parts(graph: &Graph, sets: &Sets, at: usize) -> (String, String) {
    let (from, own) = own(graph, sets, at, |_| true);
    let mut conditions = vec![own];
    conditions.extend(rest(graph, sets, at, |_| true));
    (from, all(&conditions))
}

/// FROM and WHERE of the rows that an owner would bring, and for each `require` edge the condition
/// that it drops the row.
pub fn unrequired(graph: &Graph, sets: &Sets, at: usize) -> (String, Vec<(usize, String)>) {
    let (from, own) = own(graph, sets, at, |_| true);
    let mut conditions = vec![own];
    conditions.extend(rest(graph, sets, at, |_| false));
    let drops = graph
        .links_of(at)
        .filter(|(_, link)| link.policy == Edge::Require && graph.follows_edges(at))
        .map(|(place, link)| {
            (
                place,
                format!("{} IS NOT TRUE", required(graph, sets, link)),
            )
        })
        .collect();
    (format!("{from} WHERE {}", all(&conditions)), drops)
}

/// FROM, and the condition that one of the `own` edges, of those asked for, leads to an owned row.
pub fn own(
    graph: &Graph,
    sets: &Sets,
    at: usize,
    asked: impl Fn(&Link) -> bool,
) -> (String, String) {
    let node = &graph.nodes[at];
    if !graph.follows_edges(at) {
        return (from(node, None), "TRUE".into());
    }
    let owners: Vec<&Link> = owners(graph, at).filter(|link| asked(link)).collect();
    let condition = match owners[..] {
        [] => "FALSE".into(),
        [link] => joins(graph, sets, link),
        _ => {
            let each: Vec<_> = owners
                .iter()
                .map(|link| contains(graph, sets, link))
                .collect();
            format!("({})", each.join(" OR "))
        }
    };
    (from(node, narrowing(node, &owners, &condition)), condition)
}

/// The condition, where it speaks of the cap's owner alone.
pub fn narrowing<'c>(node: &Node, owners: &[&Link], condition: &'c str) -> Option<&'c str> {
    let cap = node.policy.cap.as_ref()?;
    owners
        .iter()
        .all(|link| link.columns == [cap.per.as_str()])
        .then_some(condition)
}

/// The `own` edges of a table.
pub fn owners<'g>(graph: &'g Graph, at: usize) -> impl Iterator<Item = &'g Link> {
    graph
        .links_of(at)
        .map(|(_, link)| link)
        .filter(|link| link.policy == Edge::Own)
}

/// What must hold besides: `where`, the cap, `require` edges and references that drop rows;
/// `asked` leaves out some that depend on a table.
pub fn rest(graph: &Graph, sets: &Sets, at: usize, asked: impl Fn(usize) -> bool) -> Vec<String> {
    let node = &graph.nodes[at];
    let mut conditions: Vec<String> = Vec::new();
    if node.policy.cap.is_none() {
        conditions.extend(node.policy.condition.as_deref().map(of_policy));
    }
    conditions.extend(cap(node));
    if graph.follows_edges(at) {
        for (_, link) in graph.links_of(at) {
            if link.policy == Edge::Require && asked(link.parent) {
                conditions.push(required(graph, sets, link));
            }
        }
        for pointer in graph.references_of(at) {
            if pointer.policy.drops() && asked(pointer.parent) {
                conditions.push(reference::holds(graph, sets, pointer, Which::Owned));
            }
        }
    }
    conditions
}

/// The parent that a `require` edge asks for is owned, or the reference is null.
fn required(graph: &Graph, sets: &Sets, link: &Link) -> String {
    let nulls: Vec<_> = columns_of(ROW, &link.columns)
        .iter()
        .map(|column| format!("{column} IS NULL"))
        .collect();
    format!(
        "({} OR {})",
        nulls.join(" OR "),
        contains(graph, sets, link)
    )
}

/// The edge's parent is owned.
pub fn contains(graph: &Graph, sets: &Sets, link: &Link) -> String {
    let values = columns_of(ROW, &link.columns);
    sets.contains(graph, (link.parent, link.key), Which::Owned, &values)
}

/// The same at the top of WHERE.
fn joins(graph: &Graph, sets: &Sets, link: &Link) -> String {
    let values = columns_of(ROW, &link.columns);
    match graph.nodes[link.parent].extent {
        super::graph::Extent::Held => graph.nodes[link.parent].keys[link.key]
            .joins(&sets.rows[link.parent].owned[link.key], &values),
        _ => contains(graph, sets, link),
    }
}

/// All of the conditions.
pub fn all(conditions: &[String]) -> String {
    if conditions.is_empty() {
        "TRUE".into()
    } else {
        conditions.join(" AND ")
    }
}
