//! Writing a file without losing the one that is there.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mkx_contract::{Failure, Record, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was written, and where the former files are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Files {
    /// In the order of writing.
    pub files: Vec<File>,
}

impl Record for Files {
    const RECORD: &'static str = "mkx.compose.files/1";
}

/// One file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    /// False where it held these bytes already.
    pub written: bool,
    /// Where the former content is; null where there was none.
    pub backup: Option<PathBuf>,
}

/// Writes `text` to `path` whole or not at all. What is there is kept beside it, as
/// `NAME.TIME.bak`; a file that holds these bytes already is left alone.
///
/// # Errors
/// Exit 5 where another content is there and `force` is false; exit 4 for the disk.
pub fn write(path: &Path, text: &str, mode: u32, force: bool) -> Result<File> {
    let cannot = |error: &dyn std::fmt::Display| {
        Failure::peer(format!("cannot write {}: {error}", path.display()))
    };
    let former = match std::fs::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(cannot(&error)),
    };
    if former.as_deref() == Some(text.as_bytes()) {
        return Ok(File {
            path: path.into(),
            written: false,
            backup: None,
        });
    }
    check(path, text, force)?;
    let backup = match former {
        Some(_) => Some(back_up(path).map_err(|error| cannot(&error))?),
        None => None,
    };
    put(path, text, mode, backup.is_some()).map_err(|error| cannot(&error))?;
    Ok(File {
        path: path.into(),
        written: true,
        backup,
    })
}

/// Passes where [`write`] would: several files are checked before the first is written.
///
/// # Errors
/// Exit 5 where another content is there and `force` is false.
pub fn check(path: &Path, text: &str, force: bool) -> Result<()> {
    match std::fs::read(path) {
        Ok(bytes) if bytes != text.as_bytes() && !force => Err(Failure::refused(format!(
            "cannot write {}: it is there already",
            path.display()
        ))
        .hint("add --force to replace it; the present one is kept beside it")),
        _ => Ok(()),
    }
}

/// Writes a file that the tool makes anew at each run and nobody edits, mode 0600.
///
/// # Errors
/// Exit 4 for the disk.
pub fn generate(path: &Path, text: &str) -> Result<()> {
    put(path, text, 0o600, true)
        .map_err(|error| Failure::peer(format!("cannot write {}: {error}", path.display())))
}

fn put(path: &Path, text: &str, mode: u32, replaces: bool) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file()
        .set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    if replaces {
        file.persist(path)?;
    } else {
        file.persist_noclobber(path)?;
    }
    std::fs::File::open(folder)?.sync_all()
}

fn back_up(path: &Path) -> std::io::Result<PathBuf> {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.fZ");
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{now}.bak"));
    let backup = path.with_file_name(name);
    std::fs::copy(path, &backup)?;
    std::fs::File::open(&backup)?.sync_all()?;
    Ok(backup)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_refused_then_kept_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.json");
        assert!(write(&path, "one", 0o644, false).unwrap().written);
        assert!(!write(&path, "one", 0o644, false).unwrap().written);
        let refused = write(&path, "two", 0o644, false).unwrap_err();
        assert_eq!(refused.kind.exit_code(), 5);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one");
        let file = write(&path, "two", 0o600, true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(
            std::fs::read_to_string(file.backup.unwrap()).unwrap(),
            "one"
        );
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
