//! Reading files' contents: safely opened, compared, digested.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::tree;

const BUFFER_BYTES: usize = 128 * 1024;

static MAY_KEEP_ATIME: AtomicBool = AtomicBool::new(true);

/// Opens a regular file for reading: follows no symlink, waits for no FIFO, and leaves the time
/// of last access alone where the kernel lets this user.
///
/// # Errors
/// `EINVAL` where it is not a regular file.
pub fn open(folder: impl AsFd, name: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let open = |flags| rustix::fs::openat(folder.as_fd(), name, flags, Mode::empty());
    if !MAY_KEEP_ATIME.load(Ordering::Relaxed) {
        return open(flags);
    }
    match open(flags | OFlags::NOATIME) {
        // Only a file's owner and root may.
        Err(Errno::PERM) => {
            MAY_KEEP_ATIME.store(false, Ordering::Relaxed);
            open(flags)
        }
        answer => answer,
    }
}

fn open_file(folder: impl AsFd, name: &str) -> rustix::io::Result<OwnedFd> {
    let fd = open(folder, name)?;
    match tree::kind(&rustix::fs::fstat(&fd)?) {
        FileType::RegularFile => Ok(fd),
        _ => Err(Errno::INVAL),
    }
}

/// The SHA-256 of a file.
pub fn digest(folder: impl AsFd, name: &str) -> rustix::io::Result<[u8; 32]> {
    let file = open_file(folder, name)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match fill(&file, &mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// True where a name means the same bytes in both folders.
pub fn equal(one: impl AsFd, other: impl AsFd, name: &str) -> rustix::io::Result<bool> {
    let (one, other) = (open_file(one, name)?, open_file(other, name)?);
    if rustix::fs::fstat(&one)?.st_size != rustix::fs::fstat(&other)?.st_size {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]);
    loop {
        let (a, b) = (fill(&one, &mut left)?, fill(&other, &mut right)?);
        if left[..a] != right[..b] {
            return Ok(false);
        }
        if a == 0 {
            return Ok(true);
        }
    }
}

/// Reads until the buffer is full or the file ends.
pub fn fill(file: &OwnedFd, buffer: &mut [u8]) -> rustix::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match rustix::io::read(file, &mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
