//! In which order the tables' own rows are found: what a table depends on comes first, and tables
//! that depend on one another are found together.

use super::graph::{Graph, drops};
use crate::policy::Edge;

/// Strongly connected groups in the order of their dependencies (Tarjan).
pub fn groups(graph: &Graph) -> Vec<Vec<usize>> {
    let mut needs = vec![Vec::new(); graph.nodes.len()];
    for link in &graph.links {
        if matches!(link.policy, Edge::Own | Edge::Require) && graph.follows_edges(link.child) {
            needs[link.child].push(link.parent);
        }
    }
    for pointer in &graph.references {
        if drops(pointer.policy) && graph.follows_edges(pointer.child) {
            needs[pointer.child].push(pointer.parent);
        }
    }
    let mut search = Search {
        needs,
        found: vec![None; graph.nodes.len()],
        low: vec![0; graph.nodes.len()],
        open: vec![false; graph.nodes.len()],
        path: Vec::new(),
        count: 0,
        groups: Vec::new(),
    };
    for node in 0..graph.nodes.len() {
        if search.found[node].is_none() {
            search.visit(node);
        }
    }
    search.groups
}

struct Search {
    needs: Vec<Vec<usize>>,
    found: Vec<Option<usize>>,
    low: Vec<usize>,
    open: Vec<bool>,
    path: Vec<usize>,
    count: usize,
    groups: Vec<Vec<usize>>,
}

impl Search {
    /// As deep as the longest chain of tables, so the stack suffices.
    fn visit(&mut self, node: usize) {
        let order = self.count;
        self.count += 1;
        self.found[node] = Some(order);
        self.low[node] = order;
        self.open[node] = true;
        self.path.push(node);
        for next in self.needs[node].clone() {
            match self.found[next] {
                None => {
                    self.visit(next);
                    self.low[node] = self.low[node].min(self.low[next]);
                }
                Some(other) if self.open[next] => self.low[node] = self.low[node].min(other),
                Some(_) => {}
            }
        }
        if self.low[node] == order {
            let from = self
                .path
                .iter()
                .rposition(|other| *other == node)
                .unwrap_or(0);
            let group = self.path.split_off(from);
            for member in &group {
                self.open[*member] = false;
            }
            self.groups.push(group);
        }
    }
}
