//! The manifest, read whole and kept compact: about 75 bytes a file with Makapix' names.
//!
//! All paths lie one behind the other in one buffer, a digest behind the path it belongs to; an
//! entry is 24 bytes. Sorted by path, so that the files of a folder stand together.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufRead, Read};
use std::ops::Range;
use std::path::Path;

use mkx_contract::record::manifest::{End, File, check_path};
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::input::Input;
use mkx_contract::{Failure, Record, Result, Site};
use serde::de::{Deserialize, Deserializer, Visitor};

use crate::fault::Problem;
use crate::temporary;
use crate::vaults::{Directories, MARK};

/// A longer line is not one of ours.
const LINE_LIMIT_BYTES: u64 = 1024 * 1024;
/// The most files of one folder that a worker takes at once.
const CHUNK_LIMIT_FILES: usize = 512;
const DIGEST_BYTES: usize = 32;

/// Which files EB's vault shall hold.
pub struct Manifest {
    text: Vec<u8>,
    entries: Vec<Entry>,
    /// Lines whose path can not be used, in the order of the input.
    pub refused: Vec<Problem>,
}

#[derive(Clone, Copy)]
struct Entry {
    offset: u64,
    size_bytes: u64,
    path_length: u16,
    has_size: bool,
    has_digest: bool,
    optional: bool,
}

/// One file of the manifest.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Relative to the vault, in plain components.
    pub path: &'a str,
    /// What its size should be, where the manifest says.
    pub size_bytes: Option<u64>,
    /// What its SHA-256 should be, where the manifest says.
    pub sha256: Option<&'a [u8]>,
    /// It is no error that EA does not have it.
    pub optional: bool,
}

impl<'a> Wanted<'a> {
    /// The folder (empty for the vault itself) and the name in it.
    pub fn folder_and_name(&self) -> (&'a str, &'a str) {
        self.path.rsplit_once('/').unwrap_or(("", self.path))
    }
}

impl Manifest {
    /// Reads the site document and a manifest; one of them may come from stdin.
    ///
    /// # Errors
    /// Exit 2 where both would, and those of reading them.
    pub fn read_with_site(
        common: &Common,
        directories: &Directories,
        path: &Path,
    ) -> Result<(Option<Site>, Manifest)> {
        let stdin = Path::new("-");
        if path == stdin && common.site.as_deref() == Some(stdin) {
            return Err(Failure::usage(
                "cannot read both the site document and the manifest from stdin",
            )
            .hint("name a file for one of them: --site site.json, or a manifest's path"));
        }
        Ok((directories.site(common)?, Manifest::read(path)?))
    }

    /// Reads a manifest to its end.
    ///
    /// # Errors
    /// Exit 3 where it is empty, cut off, not a manifest, or says of itself that it is not whole.
    pub fn read(path: &Path) -> Result<Manifest> {
        let input = Input::open(path)?;
        let name = input.name.clone();
        Reading::new(name).all(input.into_reader())
    }

    /// How many files it names.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The file at a position of the sorted order.
    pub fn get(&self, index: u32) -> Wanted<'_> {
        let entry = &self.entries[index as usize];
        let path_end = entry.offset as usize + usize::from(entry.path_length);
        Wanted {
            path: self.path(entry),
            size_bytes: entry.has_size.then_some(entry.size_bytes),
            sha256: entry
                .has_digest
                .then(|| &self.text[path_end..path_end + DIGEST_BYTES]),
            optional: entry.optional,
        }
    }

    /// True where the manifest names the path.
    pub fn names(&self, path: &str) -> bool {
        self.entries
            .binary_search_by(|entry| self.path(entry).cmp(path))
            .is_ok()
    }

    /// All positions.
    pub fn all(&self) -> Vec<u32> {
        (0..self.entries.len() as u32).collect()
    }

    /// Cuts positions (ascending) into runs of one folder each, none too long for one worker.
    pub fn by_folder(&self, positions: &[u32]) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        let mut folder = "";
        for (at, &position) in positions.iter().enumerate() {
            let here = self.get(position).folder_and_name().0;
            match runs.last_mut() {
                Some(run) if here == folder && run.len() < CHUNK_LIMIT_FILES => run.end = at + 1,
                _ => runs.push(at..at + 1),
            }
            folder = here;
        }
        runs
    }

    fn path(&self, entry: &Entry) -> &str {
        path_of(&self.text, entry)
    }
}

fn path_of<'a>(text: &'a [u8], entry: &Entry) -> &'a str {
    let start = entry.offset as usize;
    let bytes = &text[start..start + usize::from(entry.path_length)];
    std::str::from_utf8(bytes).expect("paths were checked when they were read")
}

/// A manifest that is being read.
struct Reading {
    name: String,
    number: u64,
    manifest: Manifest,
}

impl Reading {
    fn new(name: String) -> Self {
        Reading {
            name,
            number: 0,
            manifest: Manifest {
                text: Vec::new(),
                entries: Vec::new(),
                refused: Vec::new(),
            },
        }
    }

    fn all(mut self, mut reader: Box<dyn BufRead>) -> Result<Manifest> {
        let mut bytes = Vec::new();
        loop {
            self.number += 1;
            bytes.clear();
            (&mut reader)
                .take(LINE_LIMIT_BYTES)
                .read_until(b'\n', &mut bytes)
                .map_err(|error| self.cannot_read(error))?;
            if bytes.is_empty() {
                return Err(self.truncated());
            }
            if bytes.last() != Some(&b'\n') {
                return Err(if bytes.len() as u64 == LINE_LIMIT_BYTES {
                    self.cannot_read("it is longer than 1 MiB")
                } else {
                    self.cannot_read("it is cut off before its end")
                });
            }
            if self.line(&bytes)? {
                self.nothing_follows(&mut reader)?;
                return self.finish();
            }
        }
    }

    /// Takes one line in; true where it was the last.
    fn line(&mut self, bytes: &[u8]) -> Result<bool> {
        let line: Line = serde_json::from_slice(bytes).map_err(|error| self.cannot_read(error))?;
        match line.record.as_ref().map(|text| text.0.as_ref()) {
            Some(kind) if kind == File::RECORD.as_bytes() => self.file(&line).map(|()| false),
            Some(kind) if kind == End::RECORD.as_bytes() => self.end(&line).map(|()| true),
            Some(kind) => Err(self.cannot_read(format_args!(
                "it is {}, expected {} or {}",
                String::from_utf8_lossy(kind),
                File::RECORD,
                End::RECORD
            ))),
            None => Err(self.cannot_read(format_args!(
                "it has no field \"record\", expected {}",
                File::RECORD
            ))),
        }
    }

    fn file(&mut self, line: &Line) -> Result<()> {
        let Some(Text(path)) = &line.path else {
            return Err(self.cannot_read("it has no field \"path\""));
        };
        let digest = match &line.sha256 {
            None => None,
            Some(Text(text)) => Some(
                parse_digest(text)
                    .ok_or_else(|| self.cannot_read("sha256 is not 64 hexadecimal digits"))?,
            ),
        };
        let path = match check_path(path) {
            Ok(path) if path.split('/').any(temporary::is_ours) => {
                self.refuse(path, "the name is kept for mkx-vault's own temporary files");
                return Ok(());
            }
            Ok(path) if path.split('/').next() == Some(MARK) => {
                self.refuse(path, "the name is kept for mkx-vault's own mark");
                return Ok(());
            }
            Ok(path) => path,
            Err(cause) => {
                self.refuse(&String::from_utf8_lossy(path), cause);
                return Ok(());
            }
        };
        let manifest = &mut self.manifest;
        if manifest.entries.len() == u32::MAX as usize {
            return Err(self.cannot_read("there are more than 4,294,967,295 files"));
        }
        manifest.entries.push(Entry {
            offset: manifest.text.len() as u64,
            size_bytes: line.size_bytes.unwrap_or(0),
            path_length: path.len() as u16,
            has_size: line.size_bytes.is_some(),
            has_digest: digest.is_some(),
            optional: line.optional.unwrap_or(false),
        });
        manifest.text.extend_from_slice(path.as_bytes());
        manifest.text.extend(digest.into_iter().flatten());
        Ok(())
    }

    fn refuse(&mut self, path: &str, cause: impl fmt::Display) {
        let cause = format!("line {} of {}: {cause}", self.number, self.name);
        self.manifest.refused.push(Problem::new(path, cause));
    }

    fn end(&self, line: &Line) -> Result<()> {
        if line.ok != Some(true) {
            return Err(Failure::input(format!(
                "cannot use the manifest from {}: it says that it is not whole",
                self.name
            ))
            .hint("the tool in front of the pipe failed; its own message says why"));
        }
        let lines = self.number - 1;
        if line.files != Some(lines) {
            let said = line
                .files
                .map_or("nothing".into(), |files| files.to_string());
            return Err(Failure::input(format!(
                "cannot use the manifest from {}: it holds {lines} files and its last line says {said}",
                self.name
            )));
        }
        Ok(())
    }

    fn nothing_follows(&mut self, reader: &mut dyn BufRead) -> Result<()> {
        self.number += 1;
        let rest = reader.fill_buf().map_err(|error| self.cannot_read(error))?;
        if rest.is_empty() {
            return Ok(());
        }
        Err(self.cannot_read("it follows the manifest's last line"))
    }

    fn finish(self) -> Result<Manifest> {
        let mut manifest = self.manifest;
        let text = std::mem::take(&mut manifest.text);
        let path = |entry: &Entry| path_of(&text, entry);
        let mut conflict = None;
        manifest
            .entries
            .sort_unstable_by(|a, b| path(a).cmp(path(b)));
        manifest.entries.dedup_by(|later, kept| {
            if path(later) != path(kept) {
                return false;
            }
            if !merge(kept, later, &text) {
                conflict = Some(path(kept).to_owned());
            }
            true
        });
        if let Some(twice) = conflict {
            return Err(Failure::input(format!(
                "cannot use the manifest from {}: it names {twice:?} twice, with different sizes or digests",
                self.name
            )));
        }
        manifest.text = text;
        Ok(manifest)
    }

    fn cannot_read(&self, cause: impl fmt::Display) -> Failure {
        Failure::input(format!(
            "cannot read line {} of {}: {cause}",
            self.number, self.name
        ))
    }

    fn truncated(&self) -> Failure {
        let cause = match self.number {
            1 => "it is empty",
            _ => "its last line is missing, so it is cut off",
        };
        Failure::input(format!(
            "cannot use the manifest from {}: {cause}",
            self.name
        ))
        .hint("the tool in front of the pipe failed; its own message says why")
    }
}

/// What two lines for one file say together; false where they contradict each other.
fn merge(kept: &mut Entry, later: &Entry, text: &[u8]) -> bool {
    let digest = |entry: &Entry| {
        let start = entry.offset as usize + usize::from(entry.path_length);
        entry.has_digest.then(|| &text[start..start + DIGEST_BYTES])
    };
    let sizes_agree = !(kept.has_size && later.has_size) || kept.size_bytes == later.size_bytes;
    let digests_agree = match (digest(kept), digest(later)) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    let size = if kept.has_size { *kept } else { *later };
    let optional = kept.optional && later.optional;
    if later.has_digest {
        *kept = *later;
    }
    kept.size_bytes = size.size_bytes;
    kept.has_size = size.has_size;
    kept.optional = optional;
    sizes_agree && digests_agree
}

fn parse_digest(text: &[u8]) -> Option<[u8; DIGEST_BYTES]> {
    let text = std::str::from_utf8(text).ok()?;
    if text.len() != 2 * DIGEST_BYTES || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut digest = [0; DIGEST_BYTES];
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(digest)
}

/// Both kinds of line at once, borrowed from the input.
#[derive(serde::Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    record: Option<Text<'a>>,
    #[serde(borrow)]
    path: Option<Text<'a>>,
    size_bytes: Option<u64>,
    #[serde(borrow)]
    sha256: Option<Text<'a>>,
    optional: Option<bool>,
    files: Option<u64>,
    ok: Option<bool>,
}

/// A JSON string as bytes, so that one that is not UTF-8 can be named instead of ending the read.
struct Text<'a>(Cow<'a, [u8]>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(bytes)))
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(bytes.to_vec())))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static [u8]) -> Result<Manifest> {
        Reading::new("stdin".into()).all(Box::new(text))
    }

    #[track_caller]
    fn check_failure(text: &'static str, expected: &str) {
        let failure = read(text.as_bytes()).err().unwrap();
        assert_eq!(failure.to_string(), expected);
        assert_eq!(failure.kind.exit_code(), 3);
    }

    macro_rules! end {
        ($files:literal) => {
            concat!(
                "{\"record\":\"mkx.vault.manifest/1\",\"files\":",
                $files,
                ",\"ok\":true}\n"
            )
        };
    }
    macro_rules! file {
        ($rest:literal) => {
            concat!("{\"record\":\"mkx.vault.file/1\",", $rest, "}\n")
        };
    }

    #[test]
    fn a_manifest_that_is_not_whole_is_no_manifest() {
        check_failure("", "cannot use the manifest from stdin: it is empty");
        check_failure(
            file!("\"path\":\"a\""),
            "cannot use the manifest from stdin: its last line is missing, so it is cut off",
        );
        check_failure(
            "{\"record\":\"mkx.vault.fi",
            "cannot read line 1 of stdin: it is cut off before its end",
        );
        check_failure(
            "{\"record\":\"mkx.vault.manifest/1\",\"files\":0,\"ok\":false}\n",
            "cannot use the manifest from stdin: it says that it is not whole",
        );
        check_failure(
            concat!(file!("\"path\":\"a\""), end!(2)),
            "cannot use the manifest from stdin: it holds 1 files and its last line says 2",
        );
        check_failure(
            concat!(end!(0), file!("\"path\":\"a\"")),
            "cannot read line 2 of stdin: it follows the manifest's last line",
        );
    }

    #[test]
    fn a_line_that_is_not_right_is_named() {
        check_failure(
            "{\"record\":\"mkx.site/1\"}\n",
            "cannot read line 1 of stdin: it is mkx.site/1, expected mkx.vault.file/1 or mkx.vault.manifest/1",
        );
        check_failure(
            "{\"path\":\"a\"}\n",
            "cannot read line 1 of stdin: it has no field \"record\", expected mkx.vault.file/1",
        );
        check_failure(
            file!("\"size_bytes\":1"),
            "cannot read line 1 of stdin: it has no field \"path\"",
        );
        check_failure(
            file!("\"path\":\"a\",\"sha256\":\"xyz\""),
            "cannot read line 1 of stdin: sha256 is not 64 hexadecimal digits",
        );
    }

    #[test]
    fn odd_paths_are_named_and_the_rest_is_read() {
        let text = concat!(
            file!("\"path\":\"../x\""),
            file!("\"path\":\"b\\ud800\""),
            file!("\"path\":\"c\\n\""),
            file!("\"path\":\".x.mkx-0123456789abcdef.tmp\""),
            file!("\"path\":\"ok/x\",\"new\":{\"a\":[1]}"),
            end!(5)
        );
        let manifest = read(text.as_bytes()).unwrap();
        assert_eq!(manifest.len(), 1);
        assert_eq!(manifest.get(0).path, "ok/x");
        let causes: Vec<_> = manifest.refused.iter().map(|p| p.cause.as_str()).collect();
        assert_eq!(
            causes,
            [
                "line 1 of stdin: it has an empty component, \".\" or \"..\"",
                "line 2 of stdin: it is not UTF-8",
                "line 3 of stdin: it holds a control character",
                "line 4 of stdin: the name is kept for mkx-vault's own temporary files",
            ]
        );
        let raw = b"{\"record\":\"mkx.vault.file/1\",\"path\":\"\xff\"}\n{\"record\":\"mkx.vault.manifest/1\",\"files\":1,\"ok\":true}\n";
        assert_eq!(read(raw).unwrap().refused[0].path, "\u{fffd}");
    }

    #[test]
    fn a_file_that_is_named_twice_counts_once() {
        let text = concat!(
            file!("\"path\":\"b/2\",\"optional\":true"),
            file!("\"path\":\"a/1\""),
            file!("\"path\":\"b/2\",\"size_bytes\":7"),
            end!(3)
        );
        let manifest = read(text.as_bytes()).unwrap();
        assert_eq!(manifest.len(), 2);
        assert!(manifest.names("a/1") && manifest.names("b/2") && !manifest.names("b"));
        let second = manifest.get(1);
        assert_eq!((second.size_bytes, second.optional), (Some(7), false));
        assert_eq!(manifest.by_folder(&manifest.all()), [0..1, 1..2]);
        check_failure(
            concat!(
                file!("\"path\":\"b\",\"size_bytes\":1"),
                file!("\"path\":\"b\",\"size_bytes\":2"),
                end!(2)
            ),
            "cannot use the manifest from stdin: it names \"b\" twice, with different sizes or digests",
        );
    }
}
