//! Which files of the manifest EB lacks: each is looked at in both vaults, nothing is changed.

use std::os::fd::OwnedFd;

use mkx_contract::tool::interrupt;
use mkx_contract::{Failure, Result};
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use crate::content;
use crate::fault::{Fault, Faults, failed, on_the_way};
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
        let blocks = self.lacking.iter().map(|file| u64::from(file.blocks));
        blocks.sum::<u64>() * BLOCK_BYTES
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
    let (parts, result) = workers::share(jobs, &runs, Survey::default, |survey, run| {
        let (folder, _) = manifest.get(run.start as u32).folder_and_name();
        let folders = Folders {
            source: vaults.source.folder(folder),
            target: vaults.target.folder(folder),
        };
        for index in run.start as u32..run.end as u32 {
            let wanted = manifest.get(index);
            note(survey, index, wanted, look_at(&folders, wanted, checksum));
        }
        interrupt::check()
    });
    result?;
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

/// What is to be done about one file.
enum Verdict {
    Copy { size_bytes: u64 },
    Unchanged,
}

fn note(survey: &mut Survey, index: u32, wanted: &Wanted, verdict: Result<Verdict, Fault>) {
    match verdict {
        Ok(Verdict::Copy { size_bytes }) => {
            survey.bytes += size_bytes;
            survey.lacking.push(Lacking {
                index,
                blocks: u32::try_from(size_bytes.div_ceil(BLOCK_BYTES)).unwrap_or(u32::MAX),
            });
        }
        Ok(Verdict::Unchanged) => survey.unchanged += 1,
        Err(Fault::Missing) if wanted.optional => survey.absent += 1,
        Err(fault) => survey.faults.add(&wanted.path, fault),
    }
}

fn look_at(folders: &Folders, wanted: &Wanted, checksum: bool) -> Result<Verdict, Fault> {
    let name = wanted.folder_and_name().1;
    let source = look_up(&folders.source, name, "EA's vault")?.ok_or(Fault::Missing)?;
    let target = look_up(&folders.target, name, "EB's vault")?;
    let inode = |stat: &Stat| (stat.st_dev, stat.st_ino);
    if target.is_some_and(|target| inode(&target) == inode(&source)) {
        return Err(Fault::Refused(
            "EB's file is production's own (a hard link or a bind mount); remove EB's name for it"
                .into(),
        ));
    }
    let size_bytes = source.st_size as u64;
    if let Some(expected) = wanted.size_bytes.filter(|expected| *expected != size_bytes) {
        return Err(Fault::Mismatched(format!(
            "it has {size_bytes} bytes in EA's vault, the manifest says {expected}"
        )));
    }
    let is_equal = match checksum {
        true => has_equal_contents(folders, wanted, target.is_some())?,
        false => target.is_some_and(|target| looks_equal(&source, &target)),
    };
    Ok(match is_equal {
        true => Verdict::Unchanged,
        false => Verdict::Copy { size_bytes },
    })
}

/// The regular file called `name`; nothing where it, or its folder, is not there.
fn look_up(
    folder: &Result<OwnedFd, Errno>,
    name: &str,
    place: &str,
) -> Result<Option<Stat>, Fault> {
    let found = folder.as_ref().map_err(|error| *error);
    match found.and_then(|folder| tree::stat(folder, name)) {
        Ok(stat) => match tree::kind(&stat) {
            FileType::RegularFile => Ok(Some(stat)),
            other => Err(Fault::Refused(format!(
                "it is {} in {place}",
                called(other)
            ))),
        },
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::NOTDIR) => Err(Fault::Refused(format!("a file is on the way in {place}"))),
        Err(error) => Err(on_the_way(error, place)),
    }
}

fn looks_equal(source: &Stat, target: &Stat) -> bool {
    source.st_size == target.st_size
        && source.st_mtime == target.st_mtime
        && source.st_mtime_nsec == target.st_mtime_nsec
}

fn has_equal_contents(folders: &Folders, wanted: &Wanted, exists: bool) -> Result<bool, Fault> {
    let (Ok(source), name) = (&folders.source, wanted.folder_and_name().1) else {
        return Err(Fault::Missing);
    };
    if let Some(expected) = wanted.sha256 {
        let digest = content::digest(source, name);
        if digest.map_err(|error| failed(error, "EA's vault"))? != expected {
            let cause = "its SHA-256 in EA's vault is not the manifest's".into();
            return Err(Fault::Mismatched(cause));
        }
    }
    match &folders.target {
        Ok(target) if exists => {
            content::equal(source, target, name).map_err(|error| failed(error, "one of the vaults"))
        }
        _ => Ok(false),
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
    if let Some(free) = space.files.filter(|free| *free < files) {
        return Err(Failure::peer(format!(
            "cannot copy {files} files into {}: its file system has only {free} inodes left",
            target.path.display()
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
        let (path, error) = (root.path.display(), std::io::Error::from(error));
        Failure::peer(format!("cannot ask {path} for its free space: {error}"))
    })?;
    Ok(Space {
        bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        files: (stat.f_files > 0).then_some(stat.f_favail),
        total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
    })
}
