//! Every foreign key with an edge that can be followed.

use super::{Check, Problem, Rule};
use crate::database::catalog::{ForeignKey, Table};
use crate::policy::{Edge, Rows, TablePolicy, Transform, draft};

impl Check<'_> {
    pub(super) fn edges(&mut self, name: &str, table: &Table, policy: &TablePolicy) {
        for key in &table.foreign_keys {
            let columns = key.policy_key();
            match policy.edges.get(&columns) {
                Some(edge) => self.edge(name, table, policy, key, *edge),
                None => self.missing_edge(name, table, policy, key),
            }
            self.same_transform(name, policy, key);
        }
        for columns in policy.edges.keys() {
            let known = |key: &ForeignKey| key.policy_key() == *columns;
            if !table.foreign_keys.iter().any(known) {
                let message = "the table has no foreign key of these columns";
                let pointer = ["tables", name, "edges", columns];
                self.find(Rule::UnknownEdge, &pointer, message);
            }
        }
        if policy.stub.is_some() && !self.is_stubbed(name) {
            let message = "no edge brings a row of this table as a stub";
            self.find(Rule::UnusedStub, &["tables", name, "stub"], message);
        }
    }

    fn missing_edge(&mut self, name: &str, table: &Table, policy: &TablePolicy, key: &ForeignKey) {
        let parent = key.parent.to_string();
        let whole = |rows: Rows| self.rows(&parent) == Some(rows);
        if policy.rows == Rows::None || whole(Rows::All) {
            return;
        }
        let owned = policy.edges.values().any(|edge| *edge == Edge::Own);
        let guess = draft::edge(self.catalog, table, key, &self.policy.root.table, owned);
        let guess = serde_json::to_value(guess).expect("an edge is always writable");
        let columns = key.policy_key();
        let message = format!("no edge for the foreign key of {columns:?} to {parent:?}");
        let problem = Problem::new(Rule::MissingEdge, &["tables", name, "edges"], &message);
        let add = if policy.edges.is_empty() {
            format!("\"edges\": {{ {columns:?}: {guess} }} to tables.{name}")
        } else {
            format!("{columns:?}: {guess}")
        };
        self.problems.push(problem.adding(&columns, add));
    }

    fn edge(
        &mut self,
        name: &str,
        table: &Table,
        policy: &TablePolicy,
        key: &ForeignKey,
        edge: Edge,
    ) {
        let parent = key.parent.to_string();
        let is_nullable = |column: &String| table.column(column).is_some_and(|c| c.is_nullable);
        let lacks_stub = |parent: &TablePolicy| parent.stub.is_none();
        let message = match edge {
            _ if policy.rows == Rows::None => return,
            Edge::Null if !key.columns.iter().all(is_nullable) => {
                "\"null\" is for a nullable column, and this one is NOT NULL".into()
            }
            Edge::Own | Edge::Require if policy.rows == Rows::All => {
                "all rows of this table come, so it is \"include\", \"stub\" or \"null\"".into()
            }
            Edge::Own | Edge::Include | Edge::Stub if self.rows(&parent) == Some(Rows::None) => {
                format!("{parent:?} arrives empty, so it is \"null\" or \"require\"")
            }
            Edge::Stub if self.policy.tables.get(&parent).is_some_and(lacks_stub) => {
                format!("tables.{parent} does not say what a \"stub\" is")
            }
            _ => return,
        };
        let pointer = ["tables", name, "edges", &key.policy_key()];
        self.find(Rule::Edge, &pointer, &message);
    }

    /// A key and what refers to it stay equal only if the same happens to both.
    fn same_transform(&mut self, name: &str, policy: &TablePolicy, key: &ForeignKey) {
        let parent = key.parent.to_string();
        let Some(parent_policy) = self.policy.tables.get(&parent) else {
            return;
        };
        for (column, parent_column) in key.columns.iter().zip(&key.parent_columns) {
            let (Some(here), Some(there)) = (
                policy.columns.get(column),
                parent_policy.columns.get(parent_column),
            ) else {
                continue;
            };
            if here != there && *here != Transform::Null {
                let pointer = ["tables", name, "columns", column];
                let message = format!(
                    "it refers to {parent}.{parent_column}, so it needs the same transform"
                );
                self.find(Rule::KeyTransform, &pointer, &message);
            }
        }
    }

    fn is_stubbed(&self, parent: &str) -> bool {
        self.catalog.tables.values().any(|table| {
            let Some(policy) = self.policy.tables.get(&table.name.to_string()) else {
                return false;
            };
            let owners = policy.edges.values().filter(|edge| **edge == Edge::Own);
            let has_two_owners = owners.count() > 1;
            table.foreign_keys.iter().any(|key| {
                let edge = policy.edges.get(&key.policy_key());
                key.parent.to_string() == parent
                    && (edge == Some(&Edge::Stub) || has_two_owners && edge == Some(&Edge::Own))
            })
        })
    }

    pub(super) fn rows(&self, table: &str) -> Option<Rows> {
        self.policy.tables.get(table).map(|policy| policy.rows)
    }
}
