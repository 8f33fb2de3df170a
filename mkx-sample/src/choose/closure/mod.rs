//! Which rows come along, and why: from the chosen root rows down to what they own, and up to what
//! everything that comes refers to.
//!
//! The semantics are written down in `docs/sampling.md`. The client holds keys only of tables that
//! something depends on; every other table is a condition in SQL. Nothing is written to the
//! source, not even a temporary table, so a standby will do.

mod condition;
mod down;
mod graph;
mod keys;
mod order;
mod query;
mod reference;
mod sets;
mod up;

pub use condition::{contains, known, owned, owners, unrequired};
pub use down::own_rows;
pub use graph::{Extent, Graph, Link, Node, Up};
pub use keys::{Key, Keys, column_of, columns_of};
pub use query::Session;
pub use reference::{applied, holds};
pub use sets::{Batch, Sets, Which, add};
pub use up::{include, pin, stubs};

/// The alias of a table's row in every query.
pub const ROW: &str = "mkx";
