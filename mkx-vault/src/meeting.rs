//! Whether two directories lead to the same file, by looking at all that is in them: what can be
//! known where the kernel does not tell what is mounted where. A bare chroot is such a place: the
//! mount that its root lies in is not in its `/proc/self/mountinfo`, if there is a `/proc` at all.

use std::collections::HashSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use mkx_contract::tool::interrupt;
use mkx_contract::{Failure, Result};
use walkdir::WalkDir;

/// True where something of `production` is reached through `target` too. Neither lies in the other
/// by its path, so a mount leads there.
///
/// # Errors
/// Exit 5 where not all of both can be looked at: what can not be checked is not written to.
pub fn meet(production: &Path, target: &Path) -> Result<bool> {
    let in_target = inodes(target).collect::<Result<HashSet<_>>>()?;
    for inode in inodes(production) {
        if in_target.contains(&inode?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Device and inode of each directory, mounted ones too, and of each file.
fn inodes(root: &Path) -> impl Iterator<Item = Result<(u64, u64)>> {
    WalkDir::new(root).into_iter().filter_map(move |entry| {
        if let Err(interrupted) = interrupt::check() {
            return Some(Err(interrupted));
        }
        match entry.and_then(|entry| entry.metadata()) {
            Ok(found) => needs_a_mount(&found).then_some(Ok((found.dev(), found.ino()))),
            Err(error) if is_gone(&error) => None,
            Err(error) => Some(Err(Failure::refused(format!(
                "cannot tell what {} shares with the other vault: {error}",
                root.display()
            )))),
        }
    })
}

/// A file of several names (hard links) may be in both without one. It is told when it is copied.
fn needs_a_mount(found: &Metadata) -> bool {
    found.is_dir() || found.nlink() == 1
}

/// Production removes files while we look.
fn is_gone(error: &walkdir::Error) -> bool {
    let kind = error.io_error().map(std::io::Error::kind);
    error.depth() > 0 && kind == Some(std::io::ErrorKind::NotFound)
}
