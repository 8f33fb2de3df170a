//! A sampled table that nothing leads to would arrive empty.

use std::collections::BTreeSet;

use super::{Check, Rule};
use crate::policy::{Edge, Rows};

impl Check<'_> {
    pub(super) fn reach(&mut self) {
        let reached = self.reached();
        for (name, policy) in &self.policy.tables {
            if policy.rows == Rows::Sampled
                && self.catalog.table(name).is_some()
                && !reached.contains(name)
            {
                let message = "no row of it would come: no \"own\" edge leads to it, no row brings it \
                     along, and nothing is pinned; say \"all\" or \"none\", or give it an edge";
                self.find(Rule::UnreachedTable, &["tables", name, "rows"], message);
            }
        }
    }

    /// Tables of which rows may come.
    fn reached(&self) -> BTreeSet<String> {
        let root = &self.policy.root.table;
        let tables = self.policy.tables.iter();
        let first = tables.filter(|(name, policy)| {
            *name == root || policy.rows == Rows::All || !policy.pins.is_empty()
        });
        let mut reached: BTreeSet<String> = first.map(|(name, _)| name.clone()).collect();
        loop {
            let before = reached.len();
            for table in self.catalog.tables.values() {
                let name = table.name.to_string();
                let Some(policy) = self.policy.tables.get(&name) else {
                    continue;
                };
                for key in &table.foreign_keys {
                    let parent = key.parent.to_string();
                    match policy.edges.get(&key.policy_key()) {
                        Some(Edge::Own) if reached.contains(&parent) => {
                            reached.insert(name.clone());
                        }
                        Some(Edge::Include | Edge::Stub) if reached.contains(&name) => {
                            reached.insert(parent);
                        }
                        _ => {}
                    }
                }
            }
            if reached.len() == before {
                return reached;
            }
        }
    }
}
