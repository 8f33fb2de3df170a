//! One step that changes something: the site's lock, a line of the journal before, the work, and
//! a line after it, whatever becomes of the work.
//!
//! ```text
//! step::lock(&site.state_directory, "mkx-vault sync")?    others are refused from here on
//!     .run(Eb, detail, || …)                               started … done, failed or undone
//! ```
//!
//! A step may belong to something longer that spans processes (a flip): while one is open in the
//! journal, every step without its id (`--part-of ID`, `MKX_PART_OF`) is refused.

use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::journal::{Journal, Started};
use super::lock::SiteLock;
use super::{interrupt, voice};
use crate::record::journal::Entry;
use crate::{EnvironmentName, Failure, Result};

static PART_OF: OnceLock<String> = OnceLock::new();

/// Sets what this process's steps belong to (`--part-of`).
pub fn set_part_of(id: &str) {
    let _ = PART_OF.set(id.to_owned());
}

/// What this process's steps belong to.
pub fn part_of() -> Option<&'static str> {
    PART_OF.get().map(String::as_str)
}

/// How the work of a step ended.
#[derive(Debug)]
pub enum End {
    /// As it should; the journal says what was done.
    Done(Value),
    /// What had been changed was put back.
    Undone(Value),
    /// It failed, and there is an answer all the same.
    Failed(Failure),
}

/// The right to take a step: the lock is held until it is dropped.
#[must_use = "the lock is free again when it is dropped"]
pub struct Turn {
    name: String,
    journal: Option<Journal>,
    _lock: Option<SiteLock>,
}

/// Takes the site's lock for a step; `name` is tool and verb: `mkx-sample run`.
///
/// # Errors
/// Exit 5 where another run holds it, or where something longer is open that the step does not
/// belong to.
pub fn lock(state_directory: &Path, name: &str) -> Result<Turn> {
    let lock = SiteLock::take(state_directory, name)?;
    Ok(Turn {
        _lock: Some(lock),
        ..unlocked(state_directory, name)?
    })
}

/// A step that must not keep others waiting, since a person decides when it ends.
///
/// # Errors
/// As [`lock`], but for the lock.
pub fn unlocked(state_directory: &Path, name: &str) -> Result<Turn> {
    let turn = Turn {
        name: name.to_owned(),
        journal: Some(Journal::at(state_directory)),
        _lock: None,
    };
    turn.check_part_of()?;
    Ok(turn)
}

/// A step on files of the user's own, before there is a site or by somebody who is not the site's
/// user: it is noted where the state directory is there and may be written to.
///
/// # Errors
/// As [`lock`], where it is.
pub fn noted(state_directory: &Path, name: &str) -> Result<Turn> {
    use rustix::fs::{Access, access};
    if access(state_directory, Access::WRITE_OK).is_ok() {
        return lock(state_directory, name);
    }
    if state_directory.exists() {
        voice::say(format!(
            "not noted in the journal: {} is another user's",
            state_directory.display()
        ));
    }
    Ok(Turn {
        name: name.to_owned(),
        journal: None,
        _lock: None,
    })
}

impl Turn {
    /// Runs `work` as one step. Its failure is told as it is, also where the journal can not be
    /// written any more; once a signal has arrived, it is the signal's.
    ///
    /// # Errors
    /// Those of `work`, and exit 4 where the journal can not be written before it.
    pub fn run<T>(
        &self,
        environment: EnvironmentName,
        detail: Value,
        work: impl FnOnce() -> Result<(T, End)>,
    ) -> Result<T> {
        let Some(journal) = &self.journal else {
            return work().map(|(answer, _)| answer);
        };
        let started = journal.begin(&self.name, environment, part_of(), detail)?;
        match work() {
            Ok((answer, End::Done(detail))) => noting(started.done(detail)).map(|()| answer),
            Ok((answer, End::Undone(detail))) => noting(started.undone(detail)).map(|()| answer),
            Ok((answer, End::Failed(failure))) => {
                note_failure(started, &failure);
                Ok(answer)
            }
            Err(failure) => {
                let failure = interrupt::explain(failure);
                note_failure(started, &failure);
                Err(failure)
            }
        }
    }

    /// [`Turn::run`] for work whose answer is all there is to say.
    ///
    /// # Errors
    /// As [`Turn::run`].
    pub fn run_plain<T>(
        &self,
        environment: EnvironmentName,
        detail: Value,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.run(environment, detail, || {
            work().map(|answer| (answer, End::Done(json!({}))))
        })
    }

    fn check_part_of(&self) -> Result<()> {
        let open = match &self.journal {
            Some(journal) => journal.opened()?,
            None => None,
        };
        match (open, part_of()) {
            (Some(open), given) if given != Some(&open.id) => Err(refused(&open)),
            (None, Some(id)) => Err(Failure::refused(format!(
                "cannot take a step as part of {id}: it is not open in the journal"
            ))
            .hint(
                "leave out --part-of (MKX_PART_OF), or look at what became of it: mkx-flip history",
            )),
            _ => Ok(()),
        }
    }
}

fn refused(open: &Entry) -> Failure {
    Failure::refused(format!(
        "cannot change the site: {} is open since {} ({})",
        open.step, open.at, open.id
    ))
    .hint(format!(
        "end it first; a step that belongs to it says so: --part-of {}",
        open.id
    ))
}

/// The work is done and stays done; that the journal lacks its end must be said.
fn noting(noted: Result<()>) -> Result<()> {
    noted.map_err(|failure| failure.context("the step was done, and is not noted"))
}

fn note_failure(started: Started, failure: &Failure) {
    if let Err(unwritten) = started.failed(failure) {
        voice::warn(format!("{unwritten}; the step's own failure is below"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::journal::State;

    const EB: EnvironmentName = EnvironmentName::Eb;

    fn states(folder: &Path) -> Vec<State> {
        let entries = Journal::at(folder).entries().unwrap();
        entries.iter().map(|entry| entry.state).collect()
    }

    #[test]
    fn a_step_has_a_line_before_and_one_for_how_it_ended() {
        let dir = tempfile::tempdir().unwrap();
        let turn = lock(dir.path(), "mkx-vault sync").unwrap();
        turn.run_plain(EB, json!({}), || Ok(())).unwrap();
        turn.run(EB, json!({}), || Ok(((), End::Undone(json!({})))))
            .unwrap();
        let failed = turn.run_plain::<()>(EB, json!({}), || Err(Failure::peer("the disk")));
        assert_eq!(failed.unwrap_err().message, "the disk");
        let (s, d, u, f) = (State::Started, State::Done, State::Undone, State::Failed);
        assert_eq!(states(dir.path()), [s, d, s, u, s, f]);
    }

    #[test]
    fn the_cause_is_not_lost_where_the_journal_can_not_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let turn = lock(dir.path(), "mkx-vault sync").unwrap();
        let failed = turn.run_plain::<()>(EB, json!({}), || {
            let journal = dir.path().join("journal.jsonl");
            std::fs::remove_file(&journal).unwrap();
            std::fs::create_dir(&journal).unwrap();
            Err(Failure::peer("the database is gone"))
        });
        assert_eq!(failed.unwrap_err().message, "the database is gone");
    }

    #[test]
    fn a_step_without_lock_stops_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let shell = unlocked(dir.path(), "mkx-compose exec").unwrap();
        shell
            .run_plain(EB, json!({}), || {
                lock(dir.path(), "mkx-sample run").map(drop)
            })
            .unwrap();
    }

    #[test]
    fn while_something_longer_is_open_every_other_step_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::at(dir.path());
        let id = journal
            .open("mkx-flip", EnvironmentName::Ea, json!({}))
            .unwrap();
        let steps = [lock, unlocked, noted];
        for step in steps {
            let failure = step(dir.path(), "mkx-compose up").err().unwrap();
            assert_eq!(failure.kind.exit_code(), 5);
            assert!(failure.hint.unwrap().contains(&id));
        }
        journal.close(&id, State::Done, json!({})).unwrap();
        for step in steps {
            assert!(step(dir.path(), "mkx-compose up").is_ok());
        }
    }

    #[test]
    fn files_of_ones_own_need_no_state_directory() {
        let dir = tempfile::tempdir().unwrap();
        let absent = dir.path().join("state");
        let turn = noted(&absent, "mkx-compose init").unwrap();
        turn.run_plain(EB, json!({}), || Ok(())).unwrap();
        assert!(!absent.exists());
    }
}
