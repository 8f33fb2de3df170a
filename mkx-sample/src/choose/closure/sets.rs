//! The rows that come, table by table, as sets of keys.

use super::graph::{Extent, Graph};
use super::keys::Keys;

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
        let rows = graph.nodes.iter().map(|node| {
            let none: Batch = node.keys.iter().map(super::keys::Key::none).collect();
            Rows {
                owned: none.clone(),
                extra: none.clone(),
                stubs: none,
            }
        });
        let wanted = graph
            .links
            .iter()
            .map(|link| graph.nodes[link.parent].keys[link.key].none());
        Sets {
            rows: rows.collect(),
            wanted: wanted.collect(),
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
                let filled: Vec<_> = values.iter().map(|v| format!("{v} IS NOT NULL")).collect();
                format!("({})", filled.join(" AND "))
            }
            Extent::Held | Extent::Leaf => {
                graph.nodes[node].keys[key].contains(&self.keys(node, key, which), values)
            }
        }
    }
}

/// Adds rows to rows.
pub fn add(batch: &mut Batch, more: &Batch) {
    for (keys, more) in batch.iter_mut().zip(more) {
        keys.add(more);
    }
}

/// Rows without rows.
pub fn without(batch: &Batch, other: &Batch) -> Batch {
    batch
        .iter()
        .zip(other)
        .map(|(keys, other)| keys.without(other))
        .collect()
}
