//! How many rows come, and which edge brings them: counted in the source, before anything is
//! copied.

use mkx_contract::Result;

use crate::choose::closure::{
    self, Extent, Graph, Link, Node, Session, Sets, Up, Which, columns_of, known, owners,
    unrequired,
};
use crate::policy::Edge;
use crate::sql;

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
    let Some(tail) = known(graph, sets, at) else {
        return Ok(survey);
    };
    let asked = asked(graph, sets, at);
    let own = if node.extent == Extent::Held && asked.is_empty() {
        rows.owned[0].len() as u64
    } else {
        survey.count(session, node, &tail, &asked)?
    };
    survey.rows = own + (rows.extra[0].len() + rows.stubs[0].len()) as u64;
    let (tail, drops) = unrequired(graph, sets, at);
    if !drops.is_empty() {
        survey.count(session, node, &tail, &drops)?;
    }
    for (place, link) in graph.links_of(at) {
        if !survey.edges.iter().any(|(counted, _)| *counted == place) {
            let rows = brought(graph, sets, place, link, own);
            survey.edges.push((place, rows));
        }
    }
    Ok(survey)
}

/// What must be counted for the table's own rows: children of each of several owners, references
/// that become null.
fn asked(graph: &Graph, sets: &Sets, at: usize) -> Vec<(usize, String)> {
    let follows = graph.follows_edges(at);
    let owners = owners(graph, at).count();
    let links = graph.links_of(at);
    links
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
    let values = columns_of(&link.columns);
    let filled = sql::all(values.iter().map(|value| format!("{value} IS NOT NULL")));
    let kept = sets.contains(graph, (link.parent, link.key), Which::Any, &values);
    format!("({filled} AND ({kept}) IS NOT TRUE)")
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

impl Survey {
    /// Counts rows, and of them those that fulfil each edge's condition; gives how many they are.
    fn count(
        &mut self,
        session: &mut Session,
        node: &Node,
        tail: &str,
        conditions: &[(usize, String)],
    ) -> Result<u64> {
        let columns = conditions.iter();
        let columns =
            columns.map(|(_, condition)| format!(", count(*) FILTER (WHERE {condition})"));
        let columns: String = columns.collect();
        let mut rows = 0;
        session.each(node, &format!("SELECT count(*){columns} {tail}"), |row| {
            let count = |at: usize| u64::try_from(row.get::<_, i64>(at)).unwrap_or(0);
            rows = count(0);
            let edges = conditions.iter().enumerate();
            self.edges
                .extend(edges.map(|(at, (place, _))| (*place, count(at + 1))));
        })?;
        Ok(rows)
    }
}
