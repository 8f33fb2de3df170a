//! Rows in PostgreSQL's text form of COPY, written field by field.

use std::io::{self, Write};
use uuid::Uuid;

const FLUSH_AT: usize = 128 * 1024;

/// Writes the rows of one table.
pub struct Rows<'a> {
    out: &'a mut dyn Write,
    buffer: Vec<u8>,
    row_start: usize,
    fields: usize,
    fields_expected: usize,
    rows: u64,
    failed: io::Result<()>,
}

impl<'a> Rows<'a> {
    /// A writer of rows with that many fields.
    pub fn new(out: &'a mut dyn Write, fields_expected: usize) -> Self {
        Rows {
            out,
            buffer: Vec::with_capacity(FLUSH_AT + 64 * 1024),
            row_start: 0,
            fields: 0,
            fields_expected,
            rows: 0,
            failed: Ok(()),
        }
    }

    /// Rows ended so far.
    pub fn count(&self) -> u64 {
        self.rows
    }

    /// A key for the next row: rises, with gaps.
    pub fn next_id(&self) -> i64 {
        (1 + self.rows + self.rows / 12) as i64
    }

    fn field(&mut self) -> &mut Vec<u8> {
        if self.buffer.len() > self.row_start {
            self.buffer.push(b'\t');
        }
        self.fields += 1;
        &mut self.buffer
    }

    fn display(&mut self, value: impl std::fmt::Display) -> &mut Self {
        write!(self.field(), "{value}").expect("a vector takes every byte");
        self
    }

    /// SQL's NULL.
    pub fn null(&mut self) -> &mut Self {
        self.field().extend_from_slice(b"\\N");
        self
    }

    /// A whole number.
    pub fn int(&mut self, value: i64) -> &mut Self {
        self.display(value)
    }

    /// A whole number or NULL.
    pub fn opt_int(&mut self, value: Option<i64>) -> &mut Self {
        match value {
            Some(value) => self.int(value),
            None => self.null(),
        }
    }

    /// A boolean.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.field().push(if value { b't' } else { b'f' });
        self
    }

    /// A UUID.
    pub fn uuid(&mut self, value: Uuid) -> &mut Self {
        let mut text = Uuid::encode_buffer();
        let text = value.as_hyphenated().encode_lower(&mut text);
        self.field().extend_from_slice(text.as_bytes());
        self
    }

    /// A UUID or NULL.
    pub fn opt_uuid(&mut self, value: Option<Uuid>) -> &mut Self {
        match value {
            Some(value) => self.uuid(value),
            None => self.null(),
        }
    }

    /// Text, which may hold anything but NUL.
    pub fn text(&mut self, value: &str) -> &mut Self {
        let buffer = self.field();
        for byte in value.bytes() {
            match byte {
                b'\\' => buffer.extend_from_slice(b"\\\\"),
                b'\n' => buffer.extend_from_slice(b"\\n"),
                b'\r' => buffer.extend_from_slice(b"\\r"),
                b'\t' => buffer.extend_from_slice(b"\\t"),
                other => buffer.push(other),
            }
        }
        self
    }

    /// Text or NULL.
    pub fn opt(&mut self, value: Option<impl AsRef<str>>) -> &mut Self {
        match value {
            Some(value) => self.text(value.as_ref()),
            None => self.null(),
        }
    }

    /// An instant, in seconds of Unix time.
    pub fn time(&mut self, seconds: i64) -> &mut Self {
        let time = jiff::Timestamp::from_second(seconds).expect("generated times are in range");
        self.display(time)
    }

    /// An instant or NULL.
    pub fn opt_time(&mut self, seconds: Option<i64>) -> &mut Self {
        match seconds {
            Some(seconds) => self.time(seconds),
            None => self.null(),
        }
    }

    /// The day of an instant.
    pub fn date(&mut self, seconds: i64) -> &mut Self {
        let time = jiff::Timestamp::from_second(seconds).expect("generated times are in range");
        self.display(jiff::tz::TimeZone::UTC.to_datetime(time).date())
    }

    /// An array of whole numbers.
    pub fn ints(&mut self, values: &[i64]) -> &mut Self {
        let list: Vec<String> = values.iter().map(i64::to_string).collect();
        self.display(format_args!("{{{}}}", list.join(",")))
    }

    /// An array of texts.
    pub fn texts(&mut self, values: &[impl AsRef<str>]) -> &mut Self {
        let list: Vec<String> = values
            .iter()
            .map(|value| {
                let value = value.as_ref().replace('\\', "\\\\").replace('"', "\\\"");
                format!("\"{value}\"")
            })
            .collect();
        self.text(&format!("{{{}}}", list.join(",")))
    }

    /// Ends a row.
    pub fn end(&mut self) {
        assert_eq!(
            self.fields, self.fields_expected,
            "a row has as many fields as its table has columns"
        );
        self.buffer.push(b'\n');
        self.rows += 1;
        self.fields = 0;
        if self.buffer.len() >= FLUSH_AT {
            self.flush();
        }
        self.row_start = self.buffer.len();
    }

    fn flush(&mut self) {
        if self.failed.is_ok() {
            self.failed = self.out.write_all(&self.buffer);
        }
        self.buffer.clear();
    }

    /// Writes what is left; the number of rows, or the first error of the sink.
    pub fn finish(mut self) -> io::Result<u64> {
        self.flush();
        self.failed.map(|()| self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_field_has_the_form_that_copy_reads() {
        let mut out = Vec::new();
        let mut rows = Rows::new(&mut out, 7);
        rows.int(-3)
            .bool(true)
            .null()
            .text("tab\there, back\\slash\nnew")
            .time(1_788_220_800)
            .texts(&["a\"b", "ü"])
            .ints(&[1, 2])
            .end();
        assert_eq!(rows.finish().unwrap(), 1);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "-3\tt\t\\N\ttab\\there, back\\\\slash\\nnew\t2026-09-01T00:00:00Z\t{\"a\\\\\"b\",\"ü\"}\t{1,2}\n"
        );
    }

    #[test]
    #[should_panic(expected = "as many fields")]
    fn a_row_with_a_field_too_few_is_noticed() {
        let mut out = Vec::new();
        Rows::new(&mut out, 2).int(1).end();
    }
}
