//! Whether every value that EA has in an enum-like column occurs in EB.

use std::collections::BTreeSet;

use mkx_contract::Result;

use super::record::Check;
use super::subject::{Promise, Subject};
use super::{Drift, Judge};
use crate::policy::Otherwise;
use crate::sql;

/// Where the policy names no columns: what the statistics show to be enum-like.
const ENUM_LIKE: &str = "
SELECT s.attname::text FROM pg_stats s
JOIN pg_attribute a ON a.attrelid = format('%I.%I', s.schemaname, s.tablename)::regclass AND a.attname = s.attname
JOIN pg_type t ON t.oid = a.atttypid
WHERE s.schemaname = $1 AND s.tablename = $2
  AND (t.typname = 'bool' OR t.typtype = 'e'
       OR t.typname IN ('varchar', 'text', 'bpchar') AND s.n_distinct BETWEEN 1 AND 8 AND s.avg_width < 32)";

impl Judge<'_> {
    pub(super) fn coverage(&mut self) -> Result<Check> {
        let mut check = Check::new("coverage");
        for index in 0..self.subjects.len() {
            if !self.subjects[index].is_sampled() {
                continue;
            }
            for column in self.enum_like(index)? {
                let subject = &self.subjects[index];
                let alias = subject.alias();
                let value = subject.column(&column);
                let from = subject.table.from_sql();
                let ea = format!(
                    "SELECT DISTINCT {value}::text FROM {from} WHERE {} AND {} AND {} AND NOT {} LIMIT 1000",
                    subject.condition_sql(),
                    self.not_dangling_sql(subject),
                    kept_sql(subject, &column),
                    match self.drift {
                        Drift::Any => "false".into(),
                        drift => drift.changed_sql(&alias),
                    }
                );
                let eb = format!("SELECT DISTINCT {value}::text FROM {from}");
                let name = subject.name();
                let there: BTreeSet<Option<String>> = self
                    .ask_target(&eb, &[])?
                    .iter()
                    .map(|row| row.get(0))
                    .collect();
                let missing: Vec<Option<String>> = self
                    .ask_source(&ea, &[])?
                    .iter()
                    .map(|row| row.get(0))
                    .filter(|value| !there.contains(value))
                    .collect();
                check.count("columns", 1);
                if missing.is_empty() {
                    continue;
                }
                if self.drift == Drift::Any {
                    check.count("drift", missing.len() as u64);
                } else {
                    check.find(&name, Some(&column), missing_values(&missing), 0);
                }
            }
        }
        let columns = check.counts.get("columns").copied().unwrap_or(0);
        Ok(check.conclude(format!("every value of {columns} enum-like columns occurs")))
    }

    /// Rows of EA that are dropped in any case: what they refer to is not even there.
    fn not_dangling_sql(&self, subject: &Subject<'_>) -> String {
        let mut conditions = vec!["true".to_owned()];
        for reference in &subject.policy.references {
            let Some(to) = self.catalog.table(&reference.table) else {
                continue;
            };
            if reference.otherwise != Otherwise::Drop || !reference.path.is_empty() {
                continue;
            }
            let value = subject.column(&reference.column);
            conditions.push(format!(
                "({value} IS NULL OR COALESCE(({}), false) IS FALSE OR EXISTS \
                 (SELECT FROM {} target WHERE target.{}::text = {value}::text))",
                reference.when.as_deref().unwrap_or("true"),
                to.from_sql(),
                sql::identifier(&reference.key)
            ));
        }
        conditions.join(" AND ")
    }

    /// The enum-like columns of a table, as far as they are kept as they are.
    pub(super) fn enum_like(&mut self, index: usize) -> Result<Vec<String>> {
        let subject = &self.subjects[index];
        let names = match &subject.policy.coverage {
            Some(names) => names.clone(),
            None => {
                let (schema, table) = (
                    subject.table.name.schema.clone(),
                    subject.table.name.name.clone(),
                );
                self.ask_source(ENUM_LIKE, &[&schema, &table])?
                    .iter()
                    .map(|row| row.get(0))
                    .collect()
            }
        };
        let subject = &self.subjects[index];
        // What refers to a row is a key and no kind, unless the policy names it.
        let is_named = subject.policy.coverage.is_some();
        Ok(subject
            .columns
            .iter()
            .filter(|treated| treated.base == Promise::Kept && (is_named || !treated.refers))
            .filter(|treated| names.contains(&treated.column.name))
            .map(|treated| treated.column.name.clone())
            .collect())
    }
}

/// Whether a column is kept in a row, as SQL over EA's row.
fn kept_sql(subject: &Subject<'_>, column: &str) -> String {
    let changes = |columns: &indexmap::IndexMap<String, crate::policy::Transform>| {
        columns
            .get(column)
            .is_some_and(|transform| Promise::of(transform) != Promise::Kept)
    };
    if !subject
        .policy
        .variants
        .iter()
        .any(|variant| changes(&variant.columns))
    {
        return "true".into();
    }
    let kept: Vec<_> = subject
        .policy
        .variants
        .iter()
        .enumerate()
        .filter(|(_, variant)| !changes(&variant.columns))
        .map(|(number, _)| number.to_string())
        .chain(["-1".to_owned()])
        .collect();
    format!("({}) IN ({})", subject.variant_sql(), kept.join(", "))
}

/// Values of kept columns are the policy's to show; long ones are cut.
fn missing_values(values: &[Option<String>]) -> String {
    let shown: Vec<String> = values
        .iter()
        .take(5)
        .map(|value| match value {
            None => "null".into(),
            Some(text) => sql::literal(&text.chars().take(24).collect::<String>()),
        })
        .collect();
    let more = if values.len() > 5 { ", …" } else { "" };
    format!(
        "values that EA has do not occur: {}{more}",
        shown.join(", ")
    )
}
