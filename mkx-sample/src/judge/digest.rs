//! Keyed digests, computed by the servers; only they cross from EA to EB.

use mkx_contract::tool::interrupt;
use mkx_contract::{Failure, Result};

use super::{Judge, refused};

/// Values shorter than this are equal by chance.
pub const SHORTEST: usize = 6;

impl Judge<'_> {
    /// The digest of an SQL text expression; null for null.
    pub(super) fn digest(&self, text: &str) -> String {
        format!(
            "hashtextextended(({text})::text COLLATE \"C\", {})",
            self.seed
        )
    }

    /// The digest of an SQL text expression; one and the same for all that is too short to tell.
    pub(super) fn telling_digest(&self, text: &str) -> String {
        self.digest(&format!(
            "CASE WHEN length(({text})::text) < {SHORTEST} THEN '' ELSE ({text})::text END"
        ))
    }

    /// Puts the rows of a query over EA into a temporary table of EB's session. They only pass
    /// through: the two servers speak the same binary format.
    pub(super) fn transfer(&mut self, select: &str, table: &str) -> Result<()> {
        interrupt::check()?;
        let mut from = self
            .source
            .client
            .copy_out(&format!("COPY ({select}) TO STDOUT (FORMAT binary)"))
            .map_err(|error| refused("EA", &error))?;
        let mut to = self
            .target
            .copy_in(&format!("COPY {table} FROM STDIN (FORMAT binary)"))
            .map_err(|error| refused("EB", &error))?;
        std::io::copy(&mut from, &mut to).map_err(|error| {
            Failure::peer(format!(
                "cannot verify the sample: a server broke off: {error}"
            ))
        })?;
        to.finish().map_err(|error| refused("EB", &error))?;
        Ok(())
    }
}
