//! Copying what EB lacks, a batch at a time: every file of a batch to a temporary name, one
//! `syncfs`, every name exchanged, and one `syncfs` after the last. So a name in EB's vault means a
//! whole file at every instant, after a power cut too, and the disk is asked to flush a few times,
//! not once a file.

use std::os::fd::{AsFd, OwnedFd};

use mkx_contract::tool::interrupt;
use mkx_contract::tool::progress::Bar;
use mkx_contract::{Failure, Result};
use rustix::io::Errno;

use crate::copy::{self, Buffer, Copied, Copier, Trouble};
use crate::fault::{Fault, Faults, on_the_way};
use crate::manifest::{Manifest, Wanted};
use crate::survey::Lacking;
use crate::temporary::Namer;
use crate::vaults::Vaults;
use crate::workers;

const BATCH_FILES: usize = 32 * 1024;
/// In blocks of 4 KiB.
const BATCH_BLOCKS: u64 = 512 * 1024 * 1024 / 4096;

/// What was copied.
#[derive(Default)]
pub struct Tally {
    /// Files that have their name.
    pub copied: u64,
    /// Their size.
    pub bytes: u64,
    /// How many of them are reflinks.
    pub reflinked: u64,
    /// Optional files that went away.
    pub absent: u64,
    /// What went wrong with single files.
    pub faults: Faults,
}

impl Tally {
    fn absorb(&mut self, other: Tally) {
        self.copied += other.copied;
        self.bytes += other.bytes;
        self.reflinked += other.reflinked;
        self.absent += other.absent;
        self.faults.absorb(other.faults);
    }
}

/// Copies files from one vault to the other.
pub struct Batches<'a> {
    /// Both vaults.
    pub vaults: &'a Vaults,
    /// Where positions lead to.
    pub manifest: &'a Manifest,
    /// Threads.
    pub jobs: usize,
    /// Moves with every file.
    pub progress: &'a Bar,
    namer: Namer,
    copier: Copier,
}

/// A file at its temporary name.
struct Placed {
    index: u32,
    copied: Copied,
}

/// One worker's share of a batch.
struct Share {
    tally: Tally,
    placed: Vec<Placed>,
    buffer: Buffer,
}

impl<'a> Batches<'a> {
    /// Ready to copy.
    pub fn new(vaults: &'a Vaults, manifest: &'a Manifest, jobs: usize, progress: &'a Bar) -> Self {
        Batches {
            vaults,
            manifest,
            jobs,
            progress,
            namer: Namer::new(),
            copier: Copier::new(),
        }
    }

    /// Copies everything. The tally holds what has its name, also where the copying then stopped.
    pub fn copy(&self, lacking: &[Lacking]) -> (Tally, Result<()>) {
        let mut tally = Tally::default();
        let mut rest = lacking;
        let mut result = Ok(());
        while !rest.is_empty() && result.is_ok() {
            let (batch, others) = rest.split_at(batch_length(rest));
            rest = others;
            let batch: Vec<u32> = batch.iter().map(|file| file.index).collect();
            result = self.batch(&batch, &mut tally);
        }
        if tally.copied > 0 {
            result = result.and(self.flush());
        }
        tally.faults.sort();
        (tally, result)
    }

    fn batch(&self, batch: &[u32], tally: &mut Tally) -> Result<()> {
        let (placed, result) = self.place(batch, tally);
        let result = result.and_then(|()| self.flush());
        result.inspect_err(|_| self.drop_placed(&placed))?;
        self.exchange(&placed, tally)
    }

    /// Copies a batch to temporary names.
    fn place(&self, batch: &[u32], tally: &mut Tally) -> (Vec<Placed>, Result<()>) {
        let runs = self.manifest.by_folder(batch);
        let share = || Share {
            tally: Tally::default(),
            placed: Vec::new(),
            buffer: Buffer::new(),
        };
        let (shares, result) = workers::share(self.jobs, &runs, share, |share, run| {
            self.place_folder(&batch[run], share)
        });
        let mut placed = Vec::with_capacity(batch.len());
        for share in shares {
            placed.extend(share.placed);
            tally.absorb(share.tally);
        }
        placed.sort_unstable_by_key(|file| file.index);
        (placed, result)
    }

    fn place_folder(&self, files: &[u32], share: &mut Share) -> Result<()> {
        let folder = self.manifest.get(files[0]).folder_and_name().0;
        let source = self.vaults.source.folder(folder);
        let target = match &source {
            Ok(_) => self.target_folder(folder, files[0]),
            Err(_) => Err(Errno::NOENT),
        };
        for &index in files {
            interrupt::check()?;
            let wanted = self.manifest.get(index);
            let name = wanted.folder_and_name().1;
            let copied = match (&source, &target) {
                (Ok(source), Ok(target)) => {
                    let temporary = self.namer.name(name, index);
                    let target = target.as_fd();
                    self.copier
                        .copy(source, name, target, &temporary, &mut share.buffer)
                }
                (Err(Errno::NOENT), _) => Err(Trouble::Missing),
                (Err(error), _) => Err(Trouble::Source(on_the_way(*error, "EA's vault"))),
                (_, Err(error)) => Err(Trouble::Target(*error)),
            };
            match copied {
                Ok(copied) => share.placed.push(Placed { index, copied }),
                Err(trouble) => self.note(wanted, trouble, &mut share.tally)?,
            }
            self.progress.advance(1);
        }
        Ok(())
    }

    /// Writes down why one file was not copied, or stops where no other could be either.
    fn note(&self, wanted: &Wanted, trouble: Trouble, tally: &mut Tally) -> Result<()> {
        let fault = match trouble {
            Trouble::Missing if wanted.optional => {
                tally.absent += 1;
                return Ok(());
            }
            Trouble::Missing => Fault::Missing,
            Trouble::Source(fault) => fault,
            Trouble::Target(error) if is_for_all(error) => return Err(self.cannot_write(error)),
            Trouble::Target(error) => on_the_way(error, "EB's vault"),
        };
        tally.faults.add(&wanted.path, fault);
        Ok(())
    }

    /// Opens a folder of EB's vault, made where it is not there yet.
    fn target_folder(&self, folder: &str, index: u32) -> Result<OwnedFd, Errno> {
        match self.vaults.target.folder(folder) {
            Err(Errno::NOENT) => {}
            answer => return answer,
        }
        let target = &self.vaults.target;
        let (mut at, mut path) = (target.folder("")?, String::new());
        for component in folder.split('/') {
            path = [path.as_str(), component].join(if path.is_empty() { "" } else { "/" });
            at = match target.folder_in(at.as_fd(), component) {
                Err(Errno::NOENT) => {
                    let like = rustix::fs::fstat(self.vaults.source.folder(&path)?)?;
                    let temporary = self.namer.name(component, index);
                    self.copier
                        .make_folder(at.as_fd(), component, &like, &temporary)?;
                    target.folder_in(at.as_fd(), component)?
                }
                answer => answer?,
            };
        }
        Ok(at)
    }

    /// Gives a batch its names.
    fn exchange(&self, placed: &[Placed], tally: &mut Tally) -> Result<()> {
        let positions: Vec<u32> = placed.iter().map(|file| file.index).collect();
        let runs = self.manifest.by_folder(&positions);
        let (tallies, result) = workers::share(self.jobs, &runs, Tally::default, |tally, run| {
            self.exchange_folder(&placed[run], tally)
        });
        for other in tallies {
            tally.absorb(other);
        }
        result.inspect_err(|_| self.drop_placed(placed))
    }

    fn exchange_folder(&self, files: &[Placed], tally: &mut Tally) -> Result<()> {
        let folder = self.manifest.get(files[0].index).folder_and_name().0;
        let folder = self.vaults.target.folder(folder);
        for file in files {
            let wanted = self.manifest.get(file.index);
            let name = wanted.folder_and_name().1;
            let renamed = folder.as_ref().map_err(|error| *error).and_then(|folder| {
                let temporary = self.namer.name(name, file.index);
                rustix::fs::renameat(folder, &*temporary, folder, name)
                    .inspect_err(|_| copy::remove(folder, &temporary))
            });
            match renamed {
                Ok(()) => {
                    tally.copied += 1;
                    tally.bytes += file.copied.bytes;
                    tally.reflinked += u64::from(file.copied.reflinked);
                }
                Err(error) => self.note(wanted, Trouble::Target(error), tally)?,
            }
        }
        Ok(())
    }

    /// Removes what a batch that does not get its names has placed.
    fn drop_placed(&self, placed: &[Placed]) {
        for file in placed {
            let (folder, name) = self.manifest.get(file.index).folder_and_name();
            if let Ok(folder) = self.vaults.target.folder(folder) {
                copy::remove(folder, &self.namer.name(name, file.index));
            }
        }
    }

    fn flush(&self) -> Result<()> {
        rustix::fs::syncfs(self.vaults.target.fd()).map_err(|error| self.cannot_write(error))
    }

    fn cannot_write(&self, error: Errno) -> Failure {
        let failure = Failure::peer(format!(
            "cannot write to {}: {}",
            self.vaults.target.path.display(),
            std::io::Error::from(error)
        ));
        match error {
            Errno::NOSPC | Errno::DQUOT => failure.hint(
                "make room (mkx-vault prune removes what no manifest names), then run it again; what is already there is skipped",
            ),
            _ => failure,
        }
    }
}

/// How many files from the front make a batch.
fn batch_length(files: &[Lacking]) -> usize {
    let mut blocks = 0;
    let fitting = files.iter().take(BATCH_FILES).take_while(|file| {
        let fits = blocks < BATCH_BLOCKS;
        blocks += u64::from(file.blocks);
        fits
    });
    fitting.count()
}

/// True for errors that every other file would meet too.
fn is_for_all(error: Errno) -> bool {
    matches!(error, Errno::NOSPC | Errno::DQUOT | Errno::ROFS | Errno::IO)
}
