//! Copying one file of EA's vault to a temporary name in EB's, contents, mode, owner and times.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use crate::content;
use crate::fault::{Fault, failed};
use crate::tree::{self, called};

/// Up to here reading and writing is cheaper than letting the kernel splice.
const BUFFER_BYTES: usize = 64 * 1024;
const PERMISSIONS: u32 = 0o777;

/// Why a file was not copied.
#[derive(Debug, PartialEq, Eq)]
pub enum Trouble {
    /// EA no longer has it.
    Missing,
    /// It may not or could not be read, or keeps changing.
    Source(Fault),
    /// It could not be written.
    Target(Errno),
}

/// Copies files, and remembers what the file systems can do.
pub struct Copier {
    reflinks: AtomicBool,
    /// As root, owners are kept; as anyone else, or where the file system takes no owners, the
    /// kernel would refuse.
    keeps_owner: AtomicBool,
    user: (u32, u32),
}

/// A file that was copied to its temporary name.
pub struct Copied {
    /// Its size.
    pub bytes: u64,
    /// It shares its blocks with EA's until one of them is written to.
    pub reflinked: bool,
}

impl Copied {
    fn new(bytes: u64, reflinked: bool) -> Copied {
        Copied { bytes, reflinked }
    }
}

/// One worker's room for contents.
pub struct Buffer(Vec<u8>);

impl Buffer {
    /// An empty one.
    pub fn new() -> Buffer {
        Buffer(vec![0; BUFFER_BYTES])
    }
}

impl Copier {
    /// For this process's user.
    pub fn new() -> Copier {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        Copier {
            reflinks: AtomicBool::new(true),
            keeps_owner: AtomicBool::new(uid.is_root()),
            user: (uid.as_raw(), gid.as_raw()),
        }
    }

    /// Copies `source`'s `name` to `target`'s `temporary`. Where that fails, nothing is left.
    pub fn copy(
        &self,
        source: impl AsFd,
        name: &str,
        target: BorrowedFd<'_>,
        temporary: &str,
        buffer: &mut Buffer,
    ) -> Result<Copied, Trouble> {
        let from = content::open(source, name).map_err(reading)?;
        // A file that changes while it is read is read once more.
        for _ in 0..2 {
            let before = rustix::fs::fstat(&from).map_err(reading)?;
            match tree::kind(&before) {
                FileType::RegularFile => {}
                other => return Err(refused(called(other))),
            }
            let copied = self.attempt(&from, &before, target, temporary, buffer);
            let unchanged = rustix::fs::fstat(&from).is_ok_and(|after| is_same(&before, &after));
            match copied {
                Ok(copied) if unchanged && copied.bytes == before.st_size as u64 => {
                    return Ok(copied);
                }
                result => {
                    remove(target, temporary);
                    result?;
                }
            }
            rustix::fs::seek(&from, rustix::fs::SeekFrom::Start(0)).map_err(reading)?;
        }
        let cause = "it changes while it is copied".into();
        Err(Trouble::Source(Fault::Failed(cause)))
    }

    fn attempt(
        &self,
        from: &OwnedFd,
        stat: &Stat,
        target: BorrowedFd<'_>,
        temporary: &str,
        buffer: &mut Buffer,
    ) -> Result<Copied, Trouble> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(stat.st_mode & PERMISSIONS);
        let to = rustix::fs::openat(target, temporary, flags, mode).map_err(Trouble::Target)?;
        let copied = self.contents(from, &to, stat.st_size as u64, buffer)?;
        self.dress(&to, stat).map_err(Trouble::Target)?;
        Ok(copied)
    }

    fn contents(
        &self,
        from: &OwnedFd,
        to: &OwnedFd,
        size: u64,
        buffer: &mut Buffer,
    ) -> Result<Copied, Trouble> {
        if size > 0 && self.reflinks.load(Ordering::Relaxed) {
            match rustix::fs::ioctl_ficlone(to, from) {
                Ok(()) => return Ok(Copied::new(size, true)),
                Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::IO | Errno::ROFS)) => {
                    return Err(Trouble::Target(error));
                }
                // Another file system, or one that has no reflinks: do not ask again.
                Err(_) => self.reflinks.store(false, Ordering::Relaxed),
            }
        }
        let mut bytes = 0;
        if size > BUFFER_BYTES as u64 {
            bytes += splice(from, to)?;
        }
        bytes += read_and_write(from, to, &mut buffer.0)?;
        Ok(Copied::new(bytes, false))
    }

    /// Owner first: changing it clears bits of the mode; times last: writing changes them.
    fn dress(&self, to: &OwnedFd, stat: &Stat) -> rustix::io::Result<()> {
        self.own(to, stat)?;
        rustix::fs::futimens(to, &times(stat))
    }

    fn own(&self, fd: &OwnedFd, like: &Stat) -> rustix::io::Result<()> {
        let owner = (like.st_uid, like.st_gid);
        if owner == self.user || !self.keeps_owner.load(Ordering::Relaxed) {
            return Ok(());
        }
        let (uid, gid) = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
        match rustix::fs::fchown(fd, Some(uid), Some(gid)) {
            // Root of a user namespace, or of a machine that an NFS server does not trust.
            Err(Errno::PERM | Errno::INVAL | Errno::OPNOTSUPP) => {
                self.keeps_owner.store(false, Ordering::Relaxed);
                Ok(())
            }
            done => done,
        }
    }

    /// Makes a folder as EA's is, whole or not at all; that it exists already is no error.
    pub fn make_folder(
        &self,
        parent: BorrowedFd<'_>,
        name: &str,
        like: &Stat,
        temporary: &str,
    ) -> rustix::io::Result<()> {
        rustix::fs::mkdirat(parent, temporary, Mode::RWXU)?;
        let made = self.dress_folder(parent, temporary, like).and_then(|()| {
            let flags = rustix::fs::RenameFlags::NOREPLACE;
            rustix::fs::renameat_with(parent, temporary, parent, name, flags)
        });
        if made.is_err() {
            let _ = rustix::fs::unlinkat(parent, temporary, AtFlags::REMOVEDIR);
        }
        match made {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            // A file system that can not rename without replacing.
            Err(Errno::INVAL | Errno::NOSYS) => {
                rustix::fs::mkdirat(parent, name, folder_mode(like))?;
                self.dress_folder(parent, name, like)
            }
            Err(error) => Err(error),
        }
    }

    fn dress_folder(
        &self,
        parent: BorrowedFd<'_>,
        name: &str,
        like: &Stat,
    ) -> rustix::io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::openat(parent, name, flags, Mode::empty())?;
        self.own(&folder, like)?;
        rustix::fs::fchmod(&folder, folder_mode(like))
    }
}

/// EA's mode, and what this user needs to put files in.
fn folder_mode(like: &Stat) -> Mode {
    Mode::from_raw_mode(like.st_mode & 0o3777) | Mode::RWXU
}

/// Removes a temporary file; that it is not there is as well.
pub fn remove(folder: impl AsFd, temporary: &str) {
    let _ = rustix::fs::unlinkat(folder, temporary, AtFlags::empty());
}

fn splice(from: &OwnedFd, to: &OwnedFd) -> Result<u64, Trouble> {
    const AT_ONCE_BYTES: usize = 1 << 30;
    let mut bytes = 0;
    loop {
        match rustix::fs::copy_file_range(from, None, to, None, AT_ONCE_BYTES) {
            Ok(0) => return Ok(bytes),
            Ok(count) => bytes += count as u64,
            Err(Errno::INTR) => {}
            Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => {
                return Err(Trouble::Target(error));
            }
            // Old kernels and odd file systems: the rest is read and written.
            Err(_) => return Ok(bytes),
        }
    }
}

fn read_and_write(from: &OwnedFd, to: &OwnedFd, buffer: &mut [u8]) -> Result<u64, Trouble> {
    let mut bytes = 0;
    loop {
        let count = content::fill(from, buffer).map_err(reading)?;
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            match rustix::io::write(to, rest) {
                Ok(written) => rest = &rest[written..],
                Err(Errno::INTR) => {}
                Err(error) => return Err(Trouble::Target(error)),
            }
        }
        bytes += count as u64;
        if count < buffer.len() {
            return Ok(bytes);
        }
    }
}

fn times(stat: &Stat) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: stat.st_atime as _,
            tv_nsec: stat.st_atime_nsec as _,
        },
        last_modification: Timespec {
            tv_sec: stat.st_mtime as _,
            tv_nsec: stat.st_mtime_nsec as _,
        },
    }
}

fn is_same(before: &Stat, after: &Stat) -> bool {
    let modified = |stat: &Stat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
    let changed = |stat: &Stat| (stat.st_ctime, stat.st_ctime_nsec);
    modified(before) == modified(after) && changed(before) == changed(after)
}

fn reading(error: Errno) -> Trouble {
    match error {
        Errno::NOENT => Trouble::Missing,
        Errno::LOOP => refused("a symlink"),
        Errno::NXIO => refused("a socket"),
        error => Trouble::Source(failed(error, "EA's vault")),
    }
}

fn refused(kind: &str) -> Trouble {
    Trouble::Source(Fault::Refused(format!("it is {kind} in EA's vault")))
}
