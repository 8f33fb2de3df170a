//! The rows that come, table by table, as sets of keys.

use super::graph::{Extent, Graph};
use super::keys::Keys;
use crate::sql;

/// The same rows by each key of their table; the first is their identity.
pub type Batch = Vec<Keys>;

/// Rows of one table; only what the graph says must be held.
#[derive(Debug, Clone)]
pub struct Rows {
    /// They come along with an owner, or were chosen, and bring what they own.
    pub owned: Batch,
    /// They come whole because something needs them, and bring nothing that they own.
    pub extra: Batch,
    /// They come as stubs.
    pub stubs: Batch,
}

/// Which of a table's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that bring what they own.
    Owned,
    /// Those that come whole.
    Whole,
    /// All that come.
    Any,
    /// All that the source has.
    Source,
}

/// Rows of every table.
pub struct Sets {
    /// In the order of the graph's nodes.
    pub rows: Vec<Rows>,
    /// For each link, the parents that rows ask for which came whole.
    pub wanted: Vec<Keys>,
}

impl Sets {
    /// Nothing yet.
    pub fn new(graph: &Graph) -> Sets {
        let rows = graph.nodes.iter().map(|node| Rows {
            owned: node.none(),
            extra: node.none(),
            stubs: node.none(),
        });
        Sets {
            rows: rows.collect(),
            wanted: nothing_wanted(graph),
        }
    }

    /// The keys of some rows of a table.
    pub fn keys(&self, node: usize, key: usize, which: Which) -> Keys {
        let rows = &self.rows[node];
        match which {
            Which::Owned => rows.owned[key].clone(),
            Which::Whole => rows.owned[key].union(&rows.extra[key]),
            Which::Any | Which::Source => rows.owned[key]
                .union(&rows.extra[key])
                .union(&rows.stubs[key]),
        }
    }

    /// SQL: a row of the table with these key values is among them. `values` are known to be in
    /// the table (a foreign key); null gives null or false.
    pub fn contains(
        &self,
        graph: &Graph,
        (node, key): (usize, usize),
        which: Which,
        values: &[String],
    ) -> String {
        match graph.nodes[node].extent {
            Extent::Empty => "FALSE".into(),
            Extent::Complete => {
                let filled = values.iter().map(|value| format!("{value} IS NOT NULL"));
                format!("({})", sql::all(filled))
            }
            Extent::Held | Extent::Leaf => {
                graph.nodes[node].keys[key].contains(&self.keys(node, key, which), values)
            }
        }
    }
}

impl Rows {
    /// Those of a batch that do not come whole yet.
    pub fn not_whole(&self, batch: &Batch) -> Batch {
        without(&without(batch, &self.owned), &self.extra)
    }
}

/// For each link, no parents.
pub fn nothing_wanted(graph: &Graph) -> Vec<Keys> {
    let links = graph.links.iter();
    links.map(|link| graph.key_of(link).none()).collect()
}

/// Adds rows to rows.
pub fn add(batch: &mut Batch, more: &Batch) {
    for (keys, more) in batch.iter_mut().zip(more) {
        keys.add(more);
    }
}

/// Rows without rows.
pub fn without(batch: &Batch, other: &Batch) -> Batch {
    let pairs = batch.iter().zip(other);
    pairs.map(|(keys, other)| keys.without(other)).collect()
}
