//! The SQL in a policy, given to the server to understand; nothing of it is run.

use indexmap::IndexMap;
use mkx_contract::{Failure, Result};
use postgres::Client;

use super::{Problem, Rule};
use crate::database::catalog::{Catalog, Table};
use crate::database::endpoint::cause;
use crate::policy::{Policy, TablePolicy, Transform};
use crate::transform::{Context, expression};

/// Conditions that the server does not take.
pub(super) fn problems(
    client: &mut Client,
    catalog: &Catalog,
    policy: &Policy,
) -> Result<Vec<Problem>> {
    let mut asker = Asker {
        client,
        context: Context::new(None, &policy.email_domain),
        problems: Vec::new(),
    };
    for (name, table_policy) in &policy.tables {
        if let Some(table) = catalog.table(name) {
            asker.table(name, table, table_policy)?;
        }
    }
    let root = &policy.root;
    if let (Some(table), Some(eligible)) = (catalog.table(&root.table), &root.eligible) {
        asker.condition(table, &["root", "eligible"], eligible)?;
    }
    for (index, rule) in policy.files.iter().enumerate() {
        let sql = format!("SELECT path::text FROM (\n{}\n) f", rule.query);
        asker.ask(&sql, &["files", &index.to_string(), "query"])?;
    }
    Ok(asker.problems)
}

struct Asker<'a> {
    client: &'a mut Client,
    context: Context,
    problems: Vec<Problem>,
}

impl Asker<'_> {
    fn table(&mut self, name: &str, table: &Table, policy: &TablePolicy) -> Result<()> {
        if let Some(condition) = &policy.condition {
            self.condition(table, &["tables", name, "where"], condition)?;
        }
        for (index, pin) in policy.pins.iter().enumerate() {
            let index = index.to_string();
            self.condition(table, &["tables", name, "pins", &index], pin)?;
        }
        for (index, reference) in policy.references.iter().enumerate() {
            if let Some(when) = &reference.when {
                let index = index.to_string();
                self.condition(table, &["tables", name, "references", &index, "when"], when)?;
            }
        }
        for (index, variant) in policy.variants.iter().enumerate() {
            let index = index.to_string();
            let pointer = ["tables", name, "variants", &index, "when"];
            self.condition(table, &pointer, &variant.when)?;
            let pointer = ["tables", name, "variants", &index, "columns"];
            self.transforms(table, &pointer, &variant.columns)?;
        }
        self.transforms(table, &["tables", name, "columns"], &policy.columns)?;
        match &policy.stub {
            Some(stub) => self.transforms(table, &["tables", name, "stub"], stub),
            None => Ok(()),
        }
    }

    fn condition(&mut self, table: &Table, pointer: &[&str], condition: &str) -> Result<()> {
        let from = table.sql_from();
        self.ask(
            &format!("SELECT 1 FROM {from} AS ea WHERE (\n{condition}\n)"),
            pointer,
        )
    }

    fn transforms(
        &mut self,
        table: &Table,
        pointer: &[&str],
        columns: &IndexMap<String, Transform>,
    ) -> Result<()> {
        for (name, transform) in columns.iter().filter(|(_, transform)| has_sql(transform)) {
            let Some(column) = table.column(name) else {
                continue;
            };
            let Ok(value) = expression(transform, table, column, "ea", &self.context) else {
                continue;
            };
            let sql = format!("SELECT {value} FROM {} AS ea", table.sql_from());
            self.ask(&sql, &[pointer, &[name.as_str()]].concat())?;
        }
        Ok(())
    }

    /// Lets the server understand a statement. It may refuse, and the transaction goes on.
    fn ask(&mut self, sql: &str, pointer: &[&str]) -> Result<()> {
        let peer = |error: postgres::Error| {
            Failure::peer(format!("cannot check the policy: {}", cause(&error)))
        };
        self.client
            .batch_execute("SAVEPOINT mkx_check")
            .map_err(peer)?;
        let asked = self.client.prepare(sql);
        self.client
            .batch_execute("ROLLBACK TO SAVEPOINT mkx_check")
            .map_err(peer)?;
        match asked {
            Ok(_) => Ok(()),
            Err(error) if error.as_db_error().is_some() => {
                let message = format!("the server does not take it: {}", cause(&error));
                let problem = Problem::new(Rule::Sql, pointer, &message);
                self.problems.push(problem);
                Ok(())
            }
            Err(error) => Err(peer(error)),
        }
    }
}

fn has_sql(transform: &Transform) -> bool {
    match transform {
        Transform::Sql(_) => true,
        Transform::Pseudonym(pseudonym) => pseudonym.of.is_some(),
        Transform::Chain(steps) => steps.iter().any(has_sql),
        _ => false,
    }
}
