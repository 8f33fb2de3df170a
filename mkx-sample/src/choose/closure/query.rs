//! Asking the source for keys and counts.

use mkx_contract::tool::interrupt;
use mkx_contract::{Failure, Result};
use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Row};

use super::graph::Node;
use super::keys::{Key, Keys};
use super::sets::Batch;
use crate::database::endpoint::cause;
use crate::sql;

/// A session on the source.
pub struct Session<'c> {
    /// In the snapshot.
    pub client: &'c mut Client,
}

impl Session<'_> {
    /// Hands each row to `take`, one at a time.
    ///
    /// # Errors
    /// Exit 3 where the policy's SQL is wrong, exit 4 where the server fails.
    pub fn each(&mut self, node: &Node, sql: &str, mut take: impl FnMut(&Row)) -> Result<()> {
        interrupt::check()?;
        let cannot = |error: postgres::Error| cannot(node, &error);
        let none: [i32; 0] = [];
        let mut rows = self.client.query_raw(sql, none).map_err(cannot)?;
        while let Some(row) = rows.next().map_err(cannot)? {
            take(&row);
        }
        Ok(())
    }

    /// The keys of the rows that `tail` (FROM and WHERE) gives.
    ///
    /// # Errors
    /// As [`Session::each`].
    pub fn rows(&mut self, node: &Node, tail: &str) -> Result<Batch> {
        let columns = sql::list(node.keys.iter().map(Key::select));
        let mut batch = node.none();
        self.each(node, &format!("SELECT {columns} {tail}"), |row| {
            for (at, keys) in batch.iter_mut().enumerate() {
                keys.push(row, at);
            }
        })?;
        batch.iter_mut().for_each(Keys::settle);
        Ok(batch)
    }
}

/// Wrong SQL (classes 22 and 42 of SQLSTATE) is the policy's, for all other SQL is ours and tested.
fn cannot(node: &Node, error: &postgres::Error) -> Failure {
    let name = &node.table.name;
    let message = format!("cannot find the rows of {name}: {}", cause(error));
    match error.code().map(|code| &code.code()[..2]) {
        Some("22" | "42") => Failure::input(message)
            .hint(format!("look at the SQL under tables.{name} in the policy")),
        _ => Failure::peer(message),
    }
}
