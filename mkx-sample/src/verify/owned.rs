//! Whether as many root rows came as should, with everything that they own, and stubs with nothing.
//!
//! What came is judged from EB alone. A row is *excused* where it may have come for another reason
//! than being sampled: pinned, the bearer of a rare value, or needed by such a row (along an edge,
//! or by a reference that it can not lose), by an `include` edge, or as the second owner of a row.
//! So is a row that something refers to along a `stub` edge, where nothing tells whether it is a
//! stub. A whole root row that is not excused must have all that it owns in EA.

use std::collections::{HashMap, HashSet};

use mkx_contract::Result;
use postgres::types::ToSql;

use super::record::Check;
use super::rows::{State, wanted};
use super::subject::Subject;
use super::{Drift, Judge, count, refused};
use crate::catalog::{ForeignKey, Table};
use crate::policy::{Cap, Edge, Otherwise, Rows};
use crate::sql;

const BATCH: i32 = 1000;

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

/// An `own` edge whose children are compared.
struct Owning {
    child: usize,
    parent: usize,
    key: ForeignKey,
    /// The child's columns that rows are compared by: those of the edge, or the primary key where
    /// the policy hides who the owner is.
    by: Vec<String>,
    /// What must have come too, or the child is dropped.
    needs: Vec<Need>,
    cap: Option<Cap>,
}

/// Something that a child needs: SQL over EA's row that gives its key as text, and a query over EB
/// that says which of the keys in `$1…` are there.
struct Need {
    values: Vec<String>,
    there: String,
}

impl Judge<'_> {
    pub(super) fn owned(&mut self) -> Result<Vec<Check>> {
        self.find_excused()?;
        self.find_owners()?;
        Ok(vec![self.rate()?, self.stubs()?, self.completeness()?])
    }

    /// Fills `mkx_excused_N`.
    fn find_excused(&mut self) -> Result<()> {
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
            let from = self.subjects[child].table.from_sql();
            self.excuse_parents(&from, parent, &key)?;
        }
        let upward = self.edges(&[Edge::Own, Edge::Require, Edge::Include]);
        let referred = self.referred();
        loop {
            let mut added = 0;
            for (child, parent, key) in &upward {
                let from = format!(
                    "(SELECT t.* FROM {} t JOIN mkx_excused_{child} e ON e.in_table = t.tableoid AND e.at = t.ctid)",
                    self.subjects[*child].table.from_sql()
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
            let from = self.subjects[child].table.from_sql();
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
        let from = subject.table.from_sql();
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
        names.sort();
        names.dedup();
        names.retain(|name| subject.table.column(name).is_some());
        let from = subject.table.from_sql();
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
                    to.table.from_sql(),
                    sql::identifier(&reference.key),
                    subject.column(&reference.column),
                    subject.table.from_sql(),
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

    /// Fills `mkx_owner_N`: root rows that must be complete, and the rows that they own.
    fn find_owners(&mut self) -> Result<()> {
        let Some(root) = self.root() else {
            return Ok(());
        };
        let subject = &self.subjects[root];
        let own_children: Vec<String> = self
            .only_owners(root)
            .iter()
            .map(|(child, key)| {
                format!(
                    "EXISTS (SELECT FROM {} c WHERE {} AND NOT EXISTS (SELECT FROM mkx_excused_{child} x \
                     WHERE x.in_table = c.tableoid AND x.at = c.ctid))",
                    self.subjects[*child].table.from_sql(),
                    joined(key, "c", "r")
                )
            })
            .collect();
        let unexcused = if own_children.is_empty() {
            "false".to_owned()
        } else {
            own_children.join(" OR ")
        };
        let insert = format!(
            "INSERT INTO mkx_owner_{root} SELECT r.tableoid, r.ctid FROM {} r WHERE {} \
             AND (NOT EXISTS (SELECT FROM mkx_excused_{root} e WHERE e.in_table = r.tableoid AND e.at = r.ctid) \
                  OR {unexcused})",
            subject.table.from_sql(),
            self.in_state(root, "r", State::Whole)
        );
        let analyze: Vec<_> = (0..self.subjects.len())
            .map(|index| format!("ANALYZE mkx_excused_{index}"))
            .collect();
        self.in_target(&analyze.join("; "))?;
        self.in_target(&insert)?;
        while self.grow_owners()? > 0 {}
        while self.shrink_owners()? > 0 {}
        let analyze: Vec<_> = (0..self.subjects.len())
            .map(|index| format!("ANALYZE mkx_owner_{index}"))
            .collect();
        self.in_target(&analyze.join("; "))
    }

    fn grow_owners(&mut self) -> Result<u64> {
        let mut grown = 0;
        for (child, parent, key) in self.edges(&[Edge::Own]) {
            if Some(child) == self.root() {
                continue;
            }
            let sql = format!(
                "WITH added AS (INSERT INTO mkx_owner_{child} SELECT c.tableoid, c.ctid FROM {} c \
                 JOIN {} p ON {} JOIN mkx_owner_{parent} o ON o.in_table = p.tableoid AND o.at = p.ctid \
                 WHERE {} AND NOT EXISTS (SELECT FROM mkx_owner_{child} x WHERE x.in_table = c.tableoid AND x.at = c.ctid) \
                 RETURNING 1) SELECT count(*) FROM added",
                self.subjects[child].table.from_sql(),
                self.subjects[parent].table.from_sql(),
                joined(&key, "c", "p"),
                self.newest(child, "c")
            );
            grown += self.target_count(&sql)?;
        }
        Ok(grown)
    }

    fn shrink_owners(&mut self) -> Result<u64> {
        let mut gone = 0;
        for (child, parent, key) in self.edges(&[Edge::Require]) {
            let set: Vec<_> = key
                .columns
                .iter()
                .map(|column| format!("c.{} IS NOT NULL", sql::identifier(column)))
                .collect();
            let sql = format!(
                "WITH gone AS (DELETE FROM mkx_owner_{child} o USING {} c \
                 WHERE o.in_table = c.tableoid AND o.at = c.ctid AND {} \
                 AND NOT EXISTS (SELECT FROM {} p WHERE {} AND {}) RETURNING 1) SELECT count(*) FROM gone",
                self.subjects[child].table.from_sql(),
                set.join(" AND "),
                self.subjects[parent].table.from_sql(),
                joined(&key, "c", "p"),
                self.is_owner(parent, "p")
            );
            gone += self.target_count(&sql)?;
        }
        Ok(gone)
    }

    /// Of a capped table only the newest rows can own something.
    fn newest(&self, index: usize, alias: &str) -> String {
        let subject = &self.subjects[index];
        match &subject.policy.cap {
            None => "true".into(),
            Some(cap) => format!(
                "({alias}.tableoid, {alias}.ctid) IN (SELECT in_table, at FROM (SELECT tableoid AS in_table, ctid AS at, \
                 rank() OVER (PARTITION BY {} ORDER BY {} DESC NULLS LAST) AS place FROM {}) ranked WHERE place <= {})",
                sql::identifier(&cap.per),
                sql::identifier(&cap.by),
                subject.table.from_sql(),
                cap.newest
            ),
        }
    }

    fn is_owner(&self, index: usize, alias: &str) -> String {
        if self.subjects[index].policy.rows == Rows::All {
            return "true".into();
        }
        format!(
            "EXISTS (SELECT FROM mkx_owner_{index} o WHERE o.in_table = {alias}.tableoid AND o.at = {alias}.ctid)"
        )
    }

    fn in_state(&self, index: usize, alias: &str, state: State) -> String {
        if !self.subjects[index].has_stubs() || !self.subjects[index].is_matchable() {
            return (state == State::Whole).to_string();
        }
        format!(
            "EXISTS (SELECT FROM mkx_state_{index} s WHERE s.in_table = {alias}.tableoid AND s.at = {alias}.ctid \
             AND s.state IN ({}))",
            match state {
                State::Whole => format!("{}, {}", State::Whole as i32, State::Either as i32),
                other => (other as i32).to_string(),
            }
        )
    }

    fn rate(&mut self) -> Result<Check> {
        let mut check = Check::new("rate");
        let Some(root) = self.root() else {
            return Ok(check.conclude("the root table is missing"));
        };
        let subject = &self.subjects[root];
        let from = subject.table.from_sql();
        let name = subject.name();
        let eligible = match &self.policy.root.eligible {
            Some(condition) => format!("({condition})"),
            None => "true".into(),
        };
        let in_source = format!(
            "SELECT count(*) FILTER (WHERE {eligible}), count(*) FILTER (WHERE {}), count(*) FILTER (WHERE {}) FROM {from}",
            pins(subject),
            self.drift.changed_sql(&subject.alias())
        );
        let in_target = format!(
            "SELECT count(*) FILTER (WHERE {}), count(*) FILTER (WHERE {}), count(*) FROM {from} r",
            self.in_state(root, "r", State::Whole),
            self.in_state(root, "r", State::Stub),
        );
        let row = &self.ask_source(&in_source, &[])?[0];
        let (eligible, pinned, changed) = (count(row, 0), count(row, 1), count(row, 2));
        let row = &self.ask_target(&in_target, &[])?[0];
        let (whole, stubs, all) = (count(row, 0), count(row, 1), count(row, 2));
        let owners = self.target_count(&format!("SELECT count(*) FROM mkx_owner_{root}"))?;
        let expected = expected(self.options.percent, eligible);
        let slack = match self.drift {
            Drift::None => 1,
            Drift::Younger(_) => 1 + changed,
            Drift::Any => 1 + expected / 5,
        };
        for (what, number) in [
            ("eligible", eligible),
            ("expected", expected),
            ("whole", whole),
            ("stubs", stubs),
            ("owners", owners),
        ] {
            check.count(what, number);
        }
        let at_least = whole + (all - whole - stubs);
        if at_least + slack < expected {
            let problem = format!("{whole} rows came whole, {expected} should have");
            check.find(&name, None, problem, expected - at_least);
        }
        let most = expected + pinned + self.options.included;
        if owners > most + slack {
            let problem =
                format!("{owners} rows came with what they own, at most {most} should have");
            check.find(&name, None, problem, owners - most);
        }
        Ok(check.conclude(format!(
            "{whole} of {eligible} came whole, {expected} were to be sampled"
        )))
    }

    /// Nothing belongs to a stub but other stubs, and rows that came for their own sake.
    fn stubs(&mut self) -> Result<Check> {
        let mut check = Check::new("stubs");
        for parent in 0..self.subjects.len() {
            if !self.subjects[parent].has_stubs() {
                continue;
            }
            for (child, key) in self.only_owners(parent) {
                let sql = format!(
                    "SELECT count(*) FROM {} c JOIN {} p ON {} WHERE {} AND NOT {} \
                     AND NOT EXISTS (SELECT FROM mkx_excused_{child} e WHERE e.in_table = c.tableoid AND e.at = c.ctid)",
                    self.subjects[child].table.from_sql(),
                    self.subjects[parent].table.from_sql(),
                    joined(&key, "c", "p"),
                    self.in_state(parent, "p", State::Stub),
                    self.in_state(child, "c", State::Stub)
                );
                check.count("edges", 1);
                let rows = self.target_count(&sql)?;
                if rows > 0 {
                    let name = self.subjects[child].name();
                    let problem =
                        format!("rows belong to stubs of {}", self.subjects[parent].name());
                    check.find(name, Some(&key.policy_key()), problem, rows);
                }
            }
        }
        Ok(check.conclude("stubs own nothing"))
    }

    /// What EA's owners own is in EB, but for what the policy leaves out.
    fn completeness(&mut self) -> Result<Check> {
        let mut check = Check::new("owned");
        for (child, parent, key) in self.edges(&[Edge::Own]) {
            let name = self.subjects[child].name();
            let Some(owning) = self.owning(child, parent, &key) else {
                check.count("edges_not_checked", 1);
                continue;
            };
            let (owners, missing) = self.missing(&owning)?;
            check.count("edges", 1);
            check.count("owners", owners);
            if missing > 0 {
                let problem = format!("rows of owners in {} did not come", key.parent);
                check.find(name, Some(&key.policy_key()), problem, missing);
            }
        }
        let edges = check.counts.get("edges").copied().unwrap_or(0);
        Ok(check.conclude(format!("along {edges} edges everything that is owned came")))
    }

    fn owning(&self, child: usize, parent: usize, key: &ForeignKey) -> Option<Owning> {
        let subject = &self.subjects[child];
        if !self.subjects[parent].is_sampled() {
            return None;
        }
        if let Some(cap) = &subject.policy.cap
            && key.columns != [cap.per.clone()]
        {
            return None;
        }
        let by = if subject.shows(&key.columns) {
            key.columns.clone()
        } else if subject.is_matchable() && subject.policy.cap.is_none() {
            subject.table.primary_key.clone()
        } else {
            return None;
        };
        let mut needs = Vec::new();
        for required in subject.keys(Edge::Require) {
            let to = self.subject(&required.parent)?;
            needs.push(Need {
                values: required
                    .columns
                    .iter()
                    .map(|column| format!("{}::text", subject.column(column)))
                    .collect(),
                there: format!(
                    "SELECT {} FROM {} JOIN {} WHERE {}",
                    texts(to, &required.parent_columns),
                    to.table.from_sql(),
                    wanted(to, &required.parent_columns),
                    self.is_owner(to.index, &to.alias())
                ),
            });
        }
        for reference in &subject.policy.references {
            if reference.otherwise != Otherwise::Drop {
                continue;
            }
            let base_type = &subject.table.column(&reference.column)?.base_type;
            if base_type.starts_with('_') || !reference.path.is_empty() {
                return None;
            }
            let to = self.subject(&self.catalog.table(&reference.table)?.name)?;
            let value = format!("{}::text", subject.column(&reference.column));
            needs.push(Need {
                values: vec![match &reference.when {
                    Some(when) => format!("CASE WHEN ({when}) THEN {value} END"),
                    None => value,
                }],
                there: format!(
                    "SELECT {key}::text FROM {} WHERE {key}::text = ANY($1) AND {}",
                    to.table.from_sql(),
                    self.is_owner(to.index, &to.alias()),
                    key = to.column(&reference.key)
                ),
            });
        }
        Some(Owning {
            child,
            parent,
            key: key.clone(),
            by,
            needs,
            cap: subject.policy.cap.clone(),
        })
    }

    /// How many owners there are along an edge, and how many rows they miss.
    fn missing(&mut self, owning: &Owning) -> Result<(u64, u64)> {
        let (child, parent) = (&self.subjects[owning.child], &self.subjects[owning.parent]);
        let owner_width = owning.key.columns.len();
        let width = owning.by.len();
        let keys = format!(
            "SELECT {} FROM {} JOIN mkx_owner_{} o ON o.in_table = {alias}.tableoid AND o.at = {alias}.ctid",
            texts(parent, &owning.key.parent_columns),
            parent.table.from_sql(),
            parent.index,
            alias = parent.alias()
        );
        let from = child.table.from_sql();
        let group = texts(child, &owning.by);
        let needs: Vec<&str> = owning
            .needs
            .iter()
            .flat_map(|need| &need.values)
            .map(String::as_str)
            .collect();
        let all: Vec<String> = std::iter::once(group.clone())
            .chain(needs.iter().map(|need| (*need).to_owned()))
            .collect();
        let numbers: Vec<String> = (1..=width + needs.len())
            .map(|number| number.to_string())
            .collect();
        let expected = format!(
            "SELECT {}, count(*) FROM {from} JOIN {} WHERE {} AND NOT {} GROUP BY {}",
            all.join(", "),
            wanted(child, &owning.key.columns),
            child.condition_sql(),
            self.drift.changed_sql(&child.alias()),
            numbers.join(", ")
        );
        let there = format!(
            "SELECT {group}, count(*) FROM {from} JOIN {} GROUP BY {}",
            wanted(child, &owning.by),
            numbers[..width].join(", ")
        );
        let failed = |error| refused("EB", &error);
        let statement = self.target.prepare(&keys).map_err(failed)?;
        let portal = self.target.bind(&statement, &[]).map_err(failed)?;
        let (mut owners, mut missing) = (0, 0);
        loop {
            let batch = self.target.query_portal(&portal, BATCH).map_err(failed)?;
            if batch.is_empty() {
                return Ok((owners, missing));
            }
            owners += batch.len() as u64;
            let keys = columns(&batch, owner_width);
            let rows = self.ask_source(&expected, &parameters(&keys))?;
            let mut should = self.satisfied(owning, &rows, width)?;
            let asked: Vec<Vec<Option<String>>> = (0..width)
                .map(|column| should.keys().map(|key| key[column].clone()).collect())
                .collect();
            for row in self.ask_target(&there, &parameters(&asked))? {
                if let Some(number) = should.get_mut(&texts_of(&row, 0, width)) {
                    *number =
                        limited(*number, owning.cap.as_ref()).saturating_sub(count(&row, width));
                }
            }
            for (_, number) in should {
                missing += limited(number, owning.cap.as_ref());
            }
        }
    }

    /// How many rows each owner should have: those whose needs came.
    fn satisfied(
        &mut self,
        owning: &Owning,
        rows: &[postgres::Row],
        width: usize,
    ) -> Result<HashMap<Vec<Option<String>>, u64>> {
        let mut kept: Vec<bool> = vec![true; rows.len()];
        let mut at = width;
        for need in &owning.needs {
            let values: Vec<Vec<Option<String>>> = rows
                .iter()
                .map(|row| texts_of(row, at, need.values.len()))
                .collect();
            at += need.values.len();
            let asked: HashSet<&Vec<Option<String>>> = values
                .iter()
                .filter(|value| value.iter().all(Option::is_some))
                .collect();
            let asked: Vec<Vec<Option<String>>> = (0..need.values.len())
                .map(|column| asked.iter().map(|value| value[column].clone()).collect())
                .collect();
            let there: HashSet<Vec<Option<String>>> = self
                .ask_target(&need.there, &parameters(&asked))?
                .iter()
                .map(|row| texts_of(row, 0, need.values.len()))
                .collect();
            for (kept, value) in kept.iter_mut().zip(&values) {
                *kept &= value.iter().any(Option::is_none) || there.contains(value);
            }
        }
        let mut should = HashMap::new();
        for (row, kept) in rows.iter().zip(kept) {
            if kept {
                *should.entry(texts_of(row, 0, width)).or_default() += count(row, at);
            }
        }
        Ok(should)
    }

    /// The root's place among the subjects.
    fn root(&self) -> Option<usize> {
        let table = self.catalog.table(&self.policy.root.table)?;
        self.subject(&table.name).map(|subject| subject.index)
    }

    /// Foreign keys between sampled tables with one of those edges: child, parent, key.
    fn edges(&self, of: &[Edge]) -> Vec<(usize, usize, ForeignKey)> {
        let mut edges = Vec::new();
        for child in self.subjects.iter().filter(|subject| subject.is_sampled()) {
            for key in &child.table.foreign_keys {
                if let (Some(edge), Some(parent)) = (child.edge(key), self.subject(&key.parent))
                    && of.contains(&edge)
                {
                    edges.push((child.index, parent.index, key.clone()));
                }
            }
        }
        edges
    }

    /// Tables that belong to `parent` along one edge, and to nothing else.
    fn only_owners(&self, parent: usize) -> Vec<(usize, ForeignKey)> {
        self.edges(&[Edge::Own])
            .into_iter()
            .filter(|(child, to, _)| {
                *to == parent
                    && *child != parent
                    && self.subjects[*child].keys(Edge::Own).count() == 1
            })
            .map(|(child, _, key)| (child, key))
            .collect()
    }
}

/// The sampled number of root rows: the share, rounded, and at least one where there are any.
fn expected(percent: f64, eligible: u64) -> u64 {
    if eligible == 0 {
        return 0;
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let rounded = (percent * eligible as f64 / 100.0).round() as u64;
    rounded.max(1)
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
        table.from_sql(),
        likely_stub.unwrap_or("true"),
        joined(key, "c", "p")
    )
}

fn limited(number: u64, cap: Option<&Cap>) -> u64 {
    cap.map_or(number, |cap| number.min(cap.newest))
}

fn pins(subject: &Subject<'_>) -> String {
    if subject.policy.pins.is_empty() {
        return "false".into();
    }
    let pins: Vec<_> = subject
        .policy
        .pins
        .iter()
        .map(|pin| format!("({pin})"))
        .collect();
    pins.join(" OR ")
}

fn joined(key: &ForeignKey, child: &str, parent: &str) -> String {
    let equal: Vec<_> = key
        .columns
        .iter()
        .zip(&key.parent_columns)
        .map(|(c, p)| {
            format!(
                "{child}.{} = {parent}.{}",
                sql::identifier(c),
                sql::identifier(p)
            )
        })
        .collect();
    equal.join(" AND ")
}

fn texts(subject: &Subject<'_>, columns: &[String]) -> String {
    let texts: Vec<_> = columns
        .iter()
        .map(|column| format!("{}::text", subject.column(column)))
        .collect();
    texts.join(", ")
}

fn texts_of(row: &postgres::Row, from: usize, width: usize) -> Vec<Option<String>> {
    (from..from + width).map(|column| row.get(column)).collect()
}

/// Rows of text turned into columns, for `unnest`.
fn columns(rows: &[postgres::Row], width: usize) -> Vec<Vec<Option<String>>> {
    (0..width)
        .map(|column| rows.iter().map(|row| row.get(column)).collect())
        .collect()
}

fn parameters(columns: &[Vec<Option<String>>]) -> Vec<&(dyn ToSql + Sync)> {
    columns
        .iter()
        .map(|column| column as &(dyn ToSql + Sync))
        .collect()
}
