//! SQL conditions: which of a table's rows come.

use super::ROW;
use super::graph::{Extent, Graph, Link, Node};
use super::keys::{column_of, columns_of};
use super::reference;
use super::sets::{Sets, Which};
use crate::policy::Edge;
use crate::sql;

/// `FROM … AS mkx`. A capped table numbers each owner's rows, the newest first; it is `narrowed`
/// by a condition that holds for all rows of an owner or for none.
pub fn from(node: &Node, narrowed: Option<&str>) -> String {
    let Some(cap) = &node.policy.cap else {
        return node.from();
    };
    let identity = node.keys[0].sql_columns().into_iter();
    format!(
        "FROM (SELECT {ROW}.tableoid, {ROW}.ctid, {ROW}.*, row_number() OVER (PARTITION BY {} \
         ORDER BY {} DESC NULLS LAST, {}) AS mkx_rank {} WHERE {}) AS {ROW}",
        column_of(&cap.per),
        column_of(&cap.by),
        sql::list(identity.map(|column| format!("{column} DESC"))),
        node.from(),
        sql::all(
            node.condition()
                .into_iter()
                .chain(narrowed.map(str::to_owned))
        )
    )
}

/// The row is among its owner's newest.
fn cap(node: &Node) -> Option<String> {
    let cap = node.policy.cap.as_ref()?;
    let (newest, per) = (cap.newest, column_of(&cap.per));
    Some(format!("({ROW}.mkx_rank <= {newest} OR {per} IS NULL)"))
}

/// FROM and WHERE of the rows that come along with an owner.
pub fn owned(graph: &Graph, sets: &Sets, at: usize) -> String {
    let (from, condition) = owned_parts(graph, sets, at);
    format!("{from} WHERE {condition}")
}

/// The two of them apart.
pub fn owned_parts(graph: &Graph, sets: &Sets, at: usize) -> (String, String) {
    let (from, own) = own(graph, sets, at, |_| true);
    let rest = rest(graph, sets, at, |_| true);
    (from, sql::all([own].iter().chain(&rest)))
}

/// FROM and WHERE of the rows that come along with an owner or were chosen, by the best that is
/// known of them; nothing where the table comes empty.
pub fn known(graph: &Graph, sets: &Sets, at: usize) -> Option<String> {
    let node = &graph.nodes[at];
    match node.extent {
        Extent::Empty => None,
        Extent::Complete => Some(node.from()),
        Extent::Held => Some(node.with_keys(0, &sets.rows[at].owned[0])),
        Extent::Leaf => Some(owned(graph, sets, at)),
    }
}

/// FROM and WHERE of the rows that an owner would bring, and for each `require` edge the condition
/// that it drops the row.
pub fn unrequired(graph: &Graph, sets: &Sets, at: usize) -> (String, Vec<(usize, String)>) {
    let (from, own) = own(graph, sets, at, |_| true);
    let rest = rest(graph, sets, at, |_| false);
    let links = graph.links_of(at);
    let drops = links
        .filter(|(_, link)| link.policy == Edge::Require && graph.follows_edges(at))
        .map(|(place, link)| {
            (
                place,
                format!("{} IS NOT TRUE", required(graph, sets, link)),
            )
        })
        .collect();
    let condition = sql::all([own].iter().chain(&rest));
    (format!("{from} WHERE {condition}"), drops)
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
            let each = owners.iter().map(|link| contains(graph, sets, link));
            format!("({})", sql::any(each))
        }
    };
    (from(node, narrowing(node, &owners, &condition)), condition)
}

/// The condition, where it speaks of the cap's owner alone.
pub fn narrowing<'c>(node: &Node, owners: &[&Link], condition: &'c str) -> Option<&'c str> {
    let cap = node.policy.cap.as_ref()?;
    let is_caps = |link: &&Link| link.columns == [cap.per.as_str()];
    owners.iter().all(is_caps).then_some(condition)
}

/// The `own` edges of a table.
pub fn owners<'g>(graph: &'g Graph, at: usize) -> impl Iterator<Item = &'g Link> {
    let links = graph.links_of(at).map(|(_, link)| link);
    links.filter(|link| link.policy == Edge::Own)
}

/// What must hold besides: `where`, the cap, `require` edges and references that drop rows;
/// `asked` leaves out some that depend on a table.
pub fn rest(graph: &Graph, sets: &Sets, at: usize, asked: impl Fn(usize) -> bool) -> Vec<String> {
    let node = &graph.nodes[at];
    let mut conditions: Vec<String> = Vec::new();
    if node.policy.cap.is_none() {
        conditions.extend(node.condition());
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
    let columns = columns_of(&link.columns);
    let nulls = columns.iter().map(|column| format!("{column} IS NULL"));
    format!("({} OR {})", sql::any(nulls), contains(graph, sets, link))
}

/// The edge's parent is owned.
pub fn contains(graph: &Graph, sets: &Sets, link: &Link) -> String {
    let values = columns_of(&link.columns);
    sets.contains(graph, (link.parent, link.key), Which::Owned, &values)
}

/// The same at the top of WHERE.
fn joins(graph: &Graph, sets: &Sets, link: &Link) -> String {
    let owned = &sets.rows[link.parent].owned[link.key];
    match graph.nodes[link.parent].extent {
        Extent::Held => graph.key_of(link).joins(owned, &columns_of(&link.columns)),
        _ => contains(graph, sets, link),
    }
}
