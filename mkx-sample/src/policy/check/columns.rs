//! Every column classified, and every transform fitting its column.

use indexmap::IndexMap;

use super::{Check, Problem, Rule};
use crate::database::catalog::{Column, Table};
use crate::policy::{TablePolicy, Transform, draft, layout};
use crate::transform;

impl Check<'_> {
    pub(super) fn unclassified(&mut self, table: &Table) {
        let name = table.name.to_string();
        let (block, _) = draft::table(self.catalog, table, &self.policy.root.table);
        let block = serde_json::to_value(block).expect("a policy is always writable");
        let message = format!("no policy for the table {name:?}");
        let problem = Problem::new(Rule::UnclassifiedTable, &["tables"], &message);
        let block = layout::table_block(&name, &block);
        self.problems.push(problem.adding(&name, block));
    }

    pub(super) fn columns(&mut self, name: &str, table: &Table, policy: &TablePolicy) {
        for column in table.written_columns() {
            if !policy.columns.contains_key(&column.name) {
                self.unclassified_column(name, table, column);
            }
        }
        self.fit(&["tables", name, "columns"], table, &policy.columns);
        for (index, variant) in policy.variants.iter().enumerate() {
            let index = index.to_string();
            let pointer = ["tables", name, "variants", &index, "columns"];
            self.fit(&pointer, table, &variant.columns);
        }
        if let Some(stub) = &policy.stub {
            self.fit(&["tables", name, "stub"], table, stub);
        }
        for (index, column) in policy.coverage.iter().flatten().enumerate() {
            if table.column(column).is_none() {
                let index = index.to_string();
                self.unknown_column(&["tables", name, "coverage", &index], column);
            }
        }
    }

    fn unclassified_column(&mut self, name: &str, table: &Table, column: &Column) {
        let guess = draft::transform(table, column);
        let guess = serde_json::to_value(guess).expect("a transform is always writable");
        let message = format!("no transform for {:?} ({})", column.name, column.type_name);
        let pointer = ["tables", name, "columns"];
        let problem = Problem::new(Rule::UnclassifiedColumn, &pointer, &message);
        let line = format!("{:?}: {}", column.name, layout::line(&guess));
        self.problems.push(problem.adding(&column.name, line));
    }

    fn fit(&mut self, pointer: &[&str], table: &Table, columns: &IndexMap<String, Transform>) {
        for (name, transform) in columns {
            let pointer = [pointer, &[name.as_str()]].concat();
            let Some(column) = table.column(name) else {
                self.unknown_column(&pointer, name);
                continue;
            };
            let fits = transform::expression(transform, table, column, "ea", &self.context);
            if let Err(failure) = fits {
                self.find(Rule::UnfitTransform, &pointer, &failure.message);
            }
        }
    }
}
