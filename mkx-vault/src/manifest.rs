//! The manifest, read whole. Sorted by path, so that the files of a folder stand together.

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
const TOOL_FAILED: &str = "the tool in front of the pipe failed; its own message says why";

/// Which files EB's vault shall hold.
#[derive(Default)]
pub struct Manifest {
    files: Vec<Wanted>,
    /// Lines whose path can not be used, in the order of the input.
    pub refused: Vec<Problem>,
}

/// One file of the manifest.
pub struct Wanted {
    /// Relative to the vault, in plain components.
    pub path: Box<str>,
    /// What its size should be, where the manifest says.
    pub size_bytes: Option<u64>,
    /// What its SHA-256 should be, where the manifest says.
    pub sha256: Option<[u8; DIGEST_BYTES]>,
    /// It is no error that EA does not have it.
    pub optional: bool,
}

impl Wanted {
    /// The folder (empty for the vault itself) and the name in it.
    pub fn folder_and_name(&self) -> (&str, &str) {
        self.path.rsplit_once('/').unwrap_or(("", &self.path))
    }

    /// Takes in what another line says of the file; false where they contradict each other.
    fn merge(&mut self, other: &Wanted) -> bool {
        fn agree<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        let agree = agree(self.size_bytes, other.size_bytes) && agree(self.sha256, other.sha256);
        self.size_bytes = self.size_bytes.or(other.size_bytes);
        self.sha256 = self.sha256.or(other.sha256);
        self.optional &= other.optional;
        agree
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
            let cause = "cannot read both the site document and the manifest from stdin";
            return Err(Failure::usage(cause)
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
        self.files.len()
    }

    /// The file at a position of the sorted order.
    pub fn get(&self, index: u32) -> &Wanted {
        &self.files[index as usize]
    }

    /// True where the manifest names the path.
    pub fn names(&self, path: &str) -> bool {
        let found = self
            .files
            .binary_search_by(|file| file.path.as_ref().cmp(path));
        found.is_ok()
    }

    /// All positions.
    pub fn all(&self) -> Vec<u32> {
        (0..self.files.len() as u32).collect()
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
            manifest: Manifest::default(),
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
                return Err(self.cannot_read(match bytes.len() as u64 {
                    LINE_LIMIT_BYTES => "it is longer than 1 MiB",
                    _ => "it is cut off before its end",
                }));
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
        let digest = line.sha256.as_ref().map(|Text(text)| {
            parse_digest(text)
                .ok_or_else(|| self.cannot_read("sha256 is not 64 hexadecimal digits"))
        });
        let sha256 = digest.transpose()?;
        let path = match check_path(path) {
            Ok(path) if path.split('/').any(temporary::is_ours) => {
                let cause = "the name is kept for mkx-vault's own temporary files";
                return self.refuse(path, cause);
            }
            Ok(path) if path.split('/').next() == Some(MARK) => {
                return self.refuse(path, "the name is kept for mkx-vault's own mark");
            }
            Ok(path) => path,
            Err(cause) => return self.refuse(&String::from_utf8_lossy(path), cause),
        };
        if self.manifest.files.len() == u32::MAX as usize {
            return Err(self.cannot_read("there are more than 4,294,967,295 files"));
        }
        self.manifest.files.push(Wanted {
            path: path.into(),
            size_bytes: line.size_bytes,
            sha256,
            optional: line.optional.unwrap_or(false),
        });
        Ok(())
    }

    fn refuse(&mut self, path: &str, cause: impl fmt::Display) -> Result<()> {
        let cause = format!("line {} of {}: {cause}", self.number, self.name);
        self.manifest.refused.push(Problem::new(path, cause));
        Ok(())
    }

    fn end(&self, line: &Line) -> Result<()> {
        if line.ok != Some(true) {
            return Err(self
                .cannot_use("it says that it is not whole")
                .hint(TOOL_FAILED));
        }
        let lines = self.number - 1;
        if line.files == Some(lines) {
            return Ok(());
        }
        let said = line
            .files
            .map_or("nothing".into(), |files| files.to_string());
        Err(self.cannot_use(&format!(
            "it holds {lines} files and its last line says {said}"
        )))
    }

    fn nothing_follows(&mut self, reader: &mut dyn BufRead) -> Result<()> {
        self.number += 1;
        let rest = reader.fill_buf().map_err(|error| self.cannot_read(error))?;
        if rest.is_empty() {
            return Ok(());
        }
        Err(self.cannot_read("it follows the manifest's last line"))
    }

    fn finish(mut self) -> Result<Manifest> {
        let files = &mut self.manifest.files;
        let mut conflict = None;
        files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        files.dedup_by(|later, kept| {
            let is_same = later.path == kept.path;
            if is_same && !kept.merge(later) {
                conflict = Some(kept.path.clone());
            }
            is_same
        });
        match conflict {
            Some(twice) => Err(self.cannot_use(&format!(
                "it names {twice:?} twice, with different sizes or digests"
            ))),
            None => Ok(self.manifest),
        }
    }

    fn cannot_read(&self, cause: impl fmt::Display) -> Failure {
        let (number, name) = (self.number, &self.name);
        Failure::input(format!("cannot read line {number} of {name}: {cause}"))
    }

    fn cannot_use(&self, cause: &str) -> Failure {
        Failure::input(format!(
            "cannot use the manifest from {}: {cause}",
            self.name
        ))
    }

    fn truncated(&self) -> Failure {
        let cause = match self.number {
            1 => "it is empty",
            _ => "its last line is missing, so it is cut off",
        };
        self.cannot_use(cause).hint(TOOL_FAILED)
    }
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
            "{\"record\":\"mkx.site/2\"}\n",
            "cannot read line 1 of stdin: it is mkx.site/2, expected mkx.vault.file/1 or mkx.vault.manifest/1",
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
        assert_eq!(&*manifest.get(0).path, "ok/x");
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
