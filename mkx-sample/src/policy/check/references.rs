//! References that the database does not know as foreign keys.

use super::{Check, Rule};
use crate::database::catalog::{Column, Table};
use crate::policy::{Otherwise, Reference, TablePolicy};

impl Check<'_> {
    pub(super) fn references(&mut self, name: &str, table: &Table, policy: &TablePolicy) {
        for (index, reference) in policy.references.iter().enumerate() {
            let index = index.to_string();
            let pointer = ["tables", name, "references", &index];
            let Some(column) = table.column(&reference.column) else {
                self.unknown_column(&pointer, &reference.column);
                continue;
            };
            match self.catalog.table(&reference.table) {
                None => self.unknown_table(&pointer, &reference.table),
                Some(target) if target.column(&reference.key).is_none() => {
                    self.unknown_column(&pointer, &reference.key);
                }
                Some(_) => {}
            }
            if let Some(message) = unfit(column, reference) {
                self.find(Rule::Reference, &pointer, message);
            }
        }
    }
}

fn unfit(column: &Column, reference: &Reference) -> Option<&'static str> {
    let is_json = matches!(column.base_type.as_str(), "json" | "jsonb");
    let is_array = column.type_name.ends_with("[]");
    match reference.otherwise {
        _ if !reference.path.is_empty() && !is_json => Some("\"path\" is for json and jsonb"),
        Otherwise::Prune if !is_json && !is_array => {
            Some("\"prune\" is for arrays, and for arrays in JSON")
        }
        Otherwise::Null if reference.path.is_empty() && !column.is_nullable => {
            Some("\"null\" is for a nullable column, and this one is NOT NULL")
        }
        _ => None,
    }
}
