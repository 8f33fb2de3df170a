//! Which files of the manifest EB lacks: each is looked at in both vaults, nothing is changed.

use std::os::fd::OwnedFd;

use mkx_contract::tool::interrupt;
use mkx_contract::{Failure, Result};
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use crate::content;
use crate::fault::{Faults, Problem};
use crate::manifest::{Manifest, Wanted};
use crate::tree::{self, Root, called};
use crate::vaults::Vaults;
use crate::workers;

const BLOCK_BYTES: u64 = 4096;

/// A file that EB lacks.
#[derive(Clone, Copy)]
pub struct Lacking {
    /// Its position in the manifest.
    pub index: u32,
    /// Its size in blocks of 4 KiB, rounded up: what it takes on a disk.
    pub blocks: u32,
}

/// What was found.
#[derive(Default)]
pub struct Survey {
    /// Files to copy, in the manifest's order.
    pub lacking: Vec<Lacking>,
    /// Their size.
    pub bytes: u64,
    /// Files that are equal already.
    pub unchanged: u64,
    /// Optional files that EA does not have.
    pub absent: u64,
    /// What is not as it should be.
    pub faults: Faults,
}

impl Survey {
    /// What the files to copy take on a disk.
    pub fn allocated_bytes(&self) -> u64 {
        self.lacking
            .iter()
            .map(|file| u64::from(file.blocks) * BLOCK_BYTES)
            .sum()
    }

    fn absorb(&mut self, other: Survey) {
        self.lacking.extend(other.lacking);
        self.bytes += other.bytes;
        self.unchanged += other.unchanged;
        self.absent += other.absent;
        self.faults.absorb(other.faults);
    }
}

/// Looks at every file of the manifest. With `checksum`, contents decide, not sizes and times.
pub fn survey(vaults: &Vaults, manifest: &Manifest, jobs: usize, checksum: bool) -> Result<Survey> {
    let all = manifest.all();
    let runs = manifest.by_folder(&all);
    let parts = workers::share(jobs, &runs, Survey::default, |survey, run| {
        let positions = run.start as u32..run.end as u32;
        look_at_folder(vaults, manifest, positions, checksum, survey);
        !interrupt::arrived()
    });
    interrupt::check()?;
    let mut whole = Survey::default();
    for part in parts {
        whole.absorb(part);
    }
    whole.lacking.sort_unstable_by_key(|file| file.index);
    whole.faults.sort();
    Ok(whole)
}

/// The same folder in both vaults.
struct Folders {
    source: Result<OwnedFd, Errno>,
    target: Result<OwnedFd, Errno>,
}

fn look_at_folder(
    vaults: &Vaults,
    manifest: &Manifest,
    positions: std::ops::Range<u32>,
    checksum: bool,
    survey: &mut Survey,
) {
    let (folder, _) = manifest.get(positions.start).folder_and_name();
    let folders = Folders {
        source: vaults.source.folder(folder),
        target: vaults.target.folder(folder),
    };
    for index in positions {
        let wanted = manifest.get(index);
        let verdict = look_at(&folders, wanted, checksum);
        note(survey, index, wanted, verdict);
    }
}

/// What is to be done about one file.
enum Verdict {
    Copy { size_bytes: u64 },
    Unchanged,
    Missing,
    Mismatched(String),
    Refused(String),
    Failed(String),
}

fn note(survey: &mut Survey, index: u32, wanted: &Wanted, verdict: Verdict) {
    let faults = &mut survey.faults;
    let problem = |cause| Problem::new(&wanted.path, cause);
    match verdict {
        Verdict::Copy { size_bytes } => {
            survey.bytes += size_bytes;
            survey.lacking.push(Lacking {
                index,
                blocks: u32::try_from(size_bytes.div_ceil(BLOCK_BYTES)).unwrap_or(u32::MAX),
            });
        }
        Verdict::Unchanged => survey.unchanged += 1,
        Verdict::Missing if wanted.optional => survey.absent += 1,
        Verdict::Missing => faults.missing.push(wanted.path.to_string()),
        Verdict::Mismatched(cause) => faults.mismatched.push(problem(cause)),
        Verdict::Refused(cause) => faults.refused.push(problem(cause)),
        Verdict::Failed(cause) => faults.failed.push(problem(cause)),
    }
}

fn look_at(folders: &Folders, wanted: &Wanted, checksum: bool) -> Verdict {
    let name = wanted.folder_and_name().1;
    let source = match look_up(&folders.source, name) {
        Ok(Some(stat)) => stat,
        Ok(None) => return Verdict::Missing,
        Err(error) => return trouble(error, "EA's vault"),
    };
    if let Some(kind) = not_a_file(&source) {
        return Verdict::Refused(format!("it is {kind} in EA's vault"));
    }
    let target = match look_up(&folders.target, name) {
        Ok(stat) => stat,
        Err(error) => return trouble(error, "EB's vault"),
    };
    if let Some(target) = &target {
        if let Some(kind) = not_a_file(target) {
            return Verdict::Refused(format!("it is {kind} in EB's vault"));
        }
        if (source.st_dev, source.st_ino) == (target.st_dev, target.st_ino) {
            return Verdict::Refused("EB's file is production's own (a hard link or a bind mount); remove EB's name for it".into());
        }
    }
    let size_bytes = source.st_size as u64;
    if let Some(expected) = wanted.size_bytes.filter(|expected| *expected != size_bytes) {
        return Verdict::Mismatched(format!(
            "it has {size_bytes} bytes in EA's vault, the manifest says {expected}"
        ));
    }
    if checksum {
        return compare_contents(folders, wanted, target.is_some(), size_bytes);
    }
    match target {
        Some(target) if looks_equal(&source, &target) => Verdict::Unchanged,
        _ => Verdict::Copy { size_bytes },
    }
}

/// The file called `name`; nothing where it, or its folder, is not there.
fn look_up(folder: &Result<OwnedFd, Errno>, name: &str) -> Result<Option<Stat>, Errno> {
    let absent = |error| match error {
        Errno::NOENT => Ok(None),
        error => Err(error),
    };
    match folder {
        Ok(folder) => tree::stat(folder, name).map(Some).or_else(absent),
        Err(error) => absent(*error),
    }
}

fn trouble(error: Errno, place: &str) -> Verdict {
    match tree::refusal(error) {
        Some(cause) => Verdict::Refused(format!("{cause} in {place}")),
        None if error == Errno::NOTDIR => {
            Verdict::Refused(format!("a file is on the way in {place}"))
        }
        None => Verdict::Failed(format!("{} in {place}", std::io::Error::from(error))),
    }
}

fn not_a_file(stat: &Stat) -> Option<&'static str> {
    match tree::kind(stat) {
        FileType::RegularFile => None,
        other => Some(called(other)),
    }
}

fn looks_equal(source: &Stat, target: &Stat) -> bool {
    source.st_size == target.st_size
        && source.st_mtime == target.st_mtime
        && source.st_mtime_nsec == target.st_mtime_nsec
}

fn compare_contents(folders: &Folders, wanted: &Wanted, exists: bool, size_bytes: u64) -> Verdict {
    let failed = |place: &str, error: Errno| {
        Verdict::Failed(format!("{} in {place}", std::io::Error::from(error)))
    };
    let (Ok(source), name) = (&folders.source, wanted.folder_and_name().1) else {
        return Verdict::Missing;
    };
    if let Some(expected) = wanted.sha256 {
        match content::digest(source, name) {
            Ok(digest) if digest == expected => {}
            Ok(_) => {
                return Verdict::Mismatched(
                    "its SHA-256 in EA's vault is not the manifest's".into(),
                );
            }
            Err(error) => return failed("EA's vault", error),
        }
    }
    match &folders.target {
        Ok(target) if exists => match content::equal(source, target, name) {
            Ok(true) => Verdict::Unchanged,
            Ok(false) => Verdict::Copy { size_bytes },
            Err(error) => failed("one of the vaults", error),
        },
        _ => Verdict::Copy { size_bytes },
    }
}

/// Fails where the files that EB lacks do not fit with `min_free_bytes` to spare, or returns the
/// free space.
pub fn check_space(target: &Root, survey: &Survey, min_free_bytes: u64) -> Result<u64> {
    let space = free_space(target)?;
    let needed = survey.allocated_bytes().saturating_add(min_free_bytes);
    if space.bytes < needed {
        return Err(Failure::peer(format!(
            "cannot copy {} files into {}: they take {} bytes and {min_free_bytes} must stay free, but only {} are",
            survey.lacking.len(),
            target.path.display(),
            survey.allocated_bytes(),
            space.bytes
        ))
        .hint("make room (mkx-vault prune removes what no manifest names), or lower --min-free"));
    }
    let files = survey.lacking.len() as u64;
    if space.files.is_some_and(|free| free < files) {
        return Err(Failure::peer(format!(
            "cannot copy {files} files into {}: its file system has only {} inodes left",
            target.path.display(),
            space.files.unwrap_or(0)
        )));
    }
    Ok(space.bytes)
}

/// What is left in a file system for this user.
pub struct Space {
    /// Bytes.
    pub bytes: u64,
    /// Files; nothing where the file system does not count them.
    pub files: Option<u64>,
    /// The file system's size in bytes.
    pub total_bytes: u64,
}

/// Asks a vault's file system.
pub fn free_space(root: &Root) -> Result<Space> {
    let stat = rustix::fs::fstatvfs(root.fd()).map_err(|error| {
        Failure::peer(format!(
            "cannot ask {} for its free space: {}",
            root.path.display(),
            std::io::Error::from(error)
        ))
    })?;
    Ok(Space {
        bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        files: (stat.f_files > 0).then_some(stat.f_favail),
        total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
    })
}
