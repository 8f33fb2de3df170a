//! The manifest: which files of EA's vault EB shall hold, a file a line.
//!
//! `mkx-sample files` writes it, `mkx-vault` reads it. It ends in a result record, so that a
//! truncated one shows; without it nothing is touched.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Record;

/// The longest component of a path, in bytes (NAME_MAX of Linux's file systems).
pub const COMPONENT_LIMIT_BYTES: usize = 255;
/// The longest path, in bytes (PATH_MAX of Linux).
pub const PATH_LIMIT_BYTES: usize = 4096;

/// A line of the manifest: one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct File {
    /// Relative to the vault's root: `24/07/a1b2c3d4-e5f6-7890-abcd-ef1234567890.png`.
    pub path: String,
    /// Its size, where the writer knows it.
    #[serde(default)]
    pub size_bytes: Option<u64>,
    /// Its SHA-256 in lower-case hexadecimal, where the writer knows it.
    #[serde(default)]
    pub sha256: Option<String>,
    /// True where it is no error that EA does not have it (no row says whether it exists).
    #[serde(default)]
    pub optional: bool,
}

impl Record for File {
    const RECORD: &'static str = "mkx.vault.file/1";
}

/// The manifest's last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// How many lines stood before this one.
    pub files: u64,
    /// False where the writer failed on the way; the manifest is then not to be used.
    pub ok: bool,
}

impl Record for End {
    const RECORD: &'static str = "mkx.vault.manifest/1";
}

/// Why a path may not stand in a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPath {
    /// It has no bytes.
    Empty,
    /// It is not UTF-8 (or holds half of a surrogate pair).
    NotUtf8,
    /// It begins with `/`.
    Absolute,
    /// It has a component that is empty, `.` or `..`.
    NotPlain,
    /// It holds a NUL, a newline or another control character.
    ControlCharacter,
    /// It, or one of its components, is longer than a file system takes.
    TooLong,
}

impl fmt::Display for BadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadPath::Empty => "it is empty",
            BadPath::NotUtf8 => "it is not UTF-8",
            BadPath::Absolute => "it is absolute",
            BadPath::NotPlain => "it has an empty component, \".\" or \"..\"",
            BadPath::ControlCharacter => "it holds a control character",
            BadPath::TooLong => "it or one of its components is too long",
        })
    }
}

/// The path as text, where it is relative, plain and can not leave the vault by its form alone.
/// (That no symlink leads out of the vault is for the walk to prove.)
pub fn check_path(bytes: &[u8]) -> Result<&str, BadPath> {
    if bytes.is_empty() {
        return Err(BadPath::Empty);
    }
    let path = std::str::from_utf8(bytes).map_err(|_| BadPath::NotUtf8)?;
    if path.starts_with('/') {
        return Err(BadPath::Absolute);
    }
    if bytes.len() >= PATH_LIMIT_BYTES {
        return Err(BadPath::TooLong);
    }
    // The C1 controls are two bytes in UTF-8: bytes alone would not show them.
    if bytes.iter().any(u8::is_ascii_control)
        || (!path.is_ascii() && path.chars().any(char::is_control))
    {
        return Err(BadPath::ControlCharacter);
    }
    for component in path.split('/') {
        if matches!(component, "" | "." | "..") {
            return Err(BadPath::NotPlain);
        }
        if component.len() > COMPONENT_LIMIT_BYTES {
            return Err(BadPath::TooLong);
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: impl AsRef<[u8]>, expected: Result<(), BadPath>) {
        assert_eq!(check_path(path.as_ref()).map(|_| ()), expected);
    }

    #[test]
    fn a_path_that_could_leave_the_vault_is_bad() {
        check("24/07/a1b2c3d4-e5f6-7890-abcd-ef1234567890.png", Ok(()));
        check("..a/b..", Ok(()));
        check("mötley/🎨.png", Ok(()));
        check("", Err(BadPath::Empty));
        check("/etc/passwd", Err(BadPath::Absolute));
        check("//x", Err(BadPath::Absolute));
        check("../x", Err(BadPath::NotPlain));
        check("a/../../x", Err(BadPath::NotPlain));
        check("a/./x", Err(BadPath::NotPlain));
        check("a//x", Err(BadPath::NotPlain));
        check("a/", Err(BadPath::NotPlain));
        check("a\0b", Err(BadPath::ControlCharacter));
        check("a\nb", Err(BadPath::ControlCharacter));
        check("a\u{7f}b", Err(BadPath::ControlCharacter));
        check("a\u{85}b", Err(BadPath::ControlCharacter));
        check(b"a\xff", Err(BadPath::NotUtf8));
        check(b"a\xed\xa0\x80", Err(BadPath::NotUtf8));
        check("a".repeat(255), Ok(()));
        check("a".repeat(256), Err(BadPath::TooLong));
        check("a/".repeat(2047) + "b", Ok(()));
        check("a/".repeat(2048) + "b", Err(BadPath::TooLong));
    }

    #[test]
    fn a_line_may_leave_out_what_it_does_not_know() {
        let file: File = serde_json::from_str("{\"path\":\"a\"}").unwrap();
        assert_eq!(
            file,
            File {
                path: "a".into(),
                size_bytes: None,
                sha256: None,
                optional: false
            }
        );
    }
}
