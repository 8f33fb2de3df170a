//! Everything that changes something is a step in the journal: append-only JSON Lines under the
//! site's state directory, one line before the step and one after it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::Timestamp;
use serde_json::Value;

use crate::record::journal::{Entry, State};
use crate::record::site::Name;
use crate::record::to_object;
use crate::{Failure, Result};

/// The journal of a site.
pub struct Journal {
    path: PathBuf,
}

impl Journal {
    /// The journal in a state directory; the file is made with the first step.
    pub fn at(state_directory: &Path) -> Journal {
        Journal {
            path: state_directory.join("journal.jsonl"),
        }
    }

    /// Writes the `started` line of a step and returns the step, which must be ended by
    /// [`Started::done`] or one of its kind. A step without an end is one whose process died.
    /// `part_of` is the id of what it belongs to.
    ///
    /// # Errors
    /// Exit 4 where the journal can not be written.
    pub fn begin(
        &self,
        step: &str,
        environment: Name,
        part_of: Option<&str>,
        detail: Value,
    ) -> Result<Started> {
        let entry = Entry {
            part_of: part_of.map(str::to_owned),
            ..new_entry(step, State::Started, environment, detail)
        };
        self.append(&entry)?;
        Ok(Started {
            journal: self.path.clone(),
            entry,
            since: Instant::now(),
        })
    }

    /// Begins something longer that steps of other processes belong to, and gives its id.
    ///
    /// # Errors
    /// Exit 5 where something is open already; exit 4 where the journal can not be written.
    pub fn open(&self, name: &str, environment: Name, detail: Value) -> Result<String> {
        if let Some(open) = self.opened()? {
            return Err(Failure::refused(format!(
                "cannot begin {name}: {} is open since {} ({})",
                open.step, open.at, open.id
            )));
        }
        let entry = new_entry(name, State::Opened, environment, detail);
        self.append(&entry)?;
        Ok(entry.id)
    }

    /// Says how something that [`Journal::open`] began has ended.
    ///
    /// # Errors
    /// Exit 3 where it is not open; exit 4 where the journal can not be written.
    pub fn close(&self, id: &str, state: State, detail: Value) -> Result<()> {
        let open = self.opened()?.filter(|open| open.id == id);
        let open = open.ok_or_else(|| {
            Failure::input(format!("cannot close {id}: it is not open in the journal"))
        })?;
        let now = Timestamp::now();
        let since = now.duration_since(open.at).as_millis();
        self.append(&Entry {
            state,
            at: now,
            pid: std::process::id(),
            duration_ms: u64::try_from(since).ok(),
            detail,
            ..open
        })
    }

    /// What is open: it was begun by [`Journal::open`], and no line says how it ended.
    ///
    /// # Errors
    /// As [`Journal::entries`].
    pub fn opened(&self) -> Result<Option<Entry>> {
        let mut open: Option<Entry> = None;
        for entry in self.entries()? {
            if entry.state == State::Opened {
                open = Some(entry);
            } else if open.as_ref().is_some_and(|open| open.id == entry.id) {
                open = None;
            }
        }
        Ok(open)
    }

    /// All entries, oldest first. A last line that was cut off by a crash is left out.
    ///
    /// # Errors
    /// Exit 3 for a line in the middle that is not an entry; exit 4 where the file can not be read.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.cannot("read", &error)),
        };
        let count = text.lines().count();
        let mut entries = Vec::with_capacity(count);
        for (index, line) in text.lines().enumerate() {
            match serde_json::from_str(line) {
                Ok(entry) => entries.push(entry),
                Err(_) if index + 1 == count && !text.ends_with('\n') => {}
                Err(error) => {
                    let place = format!("line {} of the journal: {error}", index + 1);
                    return Err(Failure::input(format!("cannot read {place}")));
                }
            }
        }
        Ok(entries)
    }

    /// Steps that were started and never ended: their process died.
    pub fn unfinished(&self) -> Result<Vec<Entry>> {
        let entries = self.entries()?;
        Ok(entries
            .iter()
            .filter(|entry| entry.state == State::Started)
            .filter(|started| {
                !entries
                    .iter()
                    .any(|other| other.id == started.id && other.state != State::Started)
            })
            .cloned()
            .collect())
    }

    fn append(&self, entry: &Entry) -> Result<()> {
        if let Some(directory) = self.path.parent() {
            make_state_directory(directory)?;
        }
        let mut line = serde_json::to_string(&to_object(entry)).expect("an entry is writable");
        line.push('\n');
        self.write_durably(&line)
            .map_err(|error| self.cannot("write", &error))
    }

    /// A last line that a crash cut off is finished first, so that it spoils only itself.
    fn write_durably(&self, line: &str) -> std::io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .mode(0o600)
            .open(&self.path)?;
        if !ends_with_newline(&mut file)? {
            cut_back_to_last_newline(&mut file)?;
        }
        file.write_all(line.as_bytes())?;
        file.sync_data()
    }

    fn cannot(&self, verb: &str, error: &dyn std::fmt::Display) -> Failure {
        Failure::peer(format!(
            "cannot {verb} the journal {}: {error}",
            self.path.display()
        ))
    }
}

fn new_entry(step: &str, state: State, environment: Name, detail: Value) -> Entry {
    let at = Timestamp::now();
    Entry {
        id: format!("{}-{}", at.as_nanosecond(), std::process::id()),
        step: step.into(),
        state,
        environment,
        user: std::env::var("SUDO_USER")
            .or_else(|_| std::env::var("USER"))
            .unwrap_or_else(|_| format!("uid {}", rustix::process::getuid().as_raw())),
        pid: std::process::id(),
        at,
        duration_ms: None,
        part_of: None,
        detail,
    }
}

fn ends_with_newline(file: &mut File) -> std::io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn cut_back_to_last_newline(file: &mut File) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    let keep = bytes
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    file.set_len(keep as u64)
}

/// A step that has been started.
#[must_use = "a step is ended by done, failed or undone"]
pub struct Started {
    journal: PathBuf,
    entry: Entry,
    since: Instant,
}

impl Started {
    /// Writes that the step ended as it should.
    pub fn done(self, detail: Value) -> Result<()> {
        self.end(State::Done, detail)
    }

    /// Writes that the step failed, and why.
    pub fn failed(self, failure: &Failure) -> Result<()> {
        let detail = serde_json::json!({ "error": failure.message });
        self.end(State::Failed, detail)
    }

    /// Writes that what the step had changed was put back.
    pub fn undone(self, detail: Value) -> Result<()> {
        self.end(State::Undone, detail)
    }

    /// Milliseconds since the step began.
    pub fn duration_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn end(self, state: State, detail: Value) -> Result<()> {
        let entry = Entry {
            state,
            at: Timestamp::now(),
            duration_ms: Some(self.duration_ms()),
            detail,
            ..self.entry
        };
        Journal { path: self.journal }.append(&entry)
    }
}

/// Makes the state directory, readable by its owner only.
pub fn make_state_directory(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| {
            Failure::peer(format!(
                "cannot make the state directory {}: {error}",
                path.display()
            ))
            .hint("give another one as state_directory in site.json, or run as a user who may write there")
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_step_has_a_line_before_and_a_line_after() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::at(dir.path());
        let step = journal.begin("mkx-sample run", Name::Eb, None, json!({"percent": 10}));
        assert_eq!(journal.unfinished().unwrap().len(), 1);
        step.unwrap().done(json!({"rows": 7})).unwrap();
        let entries = journal.entries().unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].id, entries[1].id);
        assert_eq!(entries[1].state, State::Done);
        assert!(journal.unfinished().unwrap().is_empty());
    }

    #[test]
    fn a_line_that_a_crash_cut_off_spoils_only_itself() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::at(dir.path());
        let first = journal
            .begin("mkx-sample run", Name::Eb, None, json!({}))
            .unwrap();
        first.done(json!({})).unwrap();
        let path = dir.path().join("journal.jsonl");
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        assert_eq!(journal.entries().unwrap().len(), 1);
        let second = journal
            .begin("mkx-vault sync", Name::Eb, None, json!({}))
            .unwrap();
        second.done(json!({})).unwrap();
        assert_eq!(journal.entries().unwrap().len(), 3);
    }
}
