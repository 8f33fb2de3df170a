//! Files that are not as the manifest says: file by file for scripts, and as findings by cause.

use mkx_contract::record::finding::{Accepted, Evidence, Finding, Findings, Rule as _};
use mkx_contract::tool::voice;
use mkx_contract::{Answer, EnvironmentName, Failure, Result};
use rustix::io::Errno;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tree::{self, Root};

/// A finding names the first files of its cause; the lists beside it have them all.
const PLACES: usize = 20;

mkx_contract::rules! {
    /// The rules.
    pub enum Rule {
        MissingInSource "missing-in-source" Error "production's vault lacks files of the manifest"
            why "rows that development gets refer to files that are not there"
            fix "bring the files back in production, or remove what refers to them there";
        MismatchedInSource "mismatched-in-source" Error "production's files are not as the manifest says"
            why "they have changed since the manifest was written, or are damaged; they are not copied"
            fix "write the manifest anew (mkx-sample files), or mend the files in production";
        PathRefused "path-refused" Error "the manifest names what may not be read or written"
            why "a symlink, a mount or an odd path could lead out of the vault"
            fix "mend the manifest, or replace what is on the way by a plain folder or file";
        FileFailed "file-failed" Error "files could not be read or written"
            why "whether they are as they should be is not known"
            fix "see to the disk and run it again; what is there already is skipped";
        MissingInTarget "missing-in-target" Error "development's vault lacks files of the manifest"
            why "rows of development refer to files that are not there"
            fix "mkx-vault sync";
        DifferingInTarget "differing-in-target" Error "development's files are not what they should be"
            why "development shows something else than production, or shares production's own files"
            fix "mkx-vault sync --checksum; a link to production's file has to be removed first";
        ExtraInTarget "extra-in-target" Error "development's vault has files that the manifest does not name"
            why "files of people who are not in the sample may be among them"
            fix "mkx-vault prune, or verify with --allow-extra";
    }
}

impl Rule {
    /// One finding for all files of a vault that have the fault, where any has.
    pub fn of<'a>(
        self,
        environment: EnvironmentName,
        vault: &Root,
        files: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
    ) -> Option<Finding> {
        let (count, title) = (files.len(), self.explanation().title);
        let places: Vec<Evidence> = files
            .take(PLACES)
            .map(|(path, cause)| Evidence::file(environment, path, None).what(cause))
            .collect();
        let vault = vault.path.display().to_string();
        let finding = self.finding(vault, format!("{title}: {count}"));
        (count > 0).then(|| finding.at_all(places))
    }
}

/// Files without more to say about each.
pub fn paths(files: &[String]) -> impl ExactSizeIterator<Item = (&str, &str)> {
    files.iter().map(|path| (path.as_str(), ""))
}

/// Files and what is the matter with each.
pub fn causes(files: &[Problem]) -> impl ExactSizeIterator<Item = (&str, &str)> {
    let files = files.iter();
    files.map(|problem| (problem.path.as_str(), problem.cause.as_str()))
}

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
pub struct Faults {
    /// Required files that EA's vault does not have.
    pub missing: Vec<String>,
    /// Files of EA's vault whose size or digest is not the manifest's; they were not copied.
    pub mismatched: Vec<Problem>,
    /// Files that may not be read or written: what they are, or the way to them.
    pub refused: Vec<Problem>,
    /// Files that could not be read or written; trying again may help.
    pub failed: Vec<Problem>,
}

/// What is the matter with one file.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// EA's vault does not have it.
    Missing,
    /// It is not as the manifest says.
    Mismatched(String),
    /// It may not be read or written.
    Refused(String),
    /// It could not be read or written.
    Failed(String),
}

/// What an error on the way to a file means.
pub fn on_the_way(error: Errno, place: &str) -> Fault {
    match tree::refusal(error) {
        Some(cause) => Fault::Refused(format!("{cause} in {place}")),
        None => failed(error, place),
    }
}

/// An error that tells nothing about the file.
pub fn failed(error: Errno, place: &str) -> Fault {
    let error = std::io::Error::from(error);
    Fault::Failed(format!("{error} in {place}"))
}

impl Faults {
    /// Adds a file's.
    pub fn add(&mut self, path: &str, fault: Fault) {
        let (files, cause) = match fault {
            Fault::Missing => return self.missing.push(path.to_owned()),
            Fault::Mismatched(cause) => (&mut self.mismatched, cause),
            Fault::Refused(cause) => (&mut self.refused, cause),
            Fault::Failed(cause) => (&mut self.failed, cause),
        };
        files.push(Problem::new(path, cause));
    }

    /// Adds another worker's.
    pub fn absorb(&mut self, other: Faults) {
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

    /// The same by cause, held against what the site lives with.
    pub fn findings(&self, source: &Root, accepted: &[Accepted]) -> Findings {
        use Rule::{FileFailed, MismatchedInSource, MissingInSource, PathRefused};
        let ea = EnvironmentName::Ea;
        let found = [
            MissingInSource.of(ea, source, paths(&self.missing)),
            MismatchedInSource.of(ea, source, causes(&self.mismatched)),
            PathRefused.of(ea, source, causes(&self.refused)),
            FileFailed.of(ea, source, causes(&self.failed)),
        ];
        let applied = [MissingInSource, MismatchedInSource, PathRefused, FileFailed];
        Findings::gather(found.into_iter().flatten().collect(), accepted, &applied)
    }

    /// The exit code that the faults mean, said on stderr too.
    pub fn answer(&self, findings: &Findings) -> Result<Answer> {
        stop(&self.failed, &self.refused, "copy")?;
        if let Some(mismatch) = first(&self.mismatched, "copy") {
            voice::warn(mismatch);
        }
        if let [path, rest @ ..] = self.missing.as_slice() {
            let more = and_more(rest.len());
            voice::warn(format!("EA's vault does not have {path:?}{more}"));
        }
        Ok(Answer::from(findings.ok()))
    }
}

/// What could not be read or may not be is no answer.
///
/// # Errors
/// Exit 4 and 3.
pub fn stop(failed: &[Problem], refused: &[Problem], verb: &str) -> Result<()> {
    if let Some(failure) = first(failed, verb) {
        return Err(Failure::peer(failure).hint("run it again; what is already there is skipped"));
    }
    match first(refused, verb) {
        Some(failure) => Err(Failure::input(failure)),
        None => Ok(()),
    }
}

/// "cannot VERB "PATH": CAUSE (and 3 more)", where there is a problem.
pub fn first(problems: &[Problem], verb: &str) -> Option<String> {
    let (problem, rest) = problems.split_first()?;
    let (Problem { path, cause }, more) = (problem, and_more(rest.len()));
    Some(format!("cannot {verb} {path:?}: {cause}{more}"))
}

fn and_more(count: usize) -> String {
    match count {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    }
}
