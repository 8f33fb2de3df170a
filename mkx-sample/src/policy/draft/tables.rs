//! Which tables a draft samples, and what happens along their foreign keys.

use std::collections::BTreeMap;

use super::columns;
use crate::database::catalog::{Catalog, ForeignKey, Table, TableName};
use crate::policy::{Activity, Edge, Rows};

/// Names of the table whose rows are people.
const PEOPLE: [&str; 10] = [
    "users",
    "user",
    "accounts",
    "account",
    "members",
    "people",
    "customers",
    "profiles",
    "auth_user",
    "persons",
];
/// Columns that say whose a row is.
const OWNERS: [&str; 9] = [
    "owner", "user", "author", "account", "creator", "member", "customer", "sender", "uploader",
];
/// Tables with these words in their names hold open doors or raw traces.
const DOORS: [&str; 8] = [
    "token",
    "session",
    "secret",
    "password",
    "credential",
    "otp",
    "nonce",
    "verification",
];
/// A table that nobody owns and that has more rows than this is not a list of settings.
const SMALL: f64 = 10_000.0;

/// The table that looks like the users'.
pub(super) fn root(catalog: &Catalog) -> Option<&Table> {
    let tables = || catalog.tables.values();
    let named = |name: &&str| tables().find(|table| table.name.name == **name);
    PEOPLE.iter().find_map(named).or_else(|| {
        let mut referred: BTreeMap<&TableName, usize> = BTreeMap::new();
        for key in tables().flat_map(|table| &table.foreign_keys) {
            *referred.entry(&key.parent).or_default() += 1;
        }
        let (name, _) = referred.into_iter().max_by_key(|(_, count)| *count)?;
        catalog.tables.get(name)
    })
}

/// True where every column of the key can be null.
pub(super) fn is_nullable(table: &Table, key: &ForeignKey) -> bool {
    let mut columns = key.columns.iter().map(|name| table.column(name));
    columns.all(|column| column.is_some_and(|column| column.is_nullable))
}

/// What a draft does with each table.
pub(super) struct Plan<'a> {
    catalog: &'a Catalog,
    root: &'a Table,
    rows: BTreeMap<TableName, Rows>,
    /// Sampled tables in the order in which ownership leads to them.
    order: Vec<TableName>,
}

impl<'a> Plan<'a> {
    pub fn new(catalog: &'a Catalog, root: &'a Table) -> Plan<'a> {
        let mut plan = Plan {
            catalog,
            root,
            rows: BTreeMap::from([(root.name.clone(), Rows::Sampled)]),
            order: vec![root.name.clone()],
        };
        plan.follow_ownership();
        for table in catalog.tables.values() {
            let rows = plan.unowned(table);
            plan.rows.entry(table.name.clone()).or_insert(rows);
        }
        for table in catalog.tables.values() {
            if is_door(table) && table.name != root.name {
                plan.rows.insert(table.name.clone(), Rows::None);
            }
        }
        plan
    }

    fn follow_ownership(&mut self) {
        let is_new = |plan: &Self, table: &Table| {
            let is_known = plan.rows.contains_key(&table.name);
            !is_known && !is_door(table) && plan.owner(table).is_some()
        };
        let tables = self.catalog.tables.values();
        while let Some(table) = tables.clone().find(|table| is_new(self, table)) {
            self.rows.insert(table.name.clone(), Rows::Sampled);
            self.order.push(table.name.clone());
        }
    }

    /// A table that belongs to nobody: a list for the whole environment, or traces of the site.
    fn unowned(&self, table: &Table) -> Rows {
        let mut columns = table.columns.iter();
        let is_personal = columns.any(|column| columns::is_personal(&column.name));
        match is_personal || table.estimated_rows > SMALL {
            true => Rows::None,
            false => Rows::All,
        }
    }

    /// The foreign key that says whose a row is: to the root rather than to what it owns, NOT
    /// NULL rather than nullable, with an owner's name rather than with another.
    fn owner<'t>(&self, table: &'t Table) -> Option<&'t ForeignKey> {
        let sampled = |key: &&ForeignKey| {
            key.parent != table.name && self.rows.get(&key.parent) == Some(&Rows::Sampled)
        };
        let named = |key: &ForeignKey| OWNERS.iter().any(|owner| key.columns[0].contains(owner));
        table.foreign_keys.iter().filter(sampled).min_by_key(|key| {
            let is_root = key.parent == self.root.name;
            (is_nullable(table, key), !is_root, !named(key))
        })
    }

    pub fn rows(&self, table: &Table) -> Rows {
        self.rows.get(&table.name).copied().unwrap_or(Rows::None)
    }

    /// Nothing where the parent comes whole anyway.
    pub fn edge(&self, table: &Table, key: &ForeignKey) -> Option<Edge> {
        let parent = self.rows.get(&key.parent).copied().unwrap_or(Rows::None);
        let nullable = is_nullable(table, key);
        let is_root = key.parent == self.root.name;
        let owner = self.owner(table).filter(|_| table.name != self.root.name);
        let is_owner = owner.is_some_and(|owner| owner.name == key.name);
        match (self.rows(table), parent) {
            (_, Rows::All) => None,
            (Rows::Sampled, Rows::Sampled) if is_owner => Some(Edge::Own),
            _ if nullable => Some(Edge::Null),
            (Rows::All, Rows::Sampled) if is_root => Some(Edge::Stub),
            (Rows::All, Rows::Sampled) => Some(Edge::Include),
            (_, Rows::Sampled) if is_root => Some(Edge::Stub),
            _ => Some(Edge::Require),
        }
    }

    /// Tables that the root owns directly: how many rows it has there is its activity.
    pub fn activity(&self) -> Vec<Activity> {
        self.order
            .iter()
            .filter_map(|name| self.catalog.tables.get(name))
            .filter(|table| table.name != self.root.name)
            .filter_map(|table| {
                let key = self.owner(table)?;
                (key.parent == self.root.name && key.columns.len() == 1).then(|| Activity {
                    table: table.name.to_string(),
                    column: key.columns[0].clone(),
                })
            })
            .take(5)
            .collect()
    }

    /// The root, then what it owns, then the rest by name.
    pub fn order(&self) -> Vec<&'a Table> {
        let tables = &self.catalog.tables;
        let rest = tables.keys().filter(|name| !self.order.contains(name));
        let names = self.order.iter().chain(rest);
        names.filter_map(|name| tables.get(name)).collect()
    }

    pub fn needs_stub(&self, parent: &Table) -> bool {
        self.rows(parent) == Rows::Sampled
            && self.catalog.tables.values().any(|table| {
                self.rows(table) != Rows::None
                    && table.foreign_keys.iter().any(|key| {
                        key.parent == parent.name && self.edge(table, key) == Some(Edge::Stub)
                    })
            })
    }
}

fn is_door(table: &Table) -> bool {
    DOORS.iter().any(|word| table.name.name.contains(word))
}
