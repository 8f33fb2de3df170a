//! Which directories are EA's and EB's vault, and the proof that EB's may be written to.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use clap::Args;
use mkx_contract::record::finding::Accepted;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::step::{self, End};
use mkx_contract::{EnvironmentName, Failure, Result, Site};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde_json::Value;

use crate::guard::{check_target, real_directory};
use crate::tree::{Mounts, Root};

/// The folder in a vault that is filled without a site document: our mark, the lock and the
/// journal. No manifest may name it, and no walk enters it.
pub const MARK: &str = ".mkx-vault";

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
    /// The site document, which is not needed where both vaults are named.
    ///
    /// # Errors
    /// Exit 3 where it is needed and there is none.
    pub fn site(&self, common: &Common) -> Result<Option<Site>> {
        if self.from.is_some() && self.to.is_some() {
            return common.site_if_any();
        }
        common.site().map(Some)
    }

    fn paths<'a>(&'a self, site: Option<&'a Site>) -> Result<(&'a Path, &'a Path)> {
        let or_sites = |given: &'a Option<PathBuf>, name: EnvironmentName| match (given, site) {
            (Some(path), _) => Ok(path.as_path()),
            (None, Some(site)) => Ok(&*site.environment(name).vault()?.path),
            (None, None) => Err(Failure::usage("cannot do without --from and --to")),
        };
        Ok((
            or_sites(&self.from, EnvironmentName::Ea)?,
            or_sites(&self.to, EnvironmentName::Eb)?,
        ))
    }

    /// Opens both for a look: nothing is proven about them, so nothing may be written.
    pub fn open_to_read(&self, site: Option<&Site>) -> Result<(Root, Root)> {
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
    /// Where the lock and the journal are.
    pub state_directory: PathBuf,
    has_site: bool,
}

impl Vaults {
    /// Opens both.
    ///
    /// # Errors
    /// Exit 5 where the target is, holds or lies in the site's production vault or the source;
    /// exit 3 where a directory does not exist, or a site does not say where production's is.
    pub fn open(site: Option<&Site>, directories: &Directories) -> Result<Vaults> {
        let (from, to) = directories.paths(site)?;
        // --from may name another copy of production's files, but never excuses production.
        if let Some(site) = site {
            check_target(&site.environments.ea.vault()?.path, to)?;
        }
        let target = check_target(from, to)?;
        let own = || target.join(MARK);
        Ok(Vaults {
            source: Root::open(&real_directory(from)?, Mounts::Cross)?,
            target: Root::open(&target, Mounts::Refuse)?,
            state_directory: site.map_or_else(own, |site| site.state_directory.clone()),
            has_site: site.is_some(),
        })
    }

    /// Passes where the target may be written to: without a site document, which says that it is
    /// development's, it has to be empty or carry our mark.
    ///
    /// # Errors
    /// Exit 5 otherwise.
    pub fn check_writable(&self) -> Result<()> {
        let path = self.target.path.display();
        if self.has_site || self.target.has_folder(MARK) || self.target.is_empty()? {
            return Ok(());
        }
        Err(Failure::refused(format!(
            "cannot write to the vault {path}: it holds files, and no site document and no mark of ours says that they are development's"
        ))
        .hint(format!(
            "name an empty directory, or a site document; or, where they are development's: mkdir --mode=700 {path}/{MARK}"
        )))
    }

    /// Changes the target as one step of the journal; `work` returns its answer and what the
    /// journal says about it, with the failure that ended it, if one did.
    ///
    /// # Errors
    /// Exit 5 where it may not be written to, or another run is at work.
    pub fn step<T>(
        &self,
        name: &str,
        detail: Value,
        work: impl FnOnce() -> Result<(T, Value, Result<()>)>,
    ) -> Result<(T, Result<()>)> {
        self.check_writable()?;
        let turn = step::lock(&self.state_directory, name)?;
        let _directory = self.lock_directory()?;
        turn.run(EnvironmentName::Eb, detail, || {
            let (answer, detail, result) = work()?;
            let end = match &result {
                Ok(()) => End::Done(detail),
                Err(failure) => End::Failed(failure.clone()),
            };
            Ok(((answer, result), end))
        })
    }

    /// A run with a site and one without have different state directories: the vault itself is
    /// locked too.
    fn lock_directory(&self) -> Result<Option<OwnedFd>> {
        let Ok(directory) = self.target.listing("") else {
            return Ok(None);
        };
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(Failure::refused(format!(
                "cannot write to the vault {}: another run of mkx-vault is writing to it",
                self.target.path.display()
            ))
            .hint("wait for it to end")),
            // NFS locks no directory.
            _ => Ok(Some(directory)),
        }
    }
}

/// What the site lives with.
pub fn accepted(site: Option<&Site>) -> &[Accepted] {
    site.map_or(&[], |site| &site.accepted)
}
