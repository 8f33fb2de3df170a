//! A policy held against what there is, before any row is read: every table and column
//! classified, every transform fitting its column, every foreign key with an edge, every SQL
//! condition understood by the server.

mod columns;
mod conditions;
mod edges;
mod reach;
mod references;
mod rule;

pub use rule::{Problem, Rule};

use mkx_contract::tool::voice;
use mkx_contract::{Failure, Result};
use postgres::Client;

use super::{Policy, PolicyFile, Rows, TablePolicy};
use crate::database::catalog::{Catalog, Table};
use crate::transform::Context;

/// What can be told from the catalog alone.
pub fn against(catalog: &Catalog, policy: &Policy) -> Vec<Problem> {
    let mut check = Check {
        catalog,
        policy,
        context: Context::new(None, &policy.email_domain),
        problems: Vec::new(),
    };
    check.tables();
    check.root();
    check.reach();
    check.guesses();
    check.problems
}

/// All that is wrong; `client` is a session of EA inside a transaction.
///
/// # Errors
/// Exit 4 where the server can not be asked.
pub fn all(client: &mut Client, catalog: &Catalog, policy: &Policy) -> Result<Vec<Problem>> {
    let mut problems = against(catalog, policy);
    problems.extend(conditions::problems(client, catalog, policy)?);
    Ok(problems)
}

/// Stops before any row is read where the policy does not fit EA; warns of the rest.
///
/// # Errors
/// Exit 3 with the place of everything that is wrong, and the lines to add.
pub fn ensure(client: &mut Client, catalog: &Catalog, file: &PolicyFile) -> Result<()> {
    let problems = all(client, catalog, &file.policy)?;
    for warning in problems.iter().filter(|problem| !problem.is_error()) {
        voice::warn(warning.text(file));
    }
    failure(file, &problems).map_or(Ok(()), Err)
}

/// The failure that says all errors at once, or nothing.
pub fn failure(file: &PolicyFile, problems: &[Problem]) -> Option<Failure> {
    let errors = || problems.iter().filter(|problem| problem.is_error());
    let texts: Vec<String> = errors().map(|problem| problem.text(file)).collect();
    let (name, count, all) = (&file.name, texts.len(), texts.join("\n  "));
    let message = match count {
        0 => return None,
        1 => format!("cannot use the policy: {all}"),
        _ => format!("cannot use the policy {name}: {count} things are not right\n  {all}"),
    };
    let hint = if errors().any(|problem| problem.add.is_some()) {
        "the lines to add are guesses: look at each before you paste it into the policy"
    } else {
        "see docs/policy.md, and try again with: mkx-sample policy check"
    };
    Some(Failure::input(message).hint(hint))
}

struct Check<'a> {
    catalog: &'a Catalog,
    policy: &'a Policy,
    context: Context,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn tables(&mut self) {
        for table in self.catalog.tables.values() {
            let name = table.name.to_string();
            match self.policy.tables.get(&name) {
                Some(policy) => self.table(&name, table, policy),
                None => self.unclassified(table),
            }
        }
        for name in self.policy.tables.keys() {
            if self.catalog.table(name).is_none() {
                self.unknown_table(&["tables", name], name);
            }
        }
    }

    fn table(&mut self, name: &str, table: &Table, policy: &TablePolicy) {
        self.columns(name, table, policy);
        self.edges(name, table, policy);
        self.references(name, table, policy);
        self.caps(name, table, policy);
    }

    fn caps(&mut self, name: &str, table: &Table, policy: &TablePolicy) {
        if let Some(cap) = &policy.cap {
            for (field, column) in [("per", &cap.per), ("by", &cap.by)] {
                if table.column(column).is_none() {
                    self.unknown_column(&["tables", name, "cap", field], column);
                }
            }
        }
        if let Some(share) = policy.max_share
            && !(share > 0.0 && share <= 1.0)
        {
            let pointer = ["tables", name, "max_share"];
            let message = "it must be more than 0 and at most 1";
            self.find(Rule::Share, &pointer, message);
        }
        if policy.rows != Rows::Sampled && (policy.cap.is_some() || !policy.pins.is_empty()) {
            let pointer = ["tables", name, "rows"];
            let message = "a cap and pins are for a table with \"rows\": \"sampled\"";
            self.find(Rule::SampledOnly, &pointer, message);
        }
    }

    fn root(&mut self) {
        let root = &self.policy.root;
        let pointer = ["root", "table"];
        let Some(table) = self.catalog.table(&root.table) else {
            return self.find(Rule::Root, &pointer, "the database has no such table");
        };
        let sampled = |policy: &TablePolicy| policy.rows == Rows::Sampled;
        if !self.policy.tables.get(&root.table).is_some_and(sampled) {
            let message = "the root is what is sampled: its rows must be \"sampled\"";
            self.find(Rule::Root, &["tables", &root.table, "rows"], message);
        }
        if table.primary_key.is_empty() {
            self.find(Rule::Root, &pointer, "it has no primary key");
        }
        if table.column(&root.name_column).is_none() {
            self.unknown_column(&["root", "name_column"], &root.name_column);
        }
        for (index, activity) in root.activity.iter().enumerate() {
            let index = index.to_string();
            match self.catalog.table(&activity.table) {
                None => self.unknown_table(&["root", "activity", &index], &activity.table),
                Some(table) if table.column(&activity.column).is_none() => {
                    self.unknown_column(&["root", "activity", &index], &activity.column);
                }
                Some(_) => {}
            }
        }
    }

    fn guesses(&mut self) {
        for (index, guess) in self.policy.guesses.iter().enumerate() {
            let tables = &self.policy.tables;
            let is_column = |(table, column): (&str, &str)| {
                let table = tables.get(table);
                table.is_some_and(|table| table.columns.contains_key(column))
            };
            let known = tables.contains_key(guess) || guess.rsplit_once('.').is_some_and(is_column);
            let index = index.to_string();
            let pointer = ["guesses", &index];
            let (rule, what) = match known {
                true => (Rule::Guess, "still a guess"),
                false => (Rule::UnknownGuess, "not in the policy"),
            };
            let problem = Problem::new(rule, &pointer, &format!("{guess:?} is {what}"));
            self.problems.push(problem.about(guess));
        }
    }

    fn unknown_table(&mut self, pointer: &[&str], table: &str) {
        let message = format!("the database has no such table: {table:?}");
        self.find(Rule::UnknownTable, pointer, &message);
    }

    fn unknown_column(&mut self, pointer: &[&str], column: &str) {
        let message = format!("the database has no such column: {column:?}");
        self.find(Rule::UnknownColumn, pointer, &message);
    }

    fn find(&mut self, rule: Rule, pointer: &[&str], message: &str) {
        self.problems.push(Problem::new(rule, pointer, message));
    }
}

#[cfg(test)]
mod tests;
