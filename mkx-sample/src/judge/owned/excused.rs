//! Which rows may have come for another reason than being sampled.

use mkx_contract::Result;

use super::{FollowedKey, columns, noted, pins};
use crate::database::catalog::ForeignKey;
use crate::judge::foreign_keys::joined;
use crate::judge::rows::{State, wanted};
use crate::judge::subject::Subject;
use crate::judge::{Judge, parameters};
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

impl<'a> Judge<'a> {
    /// Fills `mkx_excused_N`.
    pub(super) fn find_excused(&mut self) -> Result<()> {
        for index in 0..self.subjects.len() {
            self.in_target(&format!(
                "CREATE TEMPORARY TABLE mkx_excused_{index} (in_table oid, at tid, maybe_stub boolean DEFAULT false); \
                 CREATE TEMPORARY TABLE mkx_owner_{index} (in_table oid, at tid)"
            ))?;
        }
        self.excuse_likely_stubs()?;
        let subjects = self.subjects.iter();
        for subject in subjects.filter(|subject| subject.is_sampled()) {
            self.excuse_pins(subject)?;
            self.excuse_rare(subject)?;
        }
        let mut edges = self.second_owners();
        edges.retain(|(_, parent, _)| parent.policy.stub.is_none());
        edges.extend(self.edges(&[Edge::Include]));
        for (child, parent, key) in edges {
            self.target_count(&excuse(parent, &child.table.sql_from(), key, None))?;
        }
        let upward = self.edges(&[Edge::Own, Edge::Require, Edge::Include]);
        let referred = self.referred();
        loop {
            let mut added = 0;
            for (child, parent, key) in &upward {
                let from = format!(
                    "(SELECT t.* FROM {} t WHERE {})",
                    child.table.sql_from(),
                    noted("excused", child, "t")
                );
                added += self.target_count(&excuse(parent, &from, key, None))?;
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
            let is_unclear = match (&parent.policy.stub, parent.has_stubs()) {
                (None, _) => continue,
                (_, true) if parent.is_matchable() => self.in_state(parent, "p", State::Either),
                _ => "true".into(),
            };
            let from = child.table.sql_from();
            self.target_count(&excuse(parent, &from, key, Some(&is_unclear)))?;
        }
        Ok(())
    }

    /// `own` edges of rows with several owners, who come with the row whether they own it or not.
    fn second_owners(&self) -> Vec<FollowedKey<'a>> {
        let mut edges = self.edges(&[Edge::Own]);
        edges.retain(|(child, _, key)| {
            let is_nullable =
                |name: &String| child.table.column(name).is_none_or(|c| c.is_nullable);
            child.keys(Edge::Own).count() > 1 && !key.columns.iter().any(is_nullable)
        });
        edges
    }

    fn excuse_pins(&mut self, subject: &Subject<'_>) -> Result<()> {
        if subject.policy.pins.is_empty() || !subject.is_matchable() {
            return Ok(());
        }
        let keys = &subject.table.primary_key;
        let (texts, from) = (subject.texts(keys), subject.table.sql_from());
        let sql = format!("SELECT {texts} FROM {from} WHERE {}", pins(subject));
        let insert = format!(
            "INSERT INTO mkx_excused_{} SELECT {alias}.tableoid, {alias}.ctid FROM {from} JOIN {}",
            subject.index,
            wanted(subject, keys),
            alias = subject.alias()
        );
        let pinned = columns(&self.ask_source(&sql, &[])?, keys.len());
        self.ask_target(&insert, &parameters(&pinned))?;
        Ok(())
    }

    fn excuse_rare(&mut self, subject: &'a Subject<'a>) -> Result<()> {
        let (index, table) = (subject.index, &subject.table.name);
        let mut names: Vec<String> = subject.policy.coverage.clone().unwrap_or_default();
        let known = self.ask_source(FEW_VALUES, &[&table.schema, &table.name])?;
        let with_nulls = self.ask_source(WITH_NULLS, &[&table.schema, &table.name])?;
        names.extend(known.iter().map(|row| row.get::<_, String>(0)));
        names.extend(self.enum_like(subject)?);
        names.sort();
        names.dedup();
        names.retain(|name| subject.table.column(name).is_some());
        let from = subject.table.sql_from();
        // Stubs may show a value and still not count as its bearers.
        let only = format!("NOT {}", self.in_state(subject, "t", State::Stub));
        let rare = |value: &str| {
            format!(
                "INSERT INTO mkx_excused_{index} SELECT in_table, at FROM (SELECT t.tableoid AS in_table, \
                 t.ctid AS at, count(*) FILTER (WHERE stub.at IS NULL) OVER (PARTITION BY {value}) AS occurs \
                 FROM {from} t LEFT JOIN mkx_excused_{index} stub \
                 ON stub.maybe_stub AND stub.in_table = t.tableoid AND stub.at = t.ctid WHERE {only}) counted \
                 WHERE occurs <= {RARE}"
            )
        };
        for name in &names {
            self.in_target(&rare(&format!("t.{}::text", sql::identifier(name))))?;
        }
        // Null is a value to be covered too, whatever else a column holds.
        for row in &with_nulls {
            self.in_target(&rare(&format!("t.{} IS NULL", sql::identifier(row.get(0)))))?;
        }
        Ok(())
    }

    /// Statements that excuse what excused rows refer to without a foreign key, where such a row
    /// can neither be dropped nor lose the value; each gives how many were new.
    fn referred(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for subject in self.subjects.iter().filter(|subject| subject.is_sampled()) {
            for reference in &subject.policy.references {
                let column = subject.table.column(&reference.column);
                let to = self.catalog.table(&reference.table);
                let to = to.and_then(|table| self.subject(&table.name));
                let (Some(column), Some(to)) = (column, to) else {
                    continue;
                };
                let is_scalar =
                    !column.base_type.starts_with('_') && !column.base_type.starts_with("json");
                if reference.otherwise != Otherwise::Drop || column.is_nullable || !is_scalar {
                    continue;
                }
                statements.push(format!(
                    "WITH added AS (INSERT INTO mkx_excused_{} SELECT p.tableoid, p.ctid FROM {} p \
                     WHERE p.{}::text IN (SELECT {}::text FROM {} WHERE {} AND ({})) \
                     AND NOT {} RETURNING 1) SELECT count(*) FROM added",
                    to.index,
                    to.table.sql_from(),
                    sql::identifier(&reference.key),
                    subject.column(&reference.column),
                    subject.table.sql_from(),
                    noted("excused", subject, &subject.alias()),
                    reference.when.as_deref().unwrap_or("true"),
                    noted("excused", to, "p")
                ));
            }
        }
        statements
    }
}

/// Excuses the rows of `parent` that rows refer to, or of these the likely stubs; gives how many
/// were new.
fn excuse(parent: &Subject<'_>, from: &str, key: &ForeignKey, likely_stub: Option<&str>) -> String {
    format!(
        "WITH added AS (INSERT INTO mkx_excused_{} SELECT p.tableoid, p.ctid, {} FROM {} p \
         WHERE {} AND EXISTS (SELECT FROM {from} c WHERE {}) AND NOT {} \
         RETURNING 1) SELECT count(*) FROM added",
        parent.index,
        likely_stub.is_some(),
        parent.table.sql_from(),
        likely_stub.unwrap_or("true"),
        joined(key, "c", "p"),
        noted("excused", parent, "p")
    )
}
