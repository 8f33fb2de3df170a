//! The schema and the policy as one graph: tables, what refers to what, and what each reference
//! means for the rows at both of its ends.

use std::collections::HashMap;

use mkx_contract::{Failure, Result};

use super::ROW;
use super::keys::{Key, Keys};
use super::sets::Batch;
use crate::database::catalog::{Catalog, Table, TableName};
use crate::policy::{Edge, Policy, Reference, Rows, TablePolicy, Transform};
use crate::sql::of_policy;

/// The graph.
pub struct Graph<'a> {
    /// Every table of the catalog.
    pub nodes: Vec<Node<'a>>,
    /// Every foreign key between them.
    pub links: Vec<Link>,
    /// Every reference that the policy declares.
    pub references: Vec<Pointer<'a>>,
    /// The root table's place in `nodes`.
    pub root: usize,
    /// Groups of tables whose own rows depend on one another; what a group depends on comes first.
    pub order: Vec<Vec<usize>>,
}

/// A table.
pub struct Node<'a> {
    /// From the catalog.
    pub table: &'a Table,
    /// From the policy.
    pub policy: &'a TablePolicy,
    /// Keys by which its rows are known; the first is their identity, the others are referred to.
    pub keys: Vec<Key>,
    /// How much of it comes.
    pub extent: Extent,
}

impl Node<'_> {
    /// `FROM … AS mkx`.
    pub fn from(&self) -> String {
        format!("FROM {} AS {ROW}", self.table.sql_from())
    }

    /// FROM and WHERE of the rows with these values of a key.
    pub fn with_keys(&self, key: usize, keys: &Keys) -> String {
        let key = &self.keys[key];
        format!(
            "{} WHERE {}",
            self.from(),
            key.joins(keys, &key.sql_columns())
        )
    }

    /// No rows.
    pub fn none(&self) -> Batch {
        self.keys.iter().map(Key::none).collect()
    }

    /// The policy's condition on rows, as SQL.
    pub fn condition(&self) -> Option<String> {
        self.policy.condition.as_deref().map(of_policy)
    }
}

/// How much of a table comes, and whether the client must know which rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Every row.
    Complete,
    /// None.
    Empty,
    /// Some; something depends on which, so their keys are held.
    Held,
    /// Some; nothing refers to them, so only a condition is known.
    Leaf,
}

/// What a row that comes does for the row that it refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Up {
    /// It brings it, whole.
    Include,
    /// It brings it as a stub.
    Stub,
    /// Nothing: the reference becomes null where the other does not come.
    Null,
}

/// A foreign key.
pub struct Link {
    /// The child's place in `nodes`.
    pub child: usize,
    /// Its columns.
    pub columns: Vec<String>,
    /// The parent's place.
    pub parent: usize,
    /// The parent's key that is referred to.
    pub key: usize,
    /// What the policy says.
    pub policy: Edge,
    /// What follows for rows that came although the parent did not.
    pub up: Up,
    /// The columns that can become null; empty where the reference must hold.
    pub nullable: Vec<String>,
}

/// A reference without foreign key.
pub struct Pointer<'a> {
    /// The table that holds it.
    pub child: usize,
    /// From the policy.
    pub policy: &'a Reference,
    /// The table that it refers to.
    pub parent: usize,
    /// The key of that table.
    pub key: usize,
}

impl Pointer<'_> {
    /// True where a row that came can neither lose the reference nor be dropped for it.
    pub fn must_hold(&self, graph: &Graph) -> bool {
        let column = graph.nodes[self.child].table.column(&self.policy.column);
        self.policy.drops() && column.is_some_and(|column| !column.is_nullable)
    }
}

impl<'a> Graph<'a> {
    /// Holds the policy against the catalog.
    ///
    /// # Errors
    /// Exit 3 where the policy names what is not there, or can not be kept.
    pub fn new(catalog: &'a Catalog, policy: &'a Policy) -> Result<Graph<'a>> {
        let mut graph = Graph {
            nodes: nodes(catalog, policy)?,
            links: Vec::new(),
            references: Vec::new(),
            root: 0,
            order: Vec::new(),
        };
        let names = catalog.tables.keys();
        let places: HashMap<&TableName, usize> =
            names.enumerate().map(|(at, name)| (name, at)).collect();
        let find = |name: &str| {
            let table = catalog.table(name);
            let place = table.and_then(|table| places.get(&table.name).copied());
            place.ok_or_else(|| {
                Failure::input(format!(
                    "cannot follow the policy: there is no table {name}"
                ))
            })
        };
        graph.root = find(&policy.root.table)?;
        let mut links = Vec::new();
        let mut pointers = Vec::new();
        for (child, node) in graph.nodes.iter().enumerate() {
            for key in &node.table.foreign_keys {
                // The parent may be an extension's own table, which the schema dump brings.
                if let Some(parent) = places.get(&key.parent) {
                    links.push((child, key, *parent));
                }
            }
            for reference in &node.policy.references {
                pointers.push((child, reference, find(&reference.table)?));
            }
        }
        for (child, foreign, parent) in links {
            let key = graph.key(parent, &foreign.parent_columns);
            graph.links.push(Link {
                child,
                columns: foreign.columns.clone(),
                parent,
                key,
                policy: graph.edge(child, &foreign.policy_key(), parent),
                up: Up::Null,
                nullable: Vec::new(),
            });
        }
        for (child, reference, parent) in pointers {
            let key = graph.key(parent, std::slice::from_ref(&reference.key));
            graph.references.push(Pointer {
                child,
                policy: reference,
                parent,
                key,
            });
        }
        graph.set_extents();
        graph.set_up()?;
        graph.order = super::order::groups(&graph.needs());
        Ok(graph)
    }

    /// For each table, those on whose own rows its own depend.
    fn needs(&self) -> Vec<Vec<usize>> {
        let mut needs = vec![Vec::new(); self.nodes.len()];
        let owners = |link: &&Link| matches!(link.policy, Edge::Own | Edge::Require);
        for link in self.links.iter().filter(owners) {
            needs[link.child].push(link.parent);
        }
        let dropping = |pointer: &&Pointer| pointer.policy.drops();
        for pointer in self.references.iter().filter(dropping) {
            needs[pointer.child].push(pointer.parent);
        }
        for at in (0..needs.len()).filter(|at| !self.follows_edges(*at)) {
            needs[at].clear();
        }
        needs
    }

    /// Foreign keys of the table.
    pub fn links_of(&self, child: usize) -> impl Iterator<Item = (usize, &Link)> {
        let links = self.links.iter().enumerate();
        links.filter(move |(_, link)| link.child == child)
    }

    /// References without foreign key of the table.
    pub fn references_of(&self, child: usize) -> impl Iterator<Item = &Pointer<'a>> {
        let references = self.references.iter();
        references.filter(move |pointer| pointer.child == child)
    }

    /// The key that a foreign key refers to.
    pub fn key_of(&self, link: &Link) -> &Key {
        &self.nodes[link.parent].keys[link.key]
    }

    /// No row of any table, by their identity.
    pub fn no_rows(&self) -> Vec<Keys> {
        self.nodes.iter().map(|node| node.keys[0].none()).collect()
    }

    /// True where the table's own rows are those that edges bring down; the others (the root,
    /// tables that come whole) have them from elsewhere.
    pub fn follows_edges(&self, node: usize) -> bool {
        node != self.root && self.nodes[node].policy.rows == Rows::Sampled
    }

    /// The place of the parent's key over these columns, which is added where it is new.
    fn key(&mut self, parent: usize, columns: &[String]) -> usize {
        let node = &mut self.nodes[parent];
        let key = Key::of(node.table, columns);
        if let Some(at) = node.keys.iter().position(|known| *known == key) {
            return at;
        }
        node.keys.push(key);
        node.keys.len() - 1
    }

    /// What the policy says of an edge; an edge to a table that comes whole may be left out.
    fn edge(&self, child: usize, columns: &str, parent: usize) -> Edge {
        let said = self.nodes[child].policy.edges.get(columns).copied();
        said.unwrap_or(match self.nodes[parent].policy.rows {
            Rows::All => Edge::Include,
            Rows::Sampled | Rows::None => Edge::Null,
        })
    }

    fn set_extents(&mut self) {
        for at in 0..self.nodes.len() {
            let is_referred_to = self.links.iter().any(|link| link.parent == at)
                || self.references.iter().any(|pointer| pointer.parent == at);
            let node = &mut self.nodes[at];
            node.extent = match node.policy.rows {
                Rows::None => Extent::Empty,
                Rows::All if node.policy.condition.is_none() && node.policy.cap.is_none() => {
                    Extent::Complete
                }
                _ if is_referred_to || at == self.root || node.policy.cap.is_some() => Extent::Held,
                _ => Extent::Leaf,
            };
        }
    }

    fn set_up(&mut self) -> Result<()> {
        for at in 0..self.links.len() {
            let nullable = self.nullable(&self.links[at]);
            let link = &self.links[at];
            let (child, parent) = (&self.nodes[link.child], &self.nodes[link.parent]);
            let cannot = |why: &str| {
                Failure::input(format!(
                    "cannot sample {}: its {} refers to {} and can not be null, but {why}",
                    child.table.name,
                    link.columns.join(", "),
                    parent.table.name
                ))
            };
            let is_nulled =
                |name: &String| child.policy.columns.get(name) == Some(&Transform::Null);
            let becomes_null = link.columns.iter().any(is_nulled);
            let up = match link.policy {
                _ if becomes_null && !nullable.is_empty() => Up::Null,
                _ if parent.extent == Extent::Empty => Up::Null,
                Edge::Include => Up::Include,
                Edge::Stub => Up::Stub,
                Edge::Null => Up::Null,
                Edge::Own | Edge::Require if !nullable.is_empty() => Up::Null,
                Edge::Own | Edge::Require if parent.policy.stub.is_some() => Up::Stub,
                Edge::Own | Edge::Require => Up::Include,
            };
            if up == Up::Null && nullable.is_empty() && child.extent != Extent::Empty {
                return Err(if parent.extent == Extent::Empty {
                    cannot("the policy leaves that table empty").hint(format!(
                        "say \"rows\": \"none\" for {} as well",
                        child.table.name
                    ))
                } else {
                    cannot("the policy's edge says null").hint("say include, stub or require")
                });
            }
            let link = &mut self.links[at];
            link.up = up;
            link.nullable = nullable;
        }
        Ok(())
    }

    /// The columns of the link that can become null without breaking a key.
    fn nullable(&self, link: &Link) -> Vec<String> {
        let node = &self.nodes[link.child];
        let in_a_key = |name: &String| node.keys.iter().any(|key| key.columns.contains(name));
        let is_nullable = |name: &String| node.table.column(name).is_some_and(|c| c.is_nullable);
        let mut columns = link.columns.clone();
        columns.retain(|name| is_nullable(name) && !in_a_key(name));
        columns
    }
}

fn nodes<'a>(catalog: &'a Catalog, policy: &'a Policy) -> Result<Vec<Node<'a>>> {
    let mut nodes = Vec::new();
    for table in catalog.tables.values() {
        let name = table.name.to_string();
        let policy = policy.tables.get(&name).ok_or_else(|| {
            Failure::input(format!(
                "cannot sample {name}: the policy does not say what to do with it"
            ))
            .hint("run mkx-sample policy check")
        })?;
        nodes.push(Node {
            table,
            policy,
            keys: vec![Key::of(table, &identity(table))],
            extent: Extent::Leaf,
        });
    }
    Ok(nodes)
}

/// The columns that tell rows apart: the primary key, else a unique key without nulls, else where
/// the row lies, which does not change within a snapshot.
fn identity(table: &Table) -> Vec<String> {
    let is_filled = |name: &String| table.column(name).is_some_and(|column| !column.is_nullable);
    let mut unique_keys = table.unique_keys.iter();
    if !table.primary_key.is_empty() {
        table.primary_key.clone()
    } else if let Some(key) = unique_keys.find(|key| key.iter().all(is_filled)) {
        key.clone()
    } else {
        vec!["tableoid".into(), "ctid".into()]
    }
}
