//! `mkx-vault verify`: whether EB's vault holds exactly what the manifest says. It reads files and
//! trusts no note of `sync`.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use clap::Args;
use mkx_contract::record::finding::{Finding, Findings};
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::{findings, interrupt};
use mkx_contract::{Answer, EnvironmentName, Record, Result};
use rustix::fs::FileType;
use rustix::io::Errno;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::asset::Kinds;
use crate::content;
use crate::fault::{Problem, Rule, causes, first, paths, stop};
use crate::manifest::{Manifest, Wanted};
use crate::tree::{self, Root, called};
use crate::vaults::{Directories, Vaults, accepted};
use crate::workers;

/// What `verify` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The manifest; `-` is stdin
    #[arg(default_value = "-", value_name = "MANIFEST")]
    manifest: PathBuf,

    #[command(flatten)]
    directories: Directories,

    /// Threads
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,

    /// Let EB have files that the manifest could name and does not
    #[arg(long)]
    allow_extra: bool,

    #[command(flatten)]
    findings: findings::Arguments,
}

/// Whether EB's vault is as the manifest says.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    /// True where it is.
    pub ok: bool,
    /// EA's vault.
    pub from: String,
    /// EB's vault.
    pub to: String,
    /// Files that the manifest names.
    pub files: u64,
    /// Files that have the manifest's size and digest, or EA's content.
    pub equal: u64,
    /// Optional files that neither vault has.
    pub absent: u64,
    /// Files that EB should have and has not.
    pub missing: Vec<String>,
    /// Files that are not what they should be.
    pub differing: Vec<Problem>,
    /// Paths of the manifest that can not be used.
    pub refused: Vec<Problem>,
    /// Files that could not be read.
    pub failed: Vec<Problem>,
    /// Files of a sampled kind that the manifest does not name, and unfinished ones.
    pub extra: Vec<String>,
    /// The same by cause.
    pub findings: Findings,
}

impl Record for Verification {
    const RECORD: &'static str = "mkx.vault.verification/1";
}

/// `mkx-vault verify`.
pub fn verify(common: &Common, arguments: &Arguments) -> Result<Answer> {
    if let Some(answer) = arguments.findings.explained::<Rule>() {
        return answer;
    }
    let (site, manifest) =
        Manifest::read_with_site(common, &arguments.directories, &arguments.manifest)?;
    let vaults = Vaults::open(site.as_ref(), &arguments.directories)?;
    let mut found = compare(&vaults, &manifest, usize::from(arguments.jobs))?;
    let kinds = Kinds::of(site.as_ref(), EnvironmentName::Eb)?;
    found.extra = extra(&vaults.target, &manifest, &kinds)?;
    found.refused.extend(manifest.refused.iter().cloned());
    let causes = found.findings(&vaults.target, arguments.allow_extra);
    found.findings = Findings::gather(causes, accepted(site.as_ref()), &APPLIED);
    found.ok = found.findings.ok();
    found.files = manifest.len() as u64;
    found.from = vaults.source.path.display().to_string();
    found.to = vaults.target.path.display().to_string();
    let unseen = first(&found.failed, "look at");
    arguments
        .findings
        .print::<Rule>(&found, &found.findings, unseen.as_slice())?;
    stop(&found.failed, &found.refused, "verify")?;
    Ok(Answer::from(found.ok))
}

/// The rules of what `verify` looks at.
const APPLIED: [Rule; 5] = [
    Rule::MissingInTarget,
    Rule::DifferingInTarget,
    Rule::PathRefused,
    Rule::FileFailed,
    Rule::ExtraInTarget,
];

impl Verification {
    fn findings(&self, target: &Root, allow_extra: bool) -> Vec<Finding> {
        let eb = EnvironmentName::Eb;
        let extra = Rule::ExtraInTarget.of(eb, target, paths(&self.extra));
        [
            Rule::MissingInTarget.of(eb, target, paths(&self.missing)),
            Rule::DifferingInTarget.of(eb, target, causes(&self.differing)),
            Rule::PathRefused.of(eb, target, causes(&self.refused)),
            Rule::FileFailed.of(eb, target, causes(&self.failed)),
            extra.map(|found| if allow_extra { found.warning() } else { found }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn compare(vaults: &Vaults, manifest: &Manifest, jobs: usize) -> Result<Verification> {
    let all = manifest.all();
    let runs = manifest.by_folder(&all);
    let (parts, result) = workers::share(jobs, &runs, Verification::default, |found, run| {
        let (folder, _) = manifest.get(all[run.start]).folder_and_name();
        let source = vaults.source.folder(folder);
        let target = vaults.target.folder(folder);
        for &index in &all[run] {
            let wanted = manifest.get(index);
            note(found, wanted, judge(&source, &target, wanted));
        }
        interrupt::check()
    });
    result?;
    let mut whole = Verification::default();
    for part in parts {
        whole.equal += part.equal;
        whole.absent += part.absent;
        whole.missing.extend(part.missing);
        whole.differing.extend(part.differing);
        whole.failed.extend(part.failed);
    }
    whole.missing.sort();
    whole.differing.sort();
    whole.failed.sort();
    Ok(whole)
}

enum Verdict {
    Equal,
    Absent,
    Missing,
    Differs(String),
}

fn note(found: &mut Verification, wanted: &Wanted, verdict: Result<Verdict, Errno>) {
    let problem = |cause: String| Problem::new(&wanted.path, cause);
    match verdict {
        Ok(Verdict::Equal) => found.equal += 1,
        Ok(Verdict::Absent) => found.absent += 1,
        Ok(Verdict::Missing) => found.missing.push(wanted.path.to_string()),
        Ok(Verdict::Differs(cause)) => found.differing.push(problem(cause)),
        Err(error) => match tree::refusal(error) {
            Some(cause) => found.differing.push(problem(cause.into())),
            None => {
                let cause = std::io::Error::from(error).to_string();
                found.failed.push(problem(cause));
            }
        },
    }
}

type Folder = rustix::io::Result<OwnedFd>;

fn judge(source: &Folder, target: &Folder, wanted: &Wanted) -> Result<Verdict, Errno> {
    let name = wanted.folder_and_name().1;
    let differs = |cause: &str| Ok(Verdict::Differs(cause.into()));
    let Some((folder, stat)) = look_up(target, name)? else {
        let known = look_up(source, name).is_ok_and(|found| found.is_some());
        return Ok(match wanted.optional && !known {
            true => Verdict::Absent,
            false => Verdict::Missing,
        });
    };
    match tree::kind(&stat) {
        FileType::RegularFile => {}
        other => return Ok(Verdict::Differs(format!("it is {}", called(other)))),
    }
    let size = stat.st_size as u64;
    if let Some(expected) = wanted.size_bytes.filter(|expected| *expected != size) {
        let cause = format!("it has {size} bytes, the manifest says {expected}");
        return Ok(Verdict::Differs(cause));
    }
    // before any content: production's own file has the right one, and is no copy
    let original = look_up(source, name)?;
    if let Some((_, original)) = &original
        && (original.st_dev, original.st_ino) == (stat.st_dev, stat.st_ino)
    {
        return differs("it is production's own file (a hard link or a bind mount)");
    }
    if let Some(expected) = wanted.sha256 {
        return match content::digest(folder, name)? == expected {
            true => Ok(Verdict::Equal),
            false => differs("its SHA-256 is not the manifest's"),
        };
    }
    match original {
        None => differs("EA's vault does not have it"),
        Some((_, original)) if tree::kind(&original) != FileType::RegularFile => {
            differs("it is not a file in EA's vault")
        }
        Some((source, _)) if content::equal(source, folder, name)? => Ok(Verdict::Equal),
        Some(_) => differs("its content is not that of EA's file"),
    }
}

/// The file called `name` and the folder it is in; nothing where it is not there.
fn look_up<'a>(
    folder: &'a Folder,
    name: &str,
) -> rustix::io::Result<Option<(&'a OwnedFd, rustix::fs::Stat)>> {
    let folder = folder.as_ref().map_err(|error| *error);
    match folder.and_then(|folder| Ok((folder, tree::stat(folder, name)?))) {
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        found => found.map(Some),
    }
}

/// What the manifest does not name although it could.
fn extra(target: &Root, manifest: &Manifest, kinds: &Kinds<'_>) -> Result<Vec<String>> {
    let mut extra = Vec::new();
    tree::walk(target, &mut |_, item| {
        let is_meant = || kinds.is_sampled(item.path) || kinds.is_temporary(item.path);
        if item.kind != FileType::Directory && is_meant() && !manifest.names(item.path) {
            extra.push(item.path.to_owned());
        }
        Ok(())
    })?;
    extra.sort();
    Ok(extra)
}
