//! The note that a run has begun to write, and the repair of one that died.

use std::path::PathBuf;

use mkx_contract::tool::replace;
use mkx_contract::{Failure, Result};

use crate::temporary;
use crate::tree::Root;
use crate::vaults::Vaults;

/// A file in the state directory that says: temporary files may lie in this vault. It is there
/// from before the first is made until the last is gone.
pub struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    /// The mark of one vault.
    pub fn of(vaults: &Vaults) -> Result<Unfinished> {
        let target = &vaults.target;
        let stat = rustix::fs::fstat(target.fd()).map_err(|error| {
            let error = std::io::Error::from(error);
            Failure::peer(format!("cannot read {}: {error}", target.path.display()))
        })?;
        let name = format!("vault-{:x}-{:x}.unfinished", stat.st_dev, stat.st_ino);
        Ok(Unfinished {
            path: vaults.state_directory.join(name),
        })
    }

    /// Removes the temporary files of a run that died, where one did.
    pub fn repair(&self, target: &Root) -> Result<u64> {
        if !self.path.exists() {
            return Ok(0);
        }
        let removed = temporary::sweep(target)?;
        self.clear()?;
        Ok(removed)
    }

    /// Sets the mark, durably.
    pub fn set(&self) -> Result<()> {
        let made = replace::file(&self.path, "", replace::PRIVATE);
        made.map_err(|error| self.cannot("make", &error))
    }

    /// Removes the mark.
    pub fn clear(&self) -> Result<()> {
        let removed = replace::remove(&self.path);
        removed.map_err(|error| self.cannot("remove", &error))
    }

    fn cannot(&self, verb: &str, error: &std::io::Error) -> Failure {
        Failure::peer(format!("cannot {verb} {}: {error}", self.path.display()))
    }
}
