//! The files that a user edits afterwards: one that is there is replaced only where that is asked
//! for, and kept beside the new one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mkx_contract::tool::replace;
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

/// Writes `text` to `path`. What is there is kept beside it, as `NAME.TIME.bak`; a file that
/// holds these bytes already is left alone.
///
/// # Errors
/// As [`check`]; exit 4 for the disk.
pub fn write(path: &Path, text: &str, mode: u32, force: bool) -> Result<File> {
    let cannot = |error| Failure::peer(format!("cannot write {}: {error}", path.display()));
    let (written, backup) = match check(path, text, force)? {
        Present::Nothing => {
            replace::new_file(path, text, mode).map_err(cannot)?;
            (true, None)
        }
        Present::Same => (false, None),
        Present::Other => {
            let backup = replace::back_up(path).map_err(cannot)?;
            replace::file(path, text, mode).map_err(cannot)?;
            (true, Some(backup))
        }
    };
    Ok(File {
        path: path.into(),
        written,
        backup,
    })
}

/// What is in a file's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Present {
    /// No file.
    Nothing,
    /// These bytes.
    Same,
    /// Others.
    Other,
}

/// Passes where [`write`] would: several files are checked before the first is written.
///
/// # Errors
/// Exit 5 where another content is there and `force` is false; exit 4 where it can not be read.
pub fn check(path: &Path, text: &str, force: bool) -> Result<Present> {
    match std::fs::read(path) {
        Ok(bytes) if bytes == text.as_bytes() => Ok(Present::Same),
        Ok(_) if force => Ok(Present::Other),
        Ok(_) => Err(Failure::refused(format!(
            "cannot write {}: it is there already",
            path.display()
        ))
        .hint("add --force to replace it; the present one is kept beside it")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Present::Nothing),
        Err(error) => Err(Failure::peer(format!(
            "cannot read {}: {error}",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

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
