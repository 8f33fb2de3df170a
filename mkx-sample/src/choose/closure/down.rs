//! Down: the rows that come along with their owners.

use mkx_contract::Result;

use super::ROW;
use super::condition::{all, from, narrowing, own, owners, rest};
use super::graph::{Extent, Graph, Link};
use super::query::Session;
use super::sets::{Batch, Sets, add, without};
use crate::policy::Edge;

/// Finds the own rows of every table whose keys must be held; the root's are there already.
///
/// # Errors
/// As [`Session::each`].
pub fn own_rows(graph: &Graph, sets: &mut Sets, session: &mut Session) -> Result<()> {
    for group in &graph.order {
        let members: Vec<usize> = group
            .iter()
            .copied()
            .filter(|at| *at != graph.root && graph.nodes[*at].extent == Extent::Held)
            .collect();
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
            let is_stable = self
                .members
                .iter()
                .zip(&found)
                .all(|(at, rows)| sets.rows[*at].owned == *rows);
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
            self.graph
                .links_of(*at)
                .any(|(_, link)| link.policy == Edge::Require && self.has(link.parent))
                || self
                    .graph
                    .references_of(*at)
                    .any(|pointer| pointer.policy.drops() && self.has(pointer.parent))
        })
    }

    fn has(&self, node: usize) -> bool {
        self.members.contains(&node)
    }

    /// The least fixpoint of `own`; `sets` says what `require` edges inside the group find, unless
    /// `freely`.
    fn follow(&self, sets: &Sets, session: &mut Session, freely: bool) -> Result<Vec<Batch>> {
        let mut found = Vec::new();
        for at in &self.members {
            let node = &self.graph.nodes[*at];
            let (from, own) = own(self.graph, sets, *at, |link| !self.has(link.parent));
            let mut conditions = vec![own];
            conditions.extend(rest(self.graph, sets, *at, |parent| {
                !freely || !self.has(parent)
            }));
            found.push(session.rows(node, ROW, &format!("{from} WHERE {}", all(&conditions)))?);
        }
        let mut frontier = found.clone();
        while frontier.iter().any(|rows| !rows[0].is_empty()) {
            let mut next = Vec::new();
            for (place, at) in self.members.iter().enumerate() {
                let rows = self.brought(sets, session, *at, &frontier, freely)?;
                next.push(match rows {
                    Some(rows) => without(&rows, &found[place]),
                    None => self.graph.nodes[*at]
                        .keys
                        .iter()
                        .map(super::keys::Key::none)
                        .collect(),
                });
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
    ) -> Result<Option<Batch>> {
        if !self.graph.follows_edges(at) {
            return Ok(None);
        }
        let mut links: Vec<&Link> = Vec::new();
        let mut owned = Vec::new();
        for link in owners(self.graph, at) {
            let Some(place) = self
                .members
                .iter()
                .position(|member| *member == link.parent)
            else {
                continue;
            };
            let keys = &frontier[place][link.key];
            if !keys.is_empty() {
                let values = super::keys::columns_of(ROW, &link.columns);
                owned.push(self.graph.nodes[link.parent].keys[link.key].contains(keys, &values));
                links.push(link);
            }
        }
        if owned.is_empty() {
            return Ok(None);
        }
        let node = &self.graph.nodes[at];
        let own = format!("({})", owned.join(" OR "));
        let mut conditions = rest(self.graph, sets, at, |parent| !freely || !self.has(parent));
        conditions.push(own.clone());
        let from = from(node, narrowing(node, &links, &own));
        session
            .rows(node, ROW, &format!("{from} WHERE {}", all(&conditions)))
            .map(Some)
    }
}
