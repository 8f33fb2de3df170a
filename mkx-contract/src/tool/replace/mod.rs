//! Replacing files: a reader sees the old bytes or the new ones, whatever kills the process, and
//! what was written is still there after a power cut.

mod pair;

use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io::{ErrorKind, Result, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

pub use pair::{Pair, pair};

/// Readable by everyone: certificates, lists, configuration.
pub const PUBLIC: u32 = 0o644;
/// Readable by the owner only: keys, passwords, what runs keep for themselves.
pub const PRIVATE: u32 = 0o600;

/// How the names of files begin that are not yet in their place.
const UNFINISHED: &str = ".mkx-";

/// Puts a file into its place, over the one that is there. It belongs to whom the former one
/// belonged, else to whom the folder belongs; the folder is made where there is none.
///
/// # Errors
/// The kernel's own; the former file is as it was.
pub fn file(path: &Path, bytes: impl AsRef<[u8]>, mode: u32) -> Result<()> {
    put(path, bytes.as_ref(), mode, true)
}

/// Puts a file into its place, where there is none.
///
/// # Errors
/// As [`file`]; [`ErrorKind::AlreadyExists`] where there is one.
pub fn new_file(path: &Path, bytes: impl AsRef<[u8]>, mode: u32) -> Result<()> {
    put(path, bytes.as_ref(), mode, false)
}

/// Keeps a copy of a file beside it, as `NAME.TIME.bak`, and says where.
///
/// # Errors
/// The kernel's own.
pub fn back_up(path: &Path) -> Result<PathBuf> {
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%S%.fZ");
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{now}.bak"));
    let backup = path.with_file_name(name);
    let mode = path.metadata()?.permissions().mode() & 0o7777;
    new_file(&backup, fs::read(path)?, mode)?;
    Ok(backup)
}

/// Removes a file, durably; one that is not there is gone already.
///
/// # Errors
/// The kernel's own.
pub fn remove(path: &Path) -> Result<()> {
    remove_if_there(path)?;
    File::open(folder_of(path))?.sync_all()
}

fn put(path: &Path, bytes: &[u8], mode: u32, replaces: bool) -> Result<()> {
    let folder = folder_of(path);
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(folder)?;
    let mut new = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)?;
    new.write_all(bytes)?;
    // The mode that was asked for, and not what the umask leaves of it.
    new.as_file()
        .set_permissions(Permissions::from_mode(mode))?;
    like(new.as_file(), &owner_of(path, folder)?);
    new.as_file().sync_all()?;
    if replaces {
        new.persist(path).map_err(|error| error.error)?;
    } else {
        new.persist_noclobber(path).map_err(|error| error.error)?;
    }
    File::open(folder)?.sync_all()
}

/// Removes what runs that died have left of their unfinished files; the caller holds the lock
/// under which the folder is written.
///
/// # Errors
/// The kernel's own.
pub fn sweep(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_ours = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(UNFINISHED.as_bytes());
        if is_ours && !entry.file_type()?.is_dir() {
            remove_if_there(&entry.path())?;
        }
    }
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn owner_of(path: &Path, folder: &Path) -> Result<Metadata> {
    path.metadata().or_else(|_| folder.metadata())
}

/// Run by root on somebody else's files, they stay theirs; others can not give files away.
fn like(file: &File, model: &Metadata) {
    let _ = std::os::unix::fs::fchown(file, Some(model.uid()), Some(model.gid()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_takes_the_place_of_the_former_one_with_the_mode_that_was_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/acl");
        file(&path, "one", PUBLIC).unwrap();
        file(&path, "two", PRIVATE).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(path.metadata().unwrap().mode() & 0o777, PRIVATE);
        let refused = new_file(&path, "three", PUBLIC).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_backup_has_the_bytes_and_the_mode_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        file(&path, "SECRET=1", PRIVATE).unwrap();
        let backup = back_up(&path).unwrap();
        assert_eq!(fs::read(&backup).unwrap(), b"SECRET=1");
        assert_eq!(backup.metadata().unwrap().mode() & 0o777, PRIVATE);
    }
}
