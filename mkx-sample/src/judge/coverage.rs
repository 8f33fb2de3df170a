//! Whether every value that EA has in an enum-like column occurs in EB.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use mkx_contract::Result;

use super::record::Check;
use super::subject::{Promise, Subject};
use super::{Drift, Judge, Rule};
use crate::policy::{Otherwise, Variant};
use crate::sql;

/// A column with more values than this is no enum.
const MOST_VALUES: usize = 25;

/// Numbers with more values than this count something.
const MOST_NUMBERS: usize = 8;

/// Rows that rule out columns of many values at a glance.
const LOOKED_AT: u32 = 10_000;

/// So many values of a column are read; the labels of an enum type or of a column that the policy
/// names may be more than those of any other.
const MOST_READ: u32 = 1_000;

/// A column that enumerates something, as EA's own rows show.
#[derive(Debug, Clone)]
pub(super) struct Enumeration {
    /// The column.
    pub column: String,
    /// Its values in rows that may come: true where one such row kept it unchanged.
    values: BTreeMap<Option<String>, bool>,
    /// Such rows.
    rows: u64,
    /// The policy names it, or its type is made to tell kinds apart.
    is_given: bool,
    most: usize,
}

impl Enumeration {
    /// Few values for the rows that have them. Production that has moved had others when the sample
    /// was taken, so a column at the edge is not held to what it is now.
    fn is_one(&self, drift: Drift) -> bool {
        let (most, rows_a_value) = match drift {
            Drift::None => (self.most, 2),
            _ => (self.most * 3 / 4, 4),
        };
        self.is_given
            || self.values.len() <= most && rows_a_value * self.values.len() as u64 <= self.rows
    }

    /// Whether rows may have been added for its values, then or now.
    fn may_be_one(&self) -> bool {
        self.is_given || self.values.len() <= 2 * self.most
    }
}

impl Judge<'_> {
    pub(super) fn coverage(&mut self) -> Result<Check> {
        let mut check = Check::new(Rule::Coverage);
        let drift = self.drift;
        let subjects = self.subjects.iter();
        for subject in subjects.filter(|subject| subject.is_sampled()) {
            let enumerations = self.enumerations(subject)?;
            for found in enumerations.iter().filter(|found| found.is_one(drift)) {
                let eb = format!(
                    "SELECT DISTINCT {}::text FROM {}",
                    subject.column(&found.column),
                    subject.table.sql_from()
                );
                let there = self.ask_target(&eb, &[])?;
                let there: BTreeSet<Option<String>> = there.iter().map(|row| row.get(0)).collect();
                let demanded = found.values.iter().filter(|(_, is_demanded)| **is_demanded);
                let demanded = demanded.map(|(value, _)| value);
                let missing: Vec<_> = demanded.filter(|value| !there.contains(*value)).collect();
                check.count("columns", 1);
                if missing.is_empty() {
                    continue;
                }
                if drift == Drift::Any {
                    check.count("drift", missing.len() as u64);
                } else {
                    let column = Some(found.column.as_str());
                    check.find(subject.name(), column, missing_values(&missing), 0);
                }
            }
        }
        let columns = check.counted("columns");
        Ok(check.conclude(format!("every value of {columns} enum-like columns occurs")))
    }

    /// Rows of EA that are dropped in any case: what they refer to is not even there.
    fn not_dangling_sql(&self, subject: &Subject<'_>) -> String {
        let mut conditions = Vec::new();
        for reference in &subject.policy.references {
            let Some(to) = self.catalog.table(&reference.table) else {
                continue;
            };
            if reference.otherwise != Otherwise::Drop || !reference.path.is_empty() {
                continue;
            }
            let value = subject.column(&reference.column);
            conditions.push(format!(
                "({value} IS NULL OR ({}) IS NOT TRUE OR EXISTS \
                 (SELECT FROM {} target WHERE target.{}::text = {value}::text))",
                reference.when.as_deref().unwrap_or("true"),
                to.sql_from(),
                sql::identifier(&reference.key)
            ));
        }
        sql::all(conditions)
    }

    /// Columns for whose values rows may have been added to EB.
    pub(super) fn enum_like(&mut self, subject: &Subject<'_>) -> Result<Vec<String>> {
        let mut enumerations = self.enumerations(subject)?;
        enumerations.retain(Enumeration::may_be_one);
        Ok(enumerations.into_iter().map(|found| found.column).collect())
    }

    /// The columns of few values that are kept as they are, read from EA's rows once.
    fn enumerations(&mut self, subject: &Subject<'_>) -> Result<Vec<Enumeration>> {
        if let Some(known) = self.enumerations.get(&subject.index) {
            return Ok(known.clone());
        }
        let candidates = self.candidates(subject);
        let likely = self.likely(subject, candidates)?;
        let found = self.count_values(subject, likely)?;
        self.enumerations.insert(subject.index, found.clone());
        Ok(found)
    }

    /// Kept columns that the policy names; without such, those of a fitting type that are no key
    /// and refer to none.
    fn candidates(&self, subject: &Subject<'_>) -> Vec<Enumeration> {
        let table = subject.table;
        let unique_keys = || table.unique_keys.iter();
        let is_key = |name: &String| {
            table.primary_key.contains(name)
                || table.primary_key.is_empty() && unique_keys().any(|key| key.contains(name))
                || self.is_referred_to(subject, name)
        };
        let columns = subject.columns.iter();
        let kept = columns.filter(|treated| treated.base == Promise::Kept);
        kept.filter_map(|treated| {
            let column = treated.column;
            let is_kind = column.is_enum || column.base_type == "bool";
            let is_given = match &subject.policy.coverage {
                Some(names) if names.contains(&column.name) => true,
                Some(_) => return None,
                None if treated.refers || is_key(&column.name) => return None,
                None => is_kind,
            };
            let most = match column.base_type.as_str() {
                "int2" | "int4" | "int8" => MOST_NUMBERS,
                "text" | "varchar" | "bpchar" | "citext" => MOST_VALUES,
                _ if is_given => MOST_VALUES,
                _ => return None,
            };
            Some(Enumeration {
                column: column.name.clone(),
                values: BTreeMap::new(),
                rows: 0,
                is_given,
                most,
            })
        })
        .collect()
    }

    fn is_referred_to(&self, subject: &Subject<'_>, column: &String) -> bool {
        let table = &subject.table.name;
        self.subjects.iter().any(|child| {
            let mut keys = child.table.foreign_keys.iter();
            let mut references = child.policy.references.iter();
            keys.any(|key| key.parent == *table && key.parent_columns.contains(column))
                || references.any(|to| {
                    let target = self.catalog.table(&to.table);
                    to.key == *column && target.is_some_and(|target| target.name == *table)
                })
        })
    }

    /// Without those that the first rows show to have many values.
    fn likely(
        &mut self,
        subject: &Subject<'_>,
        candidates: Vec<Enumeration>,
    ) -> Result<Vec<Enumeration>> {
        let (mut likely, unclear): (Vec<_>, Vec<_>) = candidates
            .into_iter()
            .partition(|candidate| candidate.is_given);
        if unclear.is_empty() {
            return Ok(likely);
        }
        let counts = unclear.iter().map(|candidate| {
            let name = sql::identifier(&candidate.column);
            format!("count(DISTINCT first_rows.{name}::text COLLATE \"C\")")
        });
        let names = unclear
            .iter()
            .map(|candidate| subject.column(&candidate.column));
        let sql = format!(
            "SELECT {} FROM (SELECT {} FROM {} WHERE {} LIMIT {LOOKED_AT}) first_rows",
            sql::list(counts),
            sql::list(names),
            subject.table.sql_from(),
            subject.condition_sql()
        );
        let rows = self.ask_source(&sql, &[])?;
        let few = unclear
            .into_iter()
            .enumerate()
            .filter(|(at, candidate)| super::count(&rows[0], *at) <= 2 * candidate.most as u64);
        likely.extend(few.map(|(_, candidate)| candidate));
        Ok(likely)
    }

    /// One pass over EA's table: the values of each column, and which of them EB has to have.
    fn count_values(
        &mut self,
        subject: &Subject<'_>,
        mut columns: Vec<Enumeration>,
    ) -> Result<Vec<Enumeration>> {
        if columns.is_empty() {
            return Ok(columns);
        }
        let sql = self.values_sql(subject, &columns);
        for row in self.ask_source(&sql, &[])? {
            let rows = super::count(&row, 2);
            match usize::try_from(row.get::<_, i32>(0)) {
                Ok(at) => {
                    columns[at].values.insert(row.get(1), row.get(3));
                }
                Err(_) => columns.iter_mut().for_each(|column| column.rows = rows),
            }
        }
        Ok(columns)
    }

    fn values_sql(&self, subject: &Subject<'_>, columns: &[Enumeration]) -> String {
        let alias = subject.alias();
        let changed = match self.drift {
            Drift::Any => "false".into(),
            drift => drift.changed_sql(&alias),
        };
        // Most columns are kept in the same rows, so there are few different conditions.
        let mut conditions: Vec<String> = Vec::new();
        let (mut inner, mut sets, mut places) = (String::new(), String::new(), String::new());
        let (mut texts, mut demands) = (String::new(), String::new());
        for (at, column) in columns.iter().enumerate() {
            let kept = kept_sql(subject, &column.column);
            let known = conditions.iter().position(|known| *known == kept);
            let condition = known.unwrap_or_else(|| {
                conditions.push(kept);
                conditions.len() - 1
            });
            let value = value_sql(subject, &column.column);
            let _ = write!(inner, ", {value} AS mkx_value_{at}");
            let _ = write!(sets, ", (mkx_value_{at})");
            let is_it = format!(" WHEN GROUPING(mkx_value_{at}) = 0 THEN");
            let _ = write!(places, "{is_it} {at}");
            let _ = write!(texts, "{is_it} mkx_value_{at}::text");
            let demanded = format!("mkx_demanded AND mkx_kept_{condition}");
            let _ = write!(demands, "{is_it} bool_or({demanded})");
        }
        for (at, kept) in conditions.iter().enumerate() {
            let _ = write!(inner, ", ({kept}) IS TRUE AS mkx_kept_{at}");
        }
        format!(
            "SELECT place, value, rows, demanded FROM (SELECT *, row_number() OVER (PARTITION BY place) AS number \
             FROM (SELECT CASE{places} ELSE -1 END AS place, CASE{texts} END AS value, \
             count(*) AS rows, CASE{demands} END AS demanded \
             FROM (SELECT ({} AND NOT {changed}) IS TRUE AS mkx_demanded{inner} FROM {} WHERE {}) mkx_rows \
             GROUP BY GROUPING SETS ((){sets})) mkx_groups) mkx_numbered WHERE number <= {MOST_READ}",
            self.not_dangling_sql(subject),
            subject.table.sql_from(),
            subject.condition_sql(),
        )
    }
}

/// What tells the values of a column apart. Texts that a collation or `citext` takes for equal are
/// two; kinds and numbers are grouped faster as they are, and other types may not be comparable.
fn value_sql(subject: &Subject<'_>, name: &str) -> String {
    let value = subject.column(name);
    let column = subject.table.column(name);
    match column.map_or("", |column| column.base_type.as_str()) {
        "bool" | "int2" | "int4" | "int8" => value,
        _ if column.is_some_and(|column| column.is_enum) => value,
        _ => format!("({value}::text COLLATE \"C\")"),
    }
}

/// Whether a column is kept in a row, as SQL over EA's row.
fn kept_sql(subject: &Subject<'_>, column: &str) -> String {
    let keeps = |variant: &Variant| {
        let transform = variant.columns.get(column);
        transform.is_none_or(|transform| Promise::of(transform) == Promise::Kept)
    };
    let variants = &subject.policy.variants;
    if variants.iter().all(keeps) {
        return "true".into();
    }
    let kept = (0..variants.len()).filter(|number| keeps(&variants[*number]));
    let kept = kept.map(|number| number.to_string());
    let kept = sql::list(kept.chain(["-1".to_owned()]));
    format!("({}) IN ({kept})", subject.variant_sql())
}

/// Values of kept columns are the policy's to show; long ones are cut.
fn missing_values(values: &[&Option<String>]) -> String {
    let shown = values.iter().take(5).map(|value| match value {
        None => "null".into(),
        Some(text) => sql::literal(&text.chars().take(24).collect::<String>()),
    });
    let more = if values.len() > 5 { ", …" } else { "" };
    format!(
        "values that EA has do not occur: {}{more}",
        sql::list(shown)
    )
}
