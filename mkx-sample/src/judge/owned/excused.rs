//! Which rows may have come for another reason than being sampled.

use mkx_contract::Result;

use super::{columns, joined, parameters, pins};
use crate::database::catalog::{ForeignKey, Table};
use crate::judge::Judge;
use crate::judge::rows::{State, wanted};
use crate::policy::{Edge, Otherwise};
use crate::sql;

/// A value that occurs in at most so many rows of EB may have been added for its own sake.
const RARE: u32 = 3;

/// Enum-like in the widest sense: rows may have been added for values of these columns.
const FEW_VALUES: &str = "
SELECT s.attname::text FROM pg_stats s
JOIN pg_class c ON c.oid = format('%I.%I', s.schemaname, s.tablename)::regclass
WHERE s.schemaname = $1 AND s.tablename = $2
  AND CASE WHEN s.n_distinct < 0 THEN -s.n_distinct * c.reltuples ELSE s.n_distinct END BETWEEN 0 AND 128";

/// Columns that hold nulls in EA.
const WITH_NULLS: &str = "
SELECT s.attname::text FROM pg_stats s
WHERE s.schemaname = $1 AND s.tablename = $2 AND s.null_frac > 0";

impl Judge<'_> {
    /// Fills `mkx_excused_N`.
    pub(super) fn find_excused(&mut self) -> Result<()> {
        for index in 0..self.subjects.len() {
            self.in_target(&format!(
                "CREATE TEMPORARY TABLE mkx_excused_{index} (in_table oid, at tid, maybe_stub boolean DEFAULT false); \
                 CREATE TEMPORARY TABLE mkx_owner_{index} (in_table oid, at tid)"
            ))?;
        }
        self.excuse_likely_stubs()?;
        for index in 0..self.subjects.len() {
            if self.subjects[index].is_sampled() {
                self.excuse_pins(index)?;
                self.excuse_rare(index)?;
            }
        }
        let second_owners = self.second_owners();
        let without_stub = second_owners
            .into_iter()
            .filter(|(_, parent, _)| self.subjects[*parent].policy.stub.is_none());
        let edges: Vec<_> = self.edges(&[Edge::Include]);
        for (child, parent, key) in edges.into_iter().chain(without_stub.collect::<Vec<_>>()) {
            let from = self.subjects[child].table.sql_from();
            self.excuse_parents(&from, parent, &key)?;
        }
        let upward = self.edges(&[Edge::Own, Edge::Require, Edge::Include]);
        let referred = self.referred();
        loop {
            let mut added = 0;
            for (child, parent, key) in &upward {
                let from = format!(
                    "(SELECT t.* FROM {} t JOIN mkx_excused_{child} e ON e.in_table = t.tableoid AND e.at = t.ctid)",
                    self.subjects[*child].table.sql_from()
                );
                added += self.excuse_parents(&from, *parent, key)?;
            }
            for sql in &referred {
                added += self.target_count(sql)?;
            }
            if added == 0 {
                return Ok(());
            }
        }
    }

    /// Excuses what something refers to as a stub, where nothing tells whether it is one.
    fn excuse_likely_stubs(&mut self) -> Result<()> {
        let mut edges = self.edges(&[Edge::Stub]);
        edges.extend(self.second_owners());
        for (child, parent, key) in edges {
            let subject = &self.subjects[parent];
            let is_unclear = match (&subject.policy.stub, subject.has_stubs()) {
                (None, _) => continue,
                (_, true) if subject.is_matchable() => self.in_state(parent, "p", State::Either),
                _ => "true".into(),
            };
            let from = self.subjects[child].table.sql_from();
            let excuse = excuse(parent, subject.table, (&from, &key), Some(&is_unclear));
            self.target_count(&excuse)?;
        }
        Ok(())
    }

    /// `own` edges of rows with several owners, who come with the row whether they own it or not.
    fn second_owners(&self) -> Vec<(usize, usize, ForeignKey)> {
        let mut edges = self.edges(&[Edge::Own]);
        edges.retain(|(child, _, key)| {
            let child = &self.subjects[*child];
            let is_nullable =
                |name: &String| child.table.column(name).is_none_or(|c| c.is_nullable);
            child.keys(Edge::Own).count() > 1 && !key.columns.iter().any(is_nullable)
        });
        edges
    }

    fn excuse_pins(&mut self, index: usize) -> Result<()> {
        let subject = &self.subjects[index];
        if subject.policy.pins.is_empty() || !subject.is_matchable() {
            return Ok(());
        }
        let keys = subject.table.primary_key.clone();
        let texts: Vec<_> = keys
            .iter()
            .map(|key| format!("{}::text", subject.column(key)))
            .collect();
        let from = subject.table.sql_from();
        let sql = format!(
            "SELECT {} FROM {from} WHERE {}",
            texts.join(", "),
            pins(subject)
        );
        let insert = format!(
            "INSERT INTO mkx_excused_{index} SELECT {alias}.tableoid, {alias}.ctid FROM {from} JOIN {}",
            wanted(subject, &keys),
            alias = subject.alias()
        );
        let pinned = columns(&self.ask_source(&sql, &[])?, keys.len());
        self.ask_target(&insert, &parameters(&pinned))?;
        Ok(())
    }

    fn excuse_rare(&mut self, index: usize) -> Result<()> {
        let enumerations = self.enum_like(index)?;
        let subject = &self.subjects[index];
        let (schema, table) = (
            subject.table.name.schema.clone(),
            subject.table.name.name.clone(),
        );
        let mut names: Vec<String> = subject.policy.coverage.clone().unwrap_or_default();
        let known: Vec<String> = self
            .ask_source(FEW_VALUES, &[&schema, &table])?
            .iter()
            .map(|row| row.get(0))
            .collect();
        let with_nulls: Vec<String> = self
            .ask_source(WITH_NULLS, &[&schema, &table])?
            .iter()
            .map(|row| row.get(0))
            .collect();
        let subject = &self.subjects[index];
        names.extend(known);
        names.extend(enumerations);
        names.sort();
        names.dedup();
        names.retain(|name| subject.table.column(name).is_some());
        let from = subject.table.sql_from();
        // Stubs may show a value and still not count as its bearers.
        let only = format!("NOT {}", self.in_state(index, "t", State::Stub));
        let rare = |value: &str| {
            format!(
                "INSERT INTO mkx_excused_{index} SELECT in_table, at FROM (SELECT t.tableoid AS in_table, \
                 t.ctid AS at, count(*) FILTER (WHERE stub.at IS NULL) OVER (PARTITION BY {value}) AS occurs \
                 FROM {from} t LEFT JOIN mkx_excused_{index} stub \
                 ON stub.maybe_stub AND stub.in_table = t.tableoid AND stub.at = t.ctid WHERE {only}) counted \
                 WHERE occurs <= {RARE}"
            )
        };
        let mut statements: Vec<_> = names
            .iter()
            .map(|name| rare(&format!("t.{}::text", sql::identifier(name))))
            .collect();
        // Null is a value to be covered too, whatever else a column holds.
        for name in &with_nulls {
            statements.push(rare(&format!("t.{} IS NULL", sql::identifier(name))));
        }
        self.in_target(&statements.join("; "))
    }

    /// Excuses the rows of `parent` that the rows of `from` refer to; gives how many were new.
    fn excuse_parents(&mut self, from: &str, parent: usize, key: &ForeignKey) -> Result<u64> {
        let subject = &self.subjects[parent];
        self.target_count(&excuse(parent, subject.table, (from, key), None))
    }

    /// Statements that excuse what excused rows refer to without a foreign key, where such a row
    /// can neither be dropped nor lose the value; each gives how many were new.
    fn referred(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for subject in self.subjects.iter().filter(|subject| subject.is_sampled()) {
            for reference in &subject.policy.references {
                let column = subject.table.column(&reference.column);
                let to = self.catalog.table(&reference.table);
                let (Some(column), Some(to)) =
                    (column, to.and_then(|table| self.subject(&table.name)))
                else {
                    continue;
                };
                let is_scalar =
                    !column.base_type.starts_with('_') && !column.base_type.starts_with("json");
                if reference.otherwise != Otherwise::Drop || column.is_nullable || !is_scalar {
                    continue;
                }
                statements.push(format!(
                    "WITH added AS (INSERT INTO mkx_excused_{parent} SELECT p.tableoid, p.ctid FROM {} p \
                     WHERE p.{}::text IN (SELECT {}::text FROM {} JOIN mkx_excused_{child} e \
                     ON e.in_table = {alias}.tableoid AND e.at = {alias}.ctid WHERE {}) \
                     AND NOT EXISTS (SELECT FROM mkx_excused_{parent} x WHERE x.in_table = p.tableoid AND x.at = p.ctid) \
                     RETURNING 1) SELECT count(*) FROM added",
                    to.table.sql_from(),
                    sql::identifier(&reference.key),
                    subject.column(&reference.column),
                    subject.table.sql_from(),
                    reference
                        .when
                        .as_ref()
                        .map_or("true".into(), |when| format!("({when})")),
                    parent = to.index,
                    child = subject.index,
                    alias = subject.alias(),
                ));
            }
        }
        statements
    }
}

/// Excuses the rows of `parent` that rows refer to, or of these the likely stubs; gives how many
/// were new.
fn excuse(
    parent: usize,
    table: &Table,
    (from, key): (&str, &ForeignKey),
    likely_stub: Option<&str>,
) -> String {
    format!(
        "WITH added AS (INSERT INTO mkx_excused_{parent} SELECT p.tableoid, p.ctid, {} FROM {} p \
         WHERE {} AND EXISTS (SELECT FROM {from} c WHERE {}) \
         AND NOT EXISTS (SELECT FROM mkx_excused_{parent} e WHERE e.in_table = p.tableoid AND e.at = p.ctid) \
         RETURNING 1) SELECT count(*) FROM added",
        likely_stub.is_some(),
        table.sql_from(),
        likely_stub.unwrap_or("true"),
        joined(key, "c", "p")
    )
}
