//! Whether what EA's owners own is in EB.

use std::collections::{HashMap, HashSet};

use mkx_contract::Result;

use super::owners::is_owner;
use super::{FollowedKey, columns, noted};
use crate::database::catalog::ForeignKey;
use crate::judge::record::Check;
use crate::judge::rows::wanted;
use crate::judge::subject::Subject;
use crate::judge::{Judge, Rule, count, parameters};
use crate::policy::Edge;
use crate::sql;

const BATCH: i32 = 1000;

/// An `own` edge whose children are compared.
struct Owning<'a> {
    child: &'a Subject<'a>,
    parent: &'a Subject<'a>,
    key: &'a ForeignKey,
    /// The child's columns that rows are compared by: those of the edge, or the primary key where
    /// the policy hides who the owner is.
    by: &'a [String],
    /// What must have come too, or the child is dropped.
    needs: Vec<Need>,
}

/// Something that a child needs: SQL over EA's row that gives its key as text, and a query over EB
/// that says which of the keys in `$1…` are there.
struct Need {
    values: Vec<String>,
    there: String,
}

/// Values of several columns as texts.
type Texts = Vec<Option<String>>;

impl<'a> Judge<'a> {
    /// What EA's owners own is in EB, but for what the policy leaves out.
    pub(super) fn completeness(&mut self) -> Result<Check> {
        let mut check = Check::new(Rule::Owned);
        for edge in self.edges(&[Edge::Own]) {
            let Some(owning) = self.owning(edge) else {
                check.count("edges_not_checked", 1);
                continue;
            };
            let (owners, missing) = self.missing(&owning)?;
            check.count("edges", 1);
            check.count("owners", owners);
            let (child, _, key) = edge;
            let problem = format!("rows of owners in {} did not come", key.parent);
            check.find_rows(child.name(), Some(&key.policy_key()), problem, missing);
        }
        let edges = check.counted("edges");
        Ok(check.conclude(format!("along {edges} edges everything that is owned came")))
    }

    fn owning(&self, (child, parent, key): FollowedKey<'a>) -> Option<Owning<'a>> {
        let cap = child.policy.cap.as_ref();
        if !parent.is_sampled() || cap.is_some_and(|cap| key.columns != [cap.per.clone()]) {
            return None;
        }
        let by = if child.shows(&key.columns) {
            &key.columns
        } else if child.is_matchable() && cap.is_none() {
            &child.table.primary_key
        } else {
            return None;
        };
        let mut needs = Vec::new();
        for required in child.keys(Edge::Require) {
            let to = self.subject(&required.parent)?;
            let columns = required.columns.iter();
            needs.push(Need {
                values: columns
                    .map(|column| format!("{}::text", child.column(column)))
                    .collect(),
                there: format!(
                    "SELECT {} FROM {} JOIN {} WHERE {}",
                    to.texts(&required.parent_columns),
                    to.table.sql_from(),
                    wanted(to, &required.parent_columns),
                    is_owner(to, &to.alias())
                ),
            });
        }
        let references = child.policy.references.iter();
        for reference in references.filter(|reference| reference.drops()) {
            let base_type = &child.table.column(&reference.column)?.base_type;
            if base_type.starts_with('_') || !reference.path.is_empty() {
                return None;
            }
            let to = self.subject(&self.catalog.table(&reference.table)?.name)?;
            let value = format!("{}::text", child.column(&reference.column));
            needs.push(Need {
                values: vec![match &reference.when {
                    Some(when) => format!("CASE WHEN ({when}) THEN {value} END"),
                    None => value,
                }],
                there: format!(
                    "SELECT {key}::text FROM {} WHERE {key}::text = ANY($1) AND {}",
                    to.table.sql_from(),
                    is_owner(to, &to.alias()),
                    key = to.column(&reference.key)
                ),
            });
        }
        Some(Owning {
            child,
            parent,
            key,
            by,
            needs,
        })
    }

    /// How many owners there are along an edge, and how many rows they miss.
    fn missing(&mut self, owning: &Owning<'_>) -> Result<(u64, u64)> {
        let (child, parent, key) = (owning.child, owning.parent, owning.key);
        let width = owning.by.len();
        let from = child.table.sql_from();
        let group = child.texts(owning.by);
        let needs = owning.needs.iter().flat_map(|need| &need.values);
        let all: Vec<&String> = std::iter::once(&group).chain(needs).collect();
        let numbers = |width: usize| sql::list((1..=width).map(|number| number.to_string()));
        let expected = format!(
            "SELECT {}, count(*) FROM {from} JOIN {} WHERE {} AND NOT {} GROUP BY {}",
            sql::list(&all),
            wanted(child, &key.columns),
            child.condition_sql(),
            self.drift.changed_sql(&child.alias()),
            numbers(width + all.len() - 1)
        );
        let there = format!(
            "SELECT {group}, count(*) FROM {from} JOIN {} GROUP BY {}",
            wanted(child, owning.by),
            numbers(width)
        );
        let portal = self.begin_in_target(&format!(
            "SELECT {} FROM {} WHERE {}",
            parent.texts(&key.parent_columns),
            parent.table.sql_from(),
            noted("owner", parent, &parent.alias())
        ))?;
        let cap = child.policy.cap.as_ref();
        let limited = |number: u64| cap.map_or(number, |cap| number.min(cap.newest));
        let (mut owners, mut missing) = (0, 0);
        loop {
            let batch = self.next_in_target(&portal, BATCH)?;
            if batch.is_empty() {
                return Ok((owners, missing));
            }
            owners += batch.len() as u64;
            let keys = columns(&batch, key.columns.len());
            let rows = self.ask_source(&expected, &parameters(&keys))?;
            let mut should = self.satisfied(owning, &rows)?;
            let asked = turned(should.keys(), width);
            for row in self.ask_target(&there, &parameters(&asked))? {
                if let Some(number) = should.get_mut(&texts_of(&row, 0, width)) {
                    *number = limited(*number).saturating_sub(count(&row, width));
                }
            }
            missing += should.into_values().map(limited).sum::<u64>();
        }
    }

    /// How many rows each owner should have: those whose needs came.
    fn satisfied(
        &mut self,
        owning: &Owning<'_>,
        rows: &[postgres::Row],
    ) -> Result<HashMap<Texts, u64>> {
        let mut kept: Vec<bool> = vec![true; rows.len()];
        let mut at = owning.by.len();
        for need in &owning.needs {
            let width = need.values.len();
            let values: Vec<Texts> = rows.iter().map(|row| texts_of(row, at, width)).collect();
            at += width;
            let asked = values
                .iter()
                .filter(|value| value.iter().all(Option::is_some));
            let asked: HashSet<&Texts> = asked.collect();
            let asked = turned(asked.iter().copied(), width);
            let there = self.ask_target(&need.there, &parameters(&asked))?;
            let there: HashSet<_> = there.iter().map(|row| texts_of(row, 0, width)).collect();
            for (kept, value) in kept.iter_mut().zip(&values) {
                *kept &= value.iter().any(Option::is_none) || there.contains(value);
            }
        }
        let mut should = HashMap::new();
        for (row, _) in rows.iter().zip(kept).filter(|(_, kept)| *kept) {
            *should.entry(texts_of(row, 0, owning.by.len())).or_default() += count(row, at);
        }
        Ok(should)
    }
}

fn texts_of(row: &postgres::Row, from: usize, width: usize) -> Texts {
    (from..from + width).map(|column| row.get(column)).collect()
}

/// Rows of text turned into columns, for `unnest`.
fn turned<'t>(rows: impl Iterator<Item = &'t Texts> + Clone, width: usize) -> Vec<Texts> {
    (0..width)
        .map(|column| rows.clone().map(|row| row[column].clone()).collect())
        .collect()
}
