//! Whether every reference of EB leads somewhere: foreign keys, and those that the policy
//! declares.

use mkx_contract::Result;

use super::record::Check;
use super::{Judge, Rule};
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
                let table = crate::database::catalog::TableName {
                    schema: key.0,
                    name: key.1,
                };
                check.find(table, Some(&key.2), problem, 0);
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
                if orphans > 0 && !in_source.iter().any(|(other, _)| *other == name) {
                    let parent = &foreign.parent;
                    let problem =
                        format!("{orphans} rows refer to rows of {parent} that are not there");
                    check.find(at, Some(&name.2), problem, orphans);
                }
                check.count("foreign_keys", 1);
            }
        }
        let keys = check.counts.get("foreign_keys").copied().unwrap_or(0);
        Ok(check.conclude(format!(
            "{keys} foreign keys are there, validated, and without orphans"
        )))
    }

    /// References that the policy declares and does not let dangle.
    pub(super) fn references(&mut self) -> Result<Check> {
        let mut check = Check::new(Rule::References);
        let mut queries = Vec::new();
        for subject in &self.subjects {
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
                    values(
                        reference,
                        &column.base_type,
                        &subject.column(&reference.column)
                    ),
                    to.sql_from(),
                    sql::identifier(&reference.key),
                    match &reference.when {
                        Some(when) => format!(" AND ({when})"),
                        None => String::new(),
                    }
                );
                queries.push((subject.name(), reference.clone(), sql));
            }
        }
        for (table, reference, sql) in queries {
            let dangling = self.target_count(&sql)?;
            check.count("references", 1);
            if dangling > 0 {
                let problem = format!(
                    "{dangling} values refer to rows of {} that are not there",
                    reference.table
                );
                check.find(table, Some(&reference.column), problem, dangling);
            }
        }
        let references = check.counts.get("references").copied().unwrap_or(0);
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

fn orphans(
    table: &crate::database::catalog::Table,
    foreign: &crate::database::catalog::ForeignKey,
) -> String {
    let child: Vec<_> = foreign
        .columns
        .iter()
        .map(|c| format!("child.{}", sql::identifier(c)))
        .collect();
    let parent: Vec<_> = foreign
        .parent_columns
        .iter()
        .map(|c| format!("parent.{}", sql::identifier(c)))
        .collect();
    let set: Vec<_> = child.iter().map(|c| format!("{c} IS NOT NULL")).collect();
    let joined: Vec<_> = child
        .iter()
        .zip(&parent)
        .map(|(c, p)| format!("{c} = {p}"))
        .collect();
    format!(
        "SELECT count(*) FROM {} child WHERE {} AND NOT EXISTS (SELECT FROM {} parent WHERE {})",
        table.sql_from(),
        set.join(" AND "),
        foreign.parent.sql(),
        joined.join(" AND ")
    )
}

/// A query over the single values that a reference holds, as text.
fn values(reference: &Reference, base_type: &str, column: &str) -> String {
    if base_type.starts_with('_') {
        return format!("SELECT unnest({column})::text");
    }
    if base_type != "json" && base_type != "jsonb" {
        return format!("SELECT {column}::text");
    }
    let path = sql::array(&reference.path, "text");
    let readable = match base_type {
        "json" => sql::readable_json(column),
        _ => column.to_owned(),
    };
    let value = format!("(({readable})::jsonb #> {path})");
    format!(
        "SELECT jsonb_array_elements_text(CASE jsonb_typeof({value}) WHEN 'array' THEN {value} \
         WHEN 'null' THEN '[]' ELSE jsonb_build_array({value}) END)"
    )
}
