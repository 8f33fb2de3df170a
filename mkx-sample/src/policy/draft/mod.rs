//! A policy drafted from the catalog: what names and types let guess, on the safe side.
//!
//! A guess is never an answer: every one is listed under `guesses`, and `policy check` warns of
//! it until somebody has looked.

mod columns;
mod tables;

use indexmap::IndexMap;
use mkx_contract::{Failure, Result};

pub use columns::transform;

use super::{Edge, Policy, Root, Rows, TablePolicy};
use crate::database::catalog::{Catalog, ForeignKey, Table};
use tables::Plan;

/// The domain of pseudonymous addresses in a draft (RFC 2606).
const EMAIL_DOMAIN: &str = "users.example.com";

/// A whole policy; `root` is the table whose rows are sampled, or it is guessed.
///
/// # Errors
/// Exit 3 where there is no table, or none that could be the root.
pub fn policy(catalog: &Catalog, application: &str, root: Option<&str>) -> Result<Policy> {
    let root = match root {
        Some(name) => catalog.table(name).ok_or_else(|| {
            Failure::input(format!("cannot draft a policy: there is no table {name:?}"))
        })?,
        None => tables::root(catalog).ok_or_else(|| {
            Failure::input("cannot draft a policy: no table looks like the users'")
                .hint("name it: mkx-sample policy init --root TABLE")
        })?,
    };
    let plan = Plan::new(catalog, root);
    let mut policy = Policy {
        application: application.to_owned(),
        email_domain: EMAIL_DOMAIN.into(),
        root: Root {
            table: root.name.to_string(),
            name_column: columns::name_column(root),
            activity: plan.activity(),
            eligible: None,
        },
        tables: IndexMap::new(),
        files: Vec::new(),
        guesses: Vec::new(),
    };
    for table in plan.order() {
        let (block, guesses) = block(&plan, table);
        policy.tables.insert(table.name.to_string(), block);
        policy.guesses.extend(guesses);
    }
    Ok(policy)
}

/// One table's block and the names of its guesses; `root` is the policy's root table.
pub fn table(catalog: &Catalog, table: &Table, root: &str) -> (TablePolicy, Vec<String>) {
    let root = catalog.table(root).unwrap_or(table);
    block(&Plan::new(catalog, root), table)
}

/// What would happen along a foreign key; `owned` where the table has an `own` edge already.
pub fn edge(catalog: &Catalog, table: &Table, key: &ForeignKey, root: &str, owned: bool) -> Edge {
    let root_table = catalog.table(root).unwrap_or(table);
    let guess = Plan::new(catalog, root_table).edge(table, key);
    match guess {
        Some(edge) if edge != Edge::Own || !owned => edge,
        _ if tables::is_nullable(table, key) => Edge::Null,
        _ if key.parent == root_table.name => Edge::Stub,
        _ => Edge::Require,
    }
}

fn block(plan: &Plan, table: &Table) -> (TablePolicy, Vec<String>) {
    let name = table.name.to_string();
    let rows = plan.rows(table);
    let mut guesses = vec![name.clone()];
    let mut columns = IndexMap::new();
    for column in table.written_columns() {
        columns.insert(column.name.clone(), transform(table, column));
        if !columns::is_key(table, &column.name) {
            guesses.push(format!("{name}.{}", column.name));
        }
    }
    let mut edges = IndexMap::new();
    if rows != Rows::None {
        for key in &table.foreign_keys {
            if let Some(edge) = plan.edge(table, key) {
                edges.insert(key.policy_key(), edge);
            }
        }
    }
    let needs_stub = plan.needs_stub(table);
    let stub = needs_stub.then(|| columns::stub(table, &columns));
    let block = TablePolicy {
        rows,
        edges,
        columns,
        stub,
        ..TablePolicy::default()
    };
    (block, guesses)
}

#[cfg(test)]
mod tests;
