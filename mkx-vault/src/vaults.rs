//! Which directories are EA's and EB's vault, and the proof that EB's may be written to.

use std::path::{Path, PathBuf};

use crate::guard::{check_target, real_directory};
use clap::Args;
use mkx_contract::{Environment, Result, Site};

use crate::tree::{Mounts, Root};

/// The options that name the two vaults.
#[derive(Debug, Clone, Args)]
pub struct Directories {
    /// The vault to read [default: environments.ea.vault.path of the site]
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,

    /// The vault to write [default: environments.eb.vault.path of the site]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

impl Directories {
    fn paths<'a>(&'a self, site: &'a Site) -> Result<(&'a Path, &'a Path)> {
        let or_sites = |given: &'a Option<PathBuf>, environment: &'a Environment| match given {
            Some(path) => Ok(path.as_path()),
            None => environment.vault().map(|vault| vault.path.as_path()),
        };
        Ok((
            or_sites(&self.from, &site.environments.ea)?,
            or_sites(&self.to, &site.environments.eb)?,
        ))
    }

    /// Opens both for a look: nothing is proven about them, so nothing may be written.
    pub fn open_to_read(&self, site: &Site) -> Result<(Root, Root)> {
        let (from, to) = self.paths(site)?;
        Ok((
            Root::open(&real_directory(from)?, Mounts::Cross)?,
            Root::open(&real_directory(to)?, Mounts::Cross)?,
        ))
    }
}

/// Both vaults, open.
pub struct Vaults {
    /// Only ever read.
    pub source: Root,
    /// Proven not to be production's.
    pub target: Root,
}

impl Vaults {
    /// Opens both.
    ///
    /// # Errors
    /// Exit 5 where the target is, holds or lies in the site's production vault or the source;
    /// exit 3 where a directory does not exist.
    pub fn open(site: &Site, directories: &Directories) -> Result<Vaults> {
        let (from, to) = directories.paths(site)?;
        // --from may name another copy of production's files, but never excuses production.
        if let Some(production) = &site.environments.ea.vault {
            check_target(&production.path, to)?;
        }
        let target = check_target(from, to)?;
        Ok(Vaults {
            source: Root::open(&real_directory(from)?, Mounts::Cross)?,
            target: Root::open(&target, Mounts::Refuse)?,
        })
    }
}
