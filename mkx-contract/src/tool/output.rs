//! stdout: records and nothing else.
//!
//! A document is pretty on a terminal and one line in a pipe; a stream is one record a line. A
//! closed pipe is a silent success: further writes go nowhere and [`Output::is_closed`] lets a
//! stream stop early, while a tool in the middle of a change goes on to its end.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};

use crate::record::{Record, to_object};
use crate::{Failure, Result};

/// Writes records.
pub struct Output<W: Write> {
    writer: BufWriter<W>,
    pretty: bool,
    closed: bool,
}

/// Records to this process's stdout.
pub fn stdout() -> Output<io::Stdout> {
    let stdout = io::stdout();
    let pretty = stdout.is_terminal();
    Output::new(stdout, pretty)
}

impl<W: Write> Output<W> {
    /// Writes to `writer`; `pretty` indents documents.
    pub fn new(writer: W, pretty: bool) -> Self {
        Output {
            writer: BufWriter::with_capacity(64 * 1024, writer),
            pretty,
            closed: false,
        }
    }

    /// Writes the one document that is the whole answer.
    pub fn document<T: Record>(&mut self, record: &T) -> Result<()> {
        self.json(&serde_json::Value::Object(to_object(record)))
    }

    /// Writes JSON that is not a record of ours (a JSON Schema, a peer's format).
    pub fn json(&mut self, value: &serde_json::Value) -> Result<()> {
        let mut text = if self.pretty {
            serde_json::to_string_pretty(value)
        } else {
            serde_json::to_string(value)
        }
        .expect("a JSON value is always writable");
        text.push('\n');
        self.text(&text)?;
        self.flush()
    }

    /// Writes one record of a stream.
    pub fn line<T: Record>(&mut self, record: &T) -> Result<()> {
        let mut text =
            serde_json::to_string(&to_object(record)).expect("a record is always writable");
        text.push('\n');
        self.text(&text)
    }

    /// Writes text as it is (`--format` for peers: yaml, caddyfile, mermaid).
    pub fn text(&mut self, text: &str) -> Result<()> {
        let done = self.writer.write_all(text.as_bytes());
        self.settle(done)
    }

    /// Hands everything to the reader.
    pub fn flush(&mut self) -> Result<()> {
        let done = self.writer.flush();
        self.settle(done)
    }

    /// True once the reader has gone away.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    fn settle(&mut self, done: io::Result<()>) -> Result<()> {
        match done {
            _ if self.closed => Ok(()),
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => Err(Failure::peer(format!("cannot write to stdout: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Count {
        copied: u64,
    }
    impl Record for Count {
        const RECORD: &'static str = "mkx.test.count/1";
    }

    struct ClosedPipe;
    impl Write for ClosedPipe {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_record_says_what_it_is_first() {
        let mut bytes = Vec::new();
        Output::new(&mut bytes, false)
            .document(&Count { copied: 3 })
            .unwrap();
        assert_eq!(bytes, b"{\"record\":\"mkx.test.count/1\",\"copied\":3}\n");
    }

    #[test]
    fn a_closed_pipe_is_a_silent_success() {
        let mut output = Output::new(ClosedPipe, false);
        output.line(&Count { copied: 3 }).unwrap();
        output.flush().unwrap();
        assert!(output.is_closed());
    }
}
