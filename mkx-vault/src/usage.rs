//! `mkx-vault usage`: what lies in both vaults, by kind, and what is free.

use std::collections::BTreeMap;

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::output;
use mkx_contract::{Answer, EnvironmentName, Record, Result};
use rustix::fs::FileType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::asset::Kinds;
use crate::survey::free_space;
use crate::tree::{self, Root};
use crate::vaults::Directories;

/// What `usage` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    directories: Directories,
}

/// What lies in both vaults.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// Production's.
    pub ea: Vault,
    /// Development's.
    pub eb: Vault,
}

impl Record for Usage {
    const RECORD: &'static str = "mkx.vault.usage/1";
}

/// What lies in one vault.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Vault {
    /// Its directory.
    pub path: String,
    /// Everything in it.
    pub total: Amount,
    /// The same by kind; a kind that does not occur is left out.
    pub classes: BTreeMap<String, Amount>,
    /// What is free in its file system.
    pub free_bytes: u64,
    /// The size of its file system.
    pub capacity_bytes: u64,
}

/// How much.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Amount {
    /// Files.
    pub files: u64,
    /// Their contents.
    pub size_bytes: u64,
    /// What they take on the disk.
    pub allocated_bytes: u64,
}

impl Amount {
    fn add(&mut self, stat: &rustix::fs::Stat) {
        self.files += 1;
        self.size_bytes += stat.st_size as u64;
        // A block of stat(2) has 512 bytes, whatever the file system's have.
        self.allocated_bytes += stat.st_blocks as u64 * 512;
    }
}

/// `mkx-vault usage`.
pub fn usage(common: &Common, arguments: &Arguments) -> Result<Answer> {
    let site = arguments.directories.site(common)?;
    let (ea, eb) = arguments.directories.open_to_read(site.as_ref())?;
    let usage = Usage {
        ea: measure(&ea, &Kinds::of(site.as_ref(), EnvironmentName::Ea)?)?,
        eb: measure(&eb, &Kinds::of(site.as_ref(), EnvironmentName::Eb)?)?,
    };
    output::stdout().document(&usage)?;
    Ok(Answer::Yes)
}

fn measure(root: &Root, kinds: &Kinds<'_>) -> Result<Vault> {
    let mut total = Amount::default();
    let mut classes: BTreeMap<String, Amount> = BTreeMap::new();
    tree::walk(root, &mut |folder, item| {
        if item.kind != FileType::Directory {
            let stat = tree::stat(folder, item.name)?;
            total.add(&stat);
            let class = kinds.class(item.path).to_owned();
            classes.entry(class).or_default().add(&stat);
        }
        Ok(())
    })?;
    let space = free_space(root)?;
    Ok(Vault {
        path: root.path.display().to_string(),
        total,
        classes,
        free_bytes: space.bytes,
        capacity_bytes: space.total_bytes,
    })
}
