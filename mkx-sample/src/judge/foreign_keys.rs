//! Whether every reference of EB leads somewhere: foreign keys, and those that the policy
//! declares.

use mkx_contract::Result;

use super::record::Check;
use super::{Judge, Rule};
use crate::database::catalog::{Column, ForeignKey, Table, TableName};
use crate::policy::{Otherwise, Reference};
use crate::sql;

/// Foreign keys that PostgreSQL has not proved or does not enforce.
const UNPROVED: &str = "
SELECT n.nspname::text, c.relname::text, k.conname::text,
       NOT k.convalidated,
       EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled NOT IN ('O', 'A'))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f'";

impl Judge<'_> {
    pub(super) fn foreign_keys(&mut self) -> Result<Check> {
        let mut check = Check::new(Rule::ForeignKeys);
        let in_source = unproved(&self.ask_source(UNPROVED, &[])?);
        let in_target = self.ask_target(UNPROVED, &[])?;
        let there: Vec<Key> = in_target.iter().map(key).collect();
        for (key, problem) in unproved(&in_target) {
            if !in_source.iter().any(|(other, _)| *other == key) {
                let (schema, name, constraint) = key;
                check.find(TableName { schema, name }, Some(&constraint), problem, 0);
            }
        }
        for table in self.catalog.tables.values() {
            for foreign in &table.foreign_keys {
                let at = &table.name;
                let name = (at.schema.clone(), at.name.clone(), foreign.name.clone());
                if !there.contains(&name) {
                    check.find(at, Some(&name.2), "this foreign key is missing", 0);
                }
                if self.subject(at).is_none() || self.subject(&foreign.parent).is_none() {
                    continue;
                }
                let orphans = self.target_count(&orphans(table, foreign))?;
                if !in_source.iter().any(|(other, _)| *other == name) {
                    let parent = &foreign.parent;
                    let problem =
                        format!("{orphans} rows refer to rows of {parent} that are not there");
                    check.find_rows(at, Some(&name.2), problem, orphans);
                }
                check.count("foreign_keys", 1);
            }
        }
        let keys = check.counted("foreign_keys");
        Ok(check.conclude(format!(
            "{keys} foreign keys are there, validated, and without orphans"
        )))
    }

    /// References that the policy declares and does not let dangle.
    pub(super) fn references(&mut self) -> Result<Check> {
        let mut check = Check::new(Rule::References);
        for subject in self.subjects {
            for reference in &subject.policy.references {
                let Some(to) = self.catalog.table(&reference.table) else {
                    continue;
                };
                if reference.otherwise == Otherwise::Keep || self.subject(&to.name).is_none() {
                    continue;
                }
                let Some(column) = subject.table.column(&reference.column) else {
                    continue;
                };
                let sql = format!(
                    "SELECT count(*) FROM {}, LATERAL ({}) reference(value) WHERE value IS NOT NULL \
                     AND NOT EXISTS (SELECT FROM {} target WHERE target.{}::text = value){}",
                    subject.table.sql_from(),
                    values(reference, column, &subject.column(&column.name)),
                    to.sql_from(),
                    sql::identifier(&reference.key),
                    reference
                        .when
                        .as_ref()
                        .map_or(String::new(), |when| format!(" AND ({when})"))
                );
                let dangling = self.target_count(&sql)?;
                check.count("references", 1);
                let problem = format!(
                    "{dangling} values refer to rows of {} that are not there",
                    reference.table
                );
                check.find_rows(subject.name(), Some(&column.name), problem, dangling);
            }
        }
        let references = check.counted("references");
        Ok(check.conclude(format!(
            "{references} references without a foreign key lead somewhere"
        )))
    }
}

type Key = (String, String, String);

fn key(row: &postgres::Row) -> Key {
    (row.get(0), row.get(1), row.get(2))
}

fn unproved(rows: &[postgres::Row]) -> Vec<(Key, &'static str)> {
    rows.iter()
        .filter_map(|row| {
            let problem = match (row.get(3), row.get(4)) {
                (true, _) => "it is not validated",
                (_, true) => "it is not enforced: its triggers are disabled",
                _ => return None,
            };
            Some((key(row), problem))
        })
        .collect()
}

fn orphans(table: &Table, key: &ForeignKey) -> String {
    format!(
        "SELECT count(*) FROM {} child WHERE {} AND NOT EXISTS (SELECT FROM {} parent WHERE {})",
        table.sql_from(),
        filled(key, "child"),
        key.parent.sql(),
        joined(key, "child", "parent")
    )
}

/// The reference of `child` is not null.
pub(super) fn filled(key: &ForeignKey, child: &str) -> String {
    let columns = key.columns.iter().map(|column| sql::identifier(column));
    sql::all(columns.map(|column| format!("{child}.{column} IS NOT NULL")))
}

/// `child` refers to `parent`.
pub(super) fn joined(key: &ForeignKey, child: &str, parent: &str) -> String {
    let columns = key.columns.iter().zip(&key.parent_columns);
    sql::all(columns.map(|(here, there)| {
        let (here, there) = (sql::identifier(here), sql::identifier(there));
        format!("{child}.{here} = {parent}.{there}")
    }))
}

/// A query over the single values that a reference holds, as text.
fn values(reference: &Reference, column: &Column, value: &str) -> String {
    let readable = match column.base_type.as_str() {
        "json" => sql::readable_json(value),
        "jsonb" => value.to_owned(),
        base_type if base_type.starts_with('_') => return format!("SELECT unnest({value})::text"),
        _ => return format!("SELECT {value}::text"),
    };
    let path = sql::array(&reference.path, "text");
    let value = format!("(({readable})::jsonb #> {path})");
    format!(
        "SELECT jsonb_array_elements_text(CASE jsonb_typeof({value}) WHEN 'array' THEN {value} \
         WHEN 'null' THEN '[]' ELSE jsonb_build_array({value}) END)"
    )
}
