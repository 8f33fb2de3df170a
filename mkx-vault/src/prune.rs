//! `mkx-vault prune`: removes from EB's vault what the manifest does not name, and leaves alone
//! what it does not recognise.

use std::path::PathBuf;

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::{interrupt, output};
use mkx_contract::{Answer, EnvironmentName, Failure, Record, Result};
use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::asset::Kinds;
use crate::fault::first;
use crate::manifest::Manifest;
use crate::temporary;
use crate::tree::{self, Root};
use crate::unfinished::Unfinished;
use crate::vaults::{Directories, Vaults};

/// What `prune` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The manifest; `-` is stdin
    #[arg(default_value = "-", value_name = "MANIFEST")]
    manifest: PathBuf,

    #[command(flatten)]
    directories: Directories,

    /// Remove also more than half of the files
    #[arg(long)]
    force: bool,

    /// Say what would be removed, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// What `prune` did, or would do.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pruning {
    /// True where nothing was changed.
    pub dry_run: bool,
    /// EB's vault.
    pub to: String,
    /// Files that a manifest could name.
    pub recognised: u64,
    /// Those that the manifest names.
    pub kept: u64,
    /// Those that were removed (with --dry-run: would be).
    pub removed: u64,
    /// Their size.
    pub bytes_removed: u64,
    /// Their paths.
    pub paths: Vec<String>,
    /// Everything else, which was left alone.
    pub unrecognised: u64,
    /// Folders that had become empty, removed.
    pub folders_removed: u64,
    /// Unfinished files of a run that died, removed.
    pub leftovers_removed: u64,
}

impl Record for Pruning {
    const RECORD: &'static str = "mkx.vault.pruning/1";
}

/// `mkx-vault prune`.
pub fn prune(common: &Common, arguments: &Arguments) -> Result<Answer> {
    let (site, manifest) =
        Manifest::read_with_site(common, &arguments.directories, &arguments.manifest)?;
    if let Some(message) = first(&manifest.refused, "prune by") {
        return Err(Failure::input(message));
    }
    let vaults = Vaults::open(site.as_ref(), &arguments.directories)?;
    let kinds = Kinds::of(site.as_ref(), EnvironmentName::Eb)?;
    let pruning = if arguments.dry_run {
        vaults.check_writable()?;
        let found = look(&vaults.target, &manifest, &kinds)?;
        check_share(&found, arguments.force)?;
        found
    } else {
        change(&vaults, &manifest, &kinds, arguments.force)?
    };
    output::stdout().document(&pruning)?;
    Ok(Answer::Yes)
}

fn change(vaults: &Vaults, manifest: &Manifest, kinds: &Kinds<'_>, force: bool) -> Result<Pruning> {
    let detail = json!({ "to": vaults.target.path, "files": manifest.len() });
    let (pruning, result) = vaults.step("mkx-vault prune", detail, || {
        let mut pruning = look(&vaults.target, manifest, kinds)?;
        check_share(&pruning, force)?;
        pruning.dry_run = false;
        let result = remove_all(vaults, &mut pruning);
        let detail = json!({ "removed": pruning.removed, "bytes_removed": pruning.bytes_removed });
        Ok((pruning, detail, result))
    })?;
    result?;
    Ok(pruning)
}

/// Looks at everything and removes nothing.
fn look(target: &Root, manifest: &Manifest, kinds: &Kinds<'_>) -> Result<Pruning> {
    let mut found = Pruning {
        dry_run: true,
        to: target.path.display().to_string(),
        ..Pruning::default()
    };
    tree::walk(target, &mut |folder, item| {
        match item.kind {
            FileType::Directory => {}
            FileType::RegularFile if kinds.is_sampled(item.path) => {
                found.recognised += 1;
                if manifest.names(item.path) {
                    found.kept += 1;
                } else {
                    found.removed += 1;
                    found.bytes_removed += tree::stat(folder, item.name)?.st_size as u64;
                    found.paths.push(item.path.to_owned());
                }
            }
            FileType::RegularFile if temporary::is_ours(item.name) => {}
            _ => found.unrecognised += 1,
        }
        Ok(())
    })?;
    interrupt::check()?;
    found.paths.sort();
    Ok(found)
}

/// A manifest that names little is more often the wrong one.
fn check_share(found: &Pruning, force: bool) -> Result<()> {
    if force || found.removed * 2 <= found.recognised {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "cannot prune {}: {} of {} files would go, more than half",
        found.to, found.removed, found.recognised
    ))
    .hint("look at them with --dry-run --force; remove them with --force"))
}

fn remove_all(vaults: &Vaults, pruning: &mut Pruning) -> Result<()> {
    let target = &vaults.target;
    let wanted = std::mem::take(&mut pruning.paths);
    (pruning.removed, pruning.folders_removed) = (0, 0);
    for path in wanted {
        interrupt::check()?;
        if remove(target, &path)? {
            pruning.removed += 1;
            pruning.folders_removed += remove_empty_folders(target, &path);
            pruning.paths.push(path);
        }
    }
    pruning.leftovers_removed = temporary::sweep(target)?;
    Unfinished::of(vaults)?.clear()
}

/// Removes one file; false where it had gone already.
fn remove(target: &Root, path: &str) -> Result<bool> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let removed = target
        .folder(folder)
        .and_then(|folder| rustix::fs::unlinkat(folder, name, AtFlags::empty()));
    match removed {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => {
            let (path, error) = (target.path.join(path), std::io::Error::from(error));
            Err(Failure::peer(format!(
                "cannot remove {}: {error}",
                path.display()
            )))
        }
    }
}

/// Removes the folders above a removed file, as far as they are empty.
fn remove_empty_folders(target: &Root, path: &str) -> u64 {
    let mut removed = 0;
    let mut rest = path;
    while let Some((folder, _)) = rest.rsplit_once('/') {
        let (parent, name) = folder.rsplit_once('/').unwrap_or(("", folder));
        let parent = target.folder(parent);
        let gone = parent.and_then(|fd| rustix::fs::unlinkat(fd, name, AtFlags::REMOVEDIR));
        if gone.is_err() {
            break;
        }
        removed += 1;
        rest = folder;
    }
    removed
}
