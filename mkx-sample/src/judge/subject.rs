//! A table as the judge sees it: what the policy promises of each column.

use crate::database::catalog::{Column, ForeignKey, Table};
use crate::policy::{Edge, Form, Pseudonym, Rows, TablePolicy, Transform};
use crate::sql;

/// What a transform promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// EB's value is EA's.
    Kept,
    /// EB's value may be EA's, where there is nothing to change in it.
    Mended,
    /// EB's value is not EA's.
    Changed,
    /// EB's value is the same in all rows.
    Same,
    /// EB's value is null.
    Null,
}

impl Promise {
    /// What `transform` promises.
    pub fn of(transform: &Transform) -> Promise {
        match transform {
            Transform::Keep => Promise::Kept,
            Transform::Null => Promise::Null,
            Transform::Constant(_) | Transform::Password => Promise::Same,
            // So few digits are equal by chance too often to be proof of anything.
            Transform::Pseudonym(Pseudonym {
                form: Form::Digits, ..
            }) => Promise::Mended,
            Transform::Pseudonym(_) | Transform::Hash => Promise::Changed,
            Transform::Scrub
            | Transform::RewriteUrl
            | Transform::JsonKeep(_)
            | Transform::Sql(_) => Promise::Mended,
            Transform::Chain(steps) => {
                let promises: Vec<_> = steps.iter().map(Promise::of).collect();
                if promises.iter().all(|promise| *promise == Promise::Kept) {
                    Promise::Kept
                } else if promises.iter().any(|promise| promise.hides()) {
                    Promise::Changed
                } else {
                    Promise::Mended
                }
            }
        }
    }

    /// True where nothing of EA's value may be seen.
    pub fn hides(self) -> bool {
        matches!(self, Promise::Changed | Promise::Same | Promise::Null)
    }
}

/// True where `transform` is, or has as a step, one that `is` holds for.
pub fn has_step(transform: &Transform, is: fn(&Transform) -> bool) -> bool {
    match transform {
        Transform::Chain(steps) => steps.iter().any(|step| has_step(step, is)),
        other => is(other),
    }
}

/// One column and all that may happen to it.
pub struct Treatment<'a> {
    /// The column.
    pub column: &'a Column,
    /// It, qualified, as SQL.
    pub sql: String,
    /// In ordinary rows.
    pub base: Promise,
    /// By variant, where it differs.
    pub variants: Vec<Option<Promise>>,
    /// In stubs, where it differs.
    pub stub: Option<Promise>,
    /// True for the columns of a foreign key, or of a reference without one: nulled or pruned
    /// where the other end did not come.
    pub refers: bool,
    /// True where ordinary rows have a value wherever EA has one.
    pub never_nulls: bool,
}

impl Treatment<'_> {
    /// What holds in a row of that variant.
    pub fn promise(&self, variant: Option<usize>, is_stub: bool) -> Promise {
        if is_stub && let Some(stub) = self.stub {
            return stub;
        }
        variant
            .and_then(|variant| self.variants.get(variant).copied().flatten())
            .unwrap_or(self.base)
    }

    /// What holds in a row of that variant whether it is whole or a stub.
    pub fn promise_of_either(&self, variant: Option<usize>) -> Promise {
        match (self.promise(variant, false), self.promise(variant, true)) {
            (whole, _) if self.stub.is_none() => whole,
            (whole, stub) if whole == stub && whole != Promise::Same => whole,
            (Promise::Changed | Promise::Null, Promise::Changed | Promise::Null) => {
                Promise::Changed
            }
            _ => Promise::Mended,
        }
    }

    /// True where the promise is of EB alone and the same in all rows: whatever EA did meanwhile, it
    /// is no excuse.
    pub fn holds_in_any_row(&self) -> bool {
        matches!(self.base, Promise::Null | Promise::Same)
            && self.stub.is_none()
            && self.variants.iter().all(Option::is_none)
    }

    fn always_kept(&self) -> bool {
        self.kept_in_whole_rows() && self.stub.is_none_or(|stub| stub == Promise::Kept)
    }

    fn kept_in_whole_rows(&self) -> bool {
        let mut variants = self.variants.iter().flatten();
        self.base == Promise::Kept && variants.all(|promise| *promise == Promise::Kept)
    }

    /// True where the value can tell a stub from a whole row: it is EA's in the one and not in the
    /// other, or null in the other alone.
    pub fn tells_stubs(&self) -> bool {
        let is_apart = match self.base {
            Promise::Kept => self.stub.is_some_and(Promise::hides),
            _ => self.never_nulls && self.stub == Some(Promise::Null),
        };
        is_apart && !self.refers && self.variants.iter().all(Option::is_none)
    }
}

/// A table of EA's that EB has too.
pub struct Subject<'a> {
    /// Its place in the list; names its temporary tables.
    pub index: usize,
    /// EA's table.
    pub table: &'a Table,
    /// What the policy says.
    pub policy: &'a TablePolicy,
    /// Its columns that are written.
    pub columns: Vec<Treatment<'a>>,
}

impl<'a> Subject<'a> {
    /// Joins what there is with what the policy says.
    pub fn new(index: usize, table: &'a Table, policy: &'a TablePolicy) -> Subject<'a> {
        let mut subject = Subject {
            index,
            table,
            policy,
            columns: Vec::new(),
        };
        for column in table.written_columns() {
            if let Some(transform) = policy.columns.get(&column.name) {
                subject.columns.push(subject.treatment(column, transform));
            }
        }
        subject
    }

    fn treatment(&self, column: &'a Column, transform: &Transform) -> Treatment<'a> {
        let (policy, name) = (self.policy, &column.name);
        let mut keys = self.table.foreign_keys.iter();
        let mut references = policy.references.iter();
        let variants = policy.variants.iter();
        let stub = policy.stub.as_ref().and_then(|stub| stub.get(name));
        Treatment {
            column,
            sql: self.column(name),
            base: Promise::of(transform),
            variants: variants
                .map(|variant| variant.columns.get(name).map(Promise::of))
                .collect(),
            stub: stub.map(Promise::of),
            refers: keys.any(|key| key.columns.contains(name))
                || references.any(|to| to.column == *name),
            never_nulls: !has_step(transform, |step| {
                matches!(
                    step,
                    Transform::Null | Transform::Constant(_) | Transform::Sql(_)
                )
            }),
        }
    }

    /// The name as the policy writes it.
    pub fn name(&self) -> String {
        self.table.name.to_string()
    }

    /// The table's own name, quoted: conditions of the policy may use it as a qualifier.
    pub fn alias(&self) -> String {
        sql::identifier(&self.table.name.name)
    }

    /// A column, qualified.
    pub fn column(&self, name: &str) -> String {
        format!("{}.{}", self.alias(), sql::identifier(name))
    }

    /// Columns as texts, with commas between.
    pub fn texts(&self, columns: &[String]) -> String {
        let texts = columns
            .iter()
            .map(|name| format!("{}::text", self.column(name)));
        sql::list(texts)
    }

    /// True where a row of EB can be found in EA by its primary key.
    pub fn is_matchable(&self) -> bool {
        let key = &self.table.primary_key;
        !key.is_empty() && self.are_all(key, Treatment::always_kept)
    }

    /// True where these columns are as in EA in every row that came whole.
    pub fn shows(&self, columns: &[String]) -> bool {
        self.are_all(columns, Treatment::kept_in_whole_rows)
    }

    fn are_all(&self, names: &[String], is: fn(&Treatment<'a>) -> bool) -> bool {
        let named = |name: &String| self.columns.iter().find(|c| c.column.name == *name);
        names.iter().all(|name| named(name).is_some_and(is))
    }

    /// True where rows of it may be there as stubs.
    pub fn has_stubs(&self) -> bool {
        self.policy.stub.is_some() && self.columns.iter().any(Treatment::tells_stubs)
    }

    /// The policy's edge for a foreign key; absent to tables that come whole.
    pub fn edge(&self, key: &ForeignKey) -> Option<Edge> {
        self.policy.edges.get(&key.policy_key()).copied()
    }

    /// Foreign keys with that edge.
    pub fn keys(&self, edge: Edge) -> impl Iterator<Item = &'a ForeignKey> + '_ {
        let table = self.table;
        table
            .foreign_keys
            .iter()
            .filter(move |key| self.edge(key) == Some(edge))
    }

    /// The number of the first variant that holds, as SQL; -1 where none does.
    pub fn variant_sql(&self) -> String {
        if self.policy.variants.is_empty() {
            return "-1".into();
        }
        let mut sql = String::from("CASE");
        for (number, variant) in self.policy.variants.iter().enumerate() {
            sql.push_str(&format!(" WHEN ({}) THEN {number}", variant.when));
        }
        sql + " ELSE -1 END"
    }

    /// The policy's condition on rows, as SQL.
    pub fn condition_sql(&self) -> String {
        match &self.policy.condition {
            Some(condition) => format!("COALESCE(({condition}), false)"),
            None => "true".into(),
        }
    }

    /// True where rows come along edges.
    pub fn is_sampled(&self) -> bool {
        self.policy.rows == Rows::Sampled
    }
}
