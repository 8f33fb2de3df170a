//! Down: the rows that come along with their owners.

use mkx_contract::Result;

use super::condition::{from, narrowing, own, owners, rest};
use super::graph::{Extent, Graph, Link};
use super::keys::columns_of;
use super::query::Session;
use super::sets::{Batch, Sets, add, without};
use crate::policy::Edge;
use crate::sql;

/// Finds the own rows of every table whose keys must be held; the root's are there already.
///
/// # Errors
/// As [`Session::each`].
pub fn own_rows(graph: &Graph, sets: &mut Sets, session: &mut Session) -> Result<()> {
    for group in &graph.order {
        let mut members = group.clone();
        members.retain(|at| *at != graph.root && graph.nodes[*at].extent == Extent::Held);
        Group { graph, members }.settle(sets, session)?;
    }
    Ok(())
}

/// Tables whose own rows depend on one another; most often it is one alone.
struct Group<'g> {
    graph: &'g Graph<'g>,
    members: Vec<usize>,
}

impl Group<'_> {
    /// Following owners is a least fixpoint. What a `require` edge inside the group asks for is not
    /// known before that, so it is found without, and then again with what was found, until nothing
    /// falls away any more.
    fn settle(&self, sets: &mut Sets, session: &mut Session) -> Result<()> {
        let asks_inside = self.asks_inside();
        let mut is_first = true;
        loop {
            let found = self.follow(sets, session, is_first && asks_inside)?;
            let mut pairs = self.members.iter().zip(&found);
            let is_stable = pairs.all(|(at, rows)| sets.rows[*at].owned == *rows);
            for (at, rows) in self.members.iter().zip(found) {
                sets.rows[*at].owned = rows;
            }
            if is_stable || !asks_inside {
                return Ok(());
            }
            is_first = false;
        }
    }

    fn asks_inside(&self) -> bool {
        self.members.iter().any(|at| {
            let mut links = self.graph.links_of(*at);
            let mut references = self.graph.references_of(*at);
            links.any(|(_, link)| link.policy == Edge::Require && self.has(link.parent))
                || references.any(|to| to.policy.drops() && self.has(to.parent))
        })
    }

    fn has(&self, node: usize) -> bool {
        self.members.contains(&node)
    }

    /// The least fixpoint of `own`; `sets` says what `require` edges inside the group find, unless
    /// `freely`.
    fn follow(&self, sets: &Sets, session: &mut Session, freely: bool) -> Result<Vec<Batch>> {
        let mut found = Vec::new();
        for &at in &self.members {
            let (from, own) = own(self.graph, sets, at, |link| !self.has(link.parent));
            let rest = rest(self.graph, sets, at, |parent| !freely || !self.has(parent));
            let condition = sql::all([own].iter().chain(&rest));
            let tail = format!("{from} WHERE {condition}");
            found.push(session.rows(&self.graph.nodes[at], &tail)?);
        }
        let mut frontier = found.clone();
        while frontier.iter().any(|rows| !rows[0].is_empty()) {
            let mut next = Vec::new();
            for (place, at) in self.members.iter().enumerate() {
                let rows = self.brought(sets, session, *at, &frontier, freely)?;
                next.push(without(&rows, &found[place]));
            }
            for (rows, more) in found.iter_mut().zip(&next) {
                add(rows, more);
            }
            frontier = next;
        }
        Ok(found)
    }

    /// The rows that the frontier owns by edges inside the group.
    fn brought(
        &self,
        sets: &Sets,
        session: &mut Session,
        at: usize,
        frontier: &[Batch],
        freely: bool,
    ) -> Result<Batch> {
        let node = &self.graph.nodes[at];
        if !self.graph.follows_edges(at) {
            return Ok(node.none());
        }
        let mut links: Vec<&Link> = Vec::new();
        let mut owned = Vec::new();
        for link in owners(self.graph, at) {
            let mut members = self.members.iter();
            let Some(place) = members.position(|member| *member == link.parent) else {
                continue;
            };
            let keys = &frontier[place][link.key];
            if !keys.is_empty() {
                let values = columns_of(&link.columns);
                owned.push(self.graph.key_of(link).contains(keys, &values));
                links.push(link);
            }
        }
        if owned.is_empty() {
            return Ok(node.none());
        }
        let own = format!("({})", sql::any(owned));
        let from = from(node, narrowing(node, &links, &own));
        let rest = rest(self.graph, sets, at, |parent| !freely || !self.has(parent));
        let condition = sql::all(rest.iter().chain([&own]));
        session.rows(node, &format!("{from} WHERE {condition}"))
    }
}
