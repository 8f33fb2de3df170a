//! Whether what EA's owners own is in EB.

use std::collections::{HashMap, HashSet};

use mkx_contract::Result;

use super::{columns, parameters};
use crate::database::catalog::ForeignKey;
use crate::judge::Rule;
use crate::judge::record::Check;
use crate::judge::rows::wanted;
use crate::judge::subject::Subject;
use crate::judge::{Judge, count, refused};
use crate::policy::{Cap, Edge, Otherwise};

const BATCH: i32 = 1000;

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
    /// What EA's owners own is in EB, but for what the policy leaves out.
    pub(super) fn completeness(&mut self) -> Result<Check> {
        let mut check = Check::new(Rule::Owned);
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
                    to.table.sql_from(),
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
                    to.table.sql_from(),
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
            parent.table.sql_from(),
            parent.index,
            alias = parent.alias()
        );
        let from = child.table.sql_from();
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
}

fn limited(number: u64, cap: Option<&Cap>) -> u64 {
    cap.map_or(number, |cap| number.min(cap.newest))
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
