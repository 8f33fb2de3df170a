//! Reading documents and streams of records, with the place of what is wrong.
//!
//! Empty input is an error, never an empty set: the tool in front of the pipe failed. A stream
//! that ends without its result record was cut off.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::Path;

use serde_json::Value;

use crate::record::{Record, kind_of};
use crate::{Failure, Result};

/// A longer line is not a record of ours, but a file that was given by mistake.
const LINE_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// Where input comes from, and what errors call it.
pub struct Input {
    reader: Box<dyn BufRead>,
    /// `stdin`, or the file's path.
    pub name: String,
}

impl Input {
    /// Opens a file, or stdin where the path is `-`.
    ///
    /// # Errors
    /// Exit 2 where stdin is a terminal (nothing was piped in); exit 3 where the file can not be read.
    pub fn open(path: &Path) -> Result<Input> {
        if path == Path::new("-") {
            if io::stdin().is_terminal() {
                return Err(Failure::usage("cannot read stdin: nothing was piped in")
                    .hint("pipe a record into it, or name a file; see --help for examples"));
            }
            return Ok(Input::new(io::stdin(), "stdin"));
        }
        let name = path.display().to_string();
        let file = File::open(path)
            .map_err(|error| Failure::input(format!("cannot read {name}: {error}")))?;
        Ok(Input::new(file, name))
    }

    /// Reads from anything; `name` is what errors call it.
    pub fn new(reader: impl Read + 'static, name: impl Into<String>) -> Input {
        Input {
            reader: Box::new(BufReader::with_capacity(64 * 1024, reader)),
            name: name.into(),
        }
    }

    /// Reads everything.
    pub fn text(&mut self) -> Result<String> {
        let mut text = String::new();
        self.reader
            .read_to_string(&mut text)
            .map_err(|error| Failure::input(format!("cannot read {}: {error}", self.name)))?;
        Ok(text)
    }

    /// Reads the one document that the input consists of.
    pub fn document<T: Record>(mut self) -> Result<T> {
        let text = self.text()?;
        parse(&text, T::RECORD, &self.name)
    }

    /// The bytes themselves, for a reader that knows a faster way to its records.
    pub fn into_reader(self) -> Box<dyn BufRead> {
        self.reader
    }

    /// Reads a stream, a record a line.
    pub fn lines(self) -> Lines {
        Lines {
            input: self,
            number: 0,
        }
    }
}

/// Parses one document and checks that it is the record it should be.
///
/// # Errors
/// Exit 3, with the line and column for JSON errors and the field for others.
pub fn parse<T: Record>(text: &str, expected: &str, name: &str) -> Result<T> {
    if text.trim().is_empty() {
        return Err(
            Failure::input(format!("cannot read {expected} from {name}: it is empty"))
                .hint("the tool in front of the pipe failed; its own message says why"),
        );
    }
    let value: Value = serde_json::from_str(text)
        .map_err(|error| Failure::input(format!("cannot read {expected} from {name}: {error}")))?;
    from_value(value, expected, name)
}

/// Turns parsed JSON into the record it should be; `place` is what errors call it.
pub fn from_value<T: Record>(mut value: Value, expected: &str, place: &str) -> Result<T> {
    match kind_of(&value) {
        Some(kind) if kind == expected => {}
        Some(kind) => {
            return Err(Failure::input(format!(
                "cannot use {place}: it is {kind}, expected {expected}"
            )));
        }
        None => {
            return Err(Failure::input(format!(
                "cannot use {place}: it has no field \"record\", expected {expected}"
            )));
        }
    }
    // Records that refuse unknown fields do not know this one: it is the trait's.
    if let Some(object) = value.as_object_mut() {
        object.shift_remove("record");
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        Failure::input(format!(
            "cannot use {place}: {}: {}",
            error.path(),
            error.inner()
        ))
    })
}

/// One line of a stream.
pub struct Line {
    /// Counted from 1.
    pub number: u64,
    /// What errors call the place: "line 7 of stdin".
    pub place: String,
    /// The JSON object.
    pub value: Value,
}

impl Line {
    /// What the record says it is, or nothing.
    pub fn kind(&self) -> Option<&str> {
        kind_of(&self.value)
    }

    /// The line as the record it should be.
    pub fn record<T: Record>(self) -> Result<T> {
        from_value(self.value, T::RECORD, &self.place)
    }
}

/// The lines of a stream; see [`Input::lines`].
pub struct Lines {
    input: Input,
    number: u64,
}

impl Lines {
    /// The next line, or nothing at the end of the input.
    ///
    /// # Errors
    /// Exit 3 for a line that is not JSON, longer than 16 MiB, or cut off before its end.
    pub fn next_line(&mut self) -> Result<Option<Line>> {
        self.number += 1;
        let place = format!("line {} of {}", self.number, self.input.name);
        let mut bytes = Vec::new();
        (&mut self.input.reader)
            .take(LINE_LIMIT_BYTES + 1)
            .read_until(b'\n', &mut bytes)
            .map_err(|error| Failure::input(format!("cannot read {place}: {error}")))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if bytes.len() as u64 > LINE_LIMIT_BYTES {
            return Err(Failure::input(format!(
                "cannot read {place}: it is longer than 16 MiB"
            )));
        }
        if bytes.last() != Some(&b'\n') {
            return Err(Failure::input(format!(
                "cannot read {place}: it is cut off before its end"
            )));
        }
        let value = serde_json::from_slice(&bytes)
            .map_err(|error| Failure::input(format!("cannot read {place}: {error}")))?;
        Ok(Some(Line {
            number: self.number,
            place,
            value,
        }))
    }

    /// What the input is called, for an error about its end.
    pub fn name(&self) -> &str {
        &self.input.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Serialize, Deserialize, PartialEq)]
    struct File {
        path: String,
    }
    impl Record for File {
        const RECORD: &'static str = "mkx.test.file/1";
    }

    fn lines(text: &'static str) -> Lines {
        Input::new(text.as_bytes(), "stdin").lines()
    }

    #[track_caller]
    fn check_document(text: &'static str, expected: &str) {
        let failure = Input::new(text.as_bytes(), "stdin")
            .document::<File>()
            .unwrap_err();
        assert_eq!(failure.to_string(), expected);
        assert_eq!(failure.kind.exit_code(), 3);
    }

    #[test]
    fn a_document_that_is_not_right_says_where() {
        check_document("", "cannot read mkx.test.file/1 from stdin: it is empty");
        check_document(
            "{\"record\":",
            "cannot read mkx.test.file/1 from stdin: EOF while parsing a value at line 1 column 10",
        );
        check_document(
            "{\"path\":\"a\"}",
            "cannot use stdin: it has no field \"record\", expected mkx.test.file/1",
        );
        check_document(
            "{\"record\":\"mkx.site/2\"}",
            "cannot use stdin: it is mkx.site/2, expected mkx.test.file/1",
        );
        check_document(
            "{\"record\":\"mkx.test.file/1\",\"path\":7}",
            "cannot use stdin: path: invalid type: integer `7`, expected a string",
        );
    }

    #[test]
    fn a_line_that_is_cut_off_is_an_error_with_its_number() {
        let mut lines = lines("{\"record\":\"mkx.test.file/1\",\"path\":\"a\"}\n{\"record\":");
        let first: File = lines.next_line().unwrap().unwrap().record().unwrap();
        assert_eq!(first.path, "a");
        let failure = lines.next_line().err().unwrap();
        assert_eq!(
            failure.to_string(),
            "cannot read line 2 of stdin: it is cut off before its end"
        );
    }

    #[test]
    fn a_record_that_refuses_unknown_fields_can_be_read() {
        #[derive(Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Strict {
            path: String,
        }
        impl Record for Strict {
            const RECORD: &'static str = "mkx.test.strict/1";
        }
        let text = "{\"record\":\"mkx.test.strict/1\",\"path\":\"a\"}";
        let strict: Strict = Input::new(text.as_bytes(), "stdin").document().unwrap();
        assert_eq!(strict.path, "a");
    }

    #[test]
    fn fields_that_a_reader_does_not_know_are_ignored() {
        let text = "{\"record\":\"mkx.test.file/1\",\"path\":\"a\",\"new\":1}\n";
        let file: File = Input::new(text.as_bytes(), "stdin").document().unwrap();
        assert_eq!(file.path, "a");
    }
}
