//! What mkx-vault answers.

use mkx_contract::tool::voice;
use mkx_contract::{Answer, Failure, Record, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A file and what is the matter with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Relative to the vault; bytes that are not UTF-8 show as U+FFFD.
    pub path: String,
    /// What is the matter.
    pub cause: String,
}

impl Problem {
    /// A file and what is the matter with it.
    pub fn new(path: &str, cause: impl Into<String>) -> Problem {
        Problem {
            path: path.to_owned(),
            cause: cause.into(),
        }
    }
}

/// Files that were not as the manifest says, or could not be had.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Findings {
    /// Required files that EA's vault does not have.
    pub missing: Vec<String>,
    /// Files of EA's vault whose size or digest is not the manifest's; they were not copied.
    pub mismatched: Vec<Problem>,
    /// Files that may not be read or written: what they are, or the way to them.
    pub refused: Vec<Problem>,
    /// Files that could not be read or written; trying again may help.
    pub failed: Vec<Problem>,
}

impl Findings {
    /// Adds another worker's.
    pub fn absorb(&mut self, other: Findings) {
        self.missing.extend(other.missing);
        self.mismatched.extend(other.mismatched);
        self.refused.extend(other.refused);
        self.failed.extend(other.failed);
    }

    /// In the order of the paths, whatever the order of the work was.
    pub fn sort(&mut self) {
        self.missing.sort();
        self.mismatched.sort();
        self.refused.sort();
        self.failed.sort();
    }

    /// True where every file was as it should be.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty()
            && self.mismatched.is_empty()
            && self.refused.is_empty()
            && self.failed.is_empty()
    }

    /// The exit code that the findings mean, said on stderr too.
    pub fn answer(&self, verb: &str) -> Result<Answer> {
        if let Some(failure) = first(&self.failed, verb) {
            return Err(
                Failure::peer(failure).hint("run it again; what is already there is skipped")
            );
        }
        if let Some(failure) = first(&self.refused, verb) {
            return Err(Failure::input(failure));
        }
        if let Some(mismatch) = first(&self.mismatched, verb) {
            voice::warn(mismatch);
        }
        if let [path, rest @ ..] = self.missing.as_slice() {
            let more = and_more(rest.len());
            voice::warn(format!("EA's vault does not have {path:?}{more}"));
        }
        Ok(Answer::from(self.is_empty()))
    }
}

/// "cannot VERB "PATH": CAUSE (and 3 more)", where there is a problem.
pub fn first(problems: &[Problem], verb: &str) -> Option<String> {
    let (problem, rest) = problems.split_first()?;
    let more = and_more(rest.len());
    Some(format!(
        "cannot {verb} {:?}: {}{more}",
        problem.path, problem.cause
    ))
}

fn and_more(count: usize) -> String {
    match count {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    }
}

/// What `sync` would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// EA's vault.
    pub from: String,
    /// EB's vault.
    pub to: String,
    /// Files that the manifest names.
    pub files: u64,
    /// Files that would be copied.
    pub to_copy: u64,
    /// Their size.
    pub bytes_to_copy: u64,
    /// Files that EB has already.
    pub unchanged: u64,
    /// Optional files that EA does not have.
    pub absent: u64,
    /// Free space in EB's vault; null where there is nothing to copy.
    pub free_bytes: Option<u64>,
    /// What must stay free.
    pub min_free_bytes: u64,
    /// True where the files fit.
    pub fits: bool,
    /// What is not as it should be.
    #[serde(flatten)]
    pub findings: Findings,
}

impl Record for Plan {
    const RECORD: &'static str = "mkx.vault.plan/1";
}

/// What `sync` did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// True where EB now has every file that the manifest requires.
    pub ok: bool,
    /// EA's vault.
    pub from: String,
    /// EB's vault.
    pub to: String,
    /// Files that the manifest names.
    pub files: u64,
    /// Files that were copied.
    pub copied: u64,
    /// Files that EB had already.
    pub unchanged: u64,
    /// Optional files that EA does not have.
    pub absent: u64,
    /// Size of what was copied.
    pub bytes_copied: u64,
    /// How many of the copies share their blocks with EA's until one is written to (reflinks).
    pub reflinked: u64,
    /// Unfinished files of a run that died, removed.
    pub leftovers_removed: u64,
    /// What is not as it should be.
    #[serde(flatten)]
    pub findings: Findings,
    /// The whole run, reading the manifest left out.
    pub duration_ms: u64,
    /// Files looked at or copied in a second.
    pub files_per_second: u64,
}

impl Record for Report {
    const RECORD: &'static str = "mkx.vault.report/1";
}
