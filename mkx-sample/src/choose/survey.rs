//! How many rows come, and which edge brings them: counted in the source, before anything is
//! copied.

use mkx_contract::Result;

use crate::choose::closure::{
    self, Extent, Graph, Link, ROW, Session, Sets, Up, Which, by_identity, columns_of, owned,
    unrequired,
};
use crate::policy::Edge;

/// What one table comes to.
#[derive(Debug, Default)]
pub struct Survey {
    /// Rows that come, stubs too.
    pub rows: u64,
    /// By the place of the link: what the edge brings, nulls or drops.
    pub edges: Vec<(usize, u64)>,
}

/// Counts one table's rows.
///
/// # Errors
/// As [`Session::each`].
pub fn survey(graph: &Graph, sets: &Sets, session: &mut Session, at: usize) -> Result<Survey> {
    let node = &graph.nodes[at];
    let rows = &sets.rows[at];
    let mut survey = Survey::default();
    let tail = match node.extent {
        Extent::Empty => return Ok(survey),
        Extent::Complete => format!("FROM {} AS {ROW}", node.table.sql_from()),
        Extent::Held => by_identity(graph, at, &rows.owned[0]),
        Extent::Leaf => owned(graph, sets, at),
    };
    let asked = asked(graph, sets, at);
    let own = if node.extent == Extent::Held && asked.is_empty() {
        rows.owned[0].len() as u64
    } else {
        let counts = count(session, graph, at, &tail, &asked)?;
        survey.edges.extend(
            asked
                .iter()
                .map(|(place, _)| *place)
                .zip(counts[1..].to_vec()),
        );
        counts[0]
    };
    survey.rows = own + (rows.extra[0].len() + rows.stubs[0].len()) as u64;
    let (tail, drops) = unrequired(graph, sets, at);
    if !drops.is_empty() {
        let counts = count(session, graph, at, &tail, &drops)?;
        survey.edges.extend(
            drops
                .iter()
                .map(|(place, _)| *place)
                .zip(counts[1..].to_vec()),
        );
    }
    for (place, link) in graph.links_of(at) {
        if !survey.edges.iter().any(|(counted, _)| *counted == place) {
            survey
                .edges
                .push((place, brought(graph, sets, place, link, own)));
        }
    }
    Ok(survey)
}

/// What must be counted for the table's own rows: children of each of several owners, references
/// that become null.
fn asked(graph: &Graph, sets: &Sets, at: usize) -> Vec<(usize, String)> {
    let follows = graph.follows_edges(at);
    let owners = graph
        .links_of(at)
        .filter(|(_, link)| link.policy == Edge::Own)
        .count();
    graph
        .links_of(at)
        .filter_map(|(place, link)| match link.policy {
            Edge::Own if follows => {
                (owners > 1).then(|| (place, closure::contains(graph, sets, link)))
            }
            Edge::Require if follows => None,
            _ if link.up == Up::Null && graph.nodes[link.parent].extent != Extent::Complete => {
                Some((place, nulled(graph, sets, link)))
            }
            _ => None,
        })
        .collect()
}

/// The reference is there, and what it refers to does not come.
fn nulled(graph: &Graph, sets: &Sets, link: &Link) -> String {
    let values = columns_of(ROW, &link.columns);
    let filled: Vec<_> = values
        .iter()
        .map(|value| format!("{value} IS NOT NULL"))
        .collect();
    let kept = sets.contains(graph, (link.parent, link.key), Which::Any, &values);
    format!("({} AND ({kept}) IS NOT TRUE)", filled.join(" AND "))
}

/// What an edge brings that needs no count.
fn brought(graph: &Graph, sets: &Sets, place: usize, link: &Link, own: u64) -> u64 {
    let wanted = &sets.wanted[place];
    let rows = &sets.rows[link.parent];
    let parents = match (link.policy, link.up) {
        (Edge::Own, _) if graph.follows_edges(link.child) => return own,
        (_, Up::Include) => wanted.without(&rows.owned[link.key]),
        (_, Up::Stub) => wanted.without(&sets.keys(link.parent, link.key, Which::Whole)),
        (_, Up::Null) => return 0,
    };
    parents.len() as u64
}

/// All rows, and those that fulfil each condition.
fn count(
    session: &mut Session,
    graph: &Graph,
    at: usize,
    tail: &str,
    conditions: &[(usize, String)],
) -> Result<Vec<u64>> {
    let mut columns = vec!["count(*)".to_owned()];
    columns.extend(
        conditions
            .iter()
            .map(|(_, condition)| format!("count(*) FILTER (WHERE {condition})")),
    );
    session.counts(
        &graph.nodes[at],
        &format!("SELECT {} {tail}", columns.join(", ")),
    )
}
