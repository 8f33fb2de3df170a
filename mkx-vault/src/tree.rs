//! Walking below a vault's root without ever leaving it: no symlink, no `..`, and in EB's vault no
//! other mount either. The kernel proves it (`openat2`); an older one is asked step by step.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use mkx_contract::{Failure, Result};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use crate::vaults::MARK;

static LACKS_OPENAT2: AtomicBool = AtomicBool::new(false);

/// Whether a walk may go on into another file system that is mounted below the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mounts {
    /// Reading what production has, wherever its administrator put it.
    Cross,
    /// Writing: what is mounted inside EB's vault is not EB's vault.
    Refuse,
}

/// A vault's root directory.
pub struct Root {
    fd: OwnedFd,
    device: u64,
    mounts: Mounts,
    /// Its real path, for messages.
    pub path: PathBuf,
}

impl Root {
    /// Opens the directory at a real path (no symlink in it).
    pub fn open(path: &Path, mounts: Mounts) -> Result<Root> {
        let cannot = |error: Errno| {
            let (path, error) = (path.display(), std::io::Error::from(error));
            Failure::input(format!("cannot open the vault {path}: {error}"))
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(cannot)?;
        let device = rustix::fs::fstat(&fd).map_err(cannot)?.st_dev;
        Ok(Root {
            fd,
            device,
            mounts,
            path: path.to_owned(),
        })
    }

    /// The root itself, open for reading.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// A folder below, to look names up in; empty is the root itself.
    pub fn folder(&self, path: &str) -> rustix::io::Result<OwnedFd> {
        self.open_below(self.fd(), path, OFlags::PATH)
    }

    /// True where there is a folder of that name in the root.
    pub fn has_folder(&self, name: &str) -> bool {
        stat(self.fd(), name).is_ok_and(|stat| kind(&stat) == FileType::Directory)
    }

    /// True where there is nothing below.
    ///
    /// # Errors
    /// Exit 4 where it can not be listed.
    pub fn is_empty(&self) -> Result<bool> {
        let empty = self.listing("").and_then(|fd| {
            let dots = |name: &std::ffi::CStr| matches!(name.to_bytes(), b"." | b"..");
            let mut items = Dir::read_from(&fd)?;
            Ok(items.all(|item| item.is_ok_and(|item| dots(item.file_name()))))
        });
        empty.map_err(|error| cannot_walk(&self.path, error))
    }

    /// A folder below, to list.
    pub fn listing(&self, path: &str) -> rustix::io::Result<OwnedFd> {
        self.open_below(self.fd(), path, OFlags::RDONLY)
    }

    /// The folder called `name` in an open one.
    pub fn folder_in(&self, folder: BorrowedFd<'_>, name: &str) -> rustix::io::Result<OwnedFd> {
        self.open_below(folder, name, OFlags::PATH)
    }

    fn open_below(
        &self,
        start: BorrowedFd<'_>,
        path: &str,
        access: OFlags,
    ) -> rustix::io::Result<OwnedFd> {
        let path = if path.is_empty() { "." } else { path };
        if LACKS_OPENAT2.load(Ordering::Relaxed) {
            return self.open_by_steps(start, path, access);
        }
        let flags = access | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        if self.mounts == Mounts::Refuse {
            resolve |= ResolveFlags::NO_XDEV;
        }
        loop {
            match rustix::fs::openat2(start, path, flags, Mode::empty(), resolve) {
                // A rename or mount elsewhere raced with the look-up.
                Err(Errno::AGAIN | Errno::INTR) => {}
                // Kernels before 5.6, and container runtimes that do not know the call.
                Err(Errno::NOSYS | Errno::PERM) => {
                    LACKS_OPENAT2.store(true, Ordering::Relaxed);
                    return self.open_by_steps(start, path, access);
                }
                answer => return answer,
            }
        }
    }

    /// The same promise without `openat2`, a component at a time.
    fn open_by_steps(
        &self,
        start: BorrowedFd<'_>,
        path: &str,
        access: OFlags,
    ) -> rustix::io::Result<OwnedFd> {
        let mut at: Option<OwnedFd> = None;
        let count = path.split('/').count();
        for (number, component) in path.split('/').enumerate() {
            let parent = at.as_ref().map_or(start, |fd| fd.as_fd());
            let last = number + 1 == count;
            if component == ".." || component.is_empty() {
                return Err(Errno::XDEV);
            }
            let wanted = if last { access } else { OFlags::PATH };
            let flags = wanted | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = match rustix::fs::openat(parent, component, flags, Mode::empty()) {
                Err(Errno::NOTDIR) if is_symlink(parent, component) => return Err(Errno::LOOP),
                answer => answer?,
            };
            if self.mounts == Mounts::Refuse && rustix::fs::fstat(&fd)?.st_dev != self.device {
                return Err(Errno::XDEV);
            }
            at = Some(fd);
        }
        at.ok_or(Errno::NOENT)
    }
}

fn is_symlink(folder: BorrowedFd<'_>, name: &str) -> bool {
    stat(folder, name).is_ok_and(|stat| kind(&stat) == FileType::Symlink)
}

/// What a name in a folder is, without following it.
pub fn stat(folder: impl AsFd, name: &str) -> rustix::io::Result<Stat> {
    rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
}

/// What kind of file it is.
pub fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// How a person calls a kind of file that is not a regular one.
pub fn called(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a file",
        FileType::Directory => "a folder",
        FileType::Symlink => "a symlink",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "of an unknown kind",
    }
}

/// Why a path is refused by the way to it, where the error means that.
pub fn refusal(error: Errno) -> Option<&'static str> {
    match error {
        Errno::LOOP => Some("a symlink is on the way"),
        Errno::XDEV => Some("another mount is on the way"),
        Errno::NAMETOOLONG => Some("the file system takes no name of that length"),
        _ => None,
    }
}

/// Something in a folder.
pub struct Item<'a> {
    /// Its path below the root.
    pub path: &'a str,
    /// Its name in the folder.
    pub name: &'a str,
    /// What it is; a symlink is a symlink.
    pub kind: FileType,
}

/// Calls `visit` for everything below a root, with the open folder that holds it. Symlinks are not
/// followed; names that are not UTF-8, folders behind other mounts (as [`Mounts`] says) and our
/// [`MARK`] are passed over.
pub fn walk(
    root: &Root,
    visit: &mut dyn FnMut(BorrowedFd<'_>, Item<'_>) -> rustix::io::Result<()>,
) -> Result<()> {
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        walk_folder(root, &folder, &mut folders, visit)
            .map_err(|error| cannot_walk(&root.path.join(&folder), error))?;
    }
    Ok(())
}

fn cannot_walk(folder: &Path, error: Errno) -> Failure {
    let error = std::io::Error::from(error);
    Failure::peer(format!("cannot walk {}: {error}", folder.display()))
}

fn walk_folder(
    root: &Root,
    folder: &str,
    folders: &mut Vec<String>,
    visit: &mut dyn FnMut(BorrowedFd<'_>, Item<'_>) -> rustix::io::Result<()>,
) -> rustix::io::Result<()> {
    let fd = match root.listing(folder) {
        // Removed since it was listed, swapped for something else, or not ours to enter.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => return Ok(()),
        answer => answer?,
    };
    for item in Dir::read_from(&fd)? {
        let item = item?;
        let Ok(name) = item.file_name().to_str() else {
            continue;
        };
        if matches!(name, "." | "..") || (folder.is_empty() && name == MARK) {
            continue;
        }
        let kind = match item.file_type() {
            FileType::Unknown => match stat(&fd, name) {
                Ok(stat) => kind(&stat),
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error),
            },
            known => known,
        };
        let path = match folder {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        };
        let item = Item {
            path: &path,
            name,
            kind,
        };
        match visit(fd.as_fd(), item) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
        if kind == FileType::Directory {
            folders.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(root: &Root, path: &str, expected: Result<(), Errno>) {
        assert_eq!(root.folder(path).map(|_| ()), expected, "openat2: {path}");
        let by_steps = root.open_by_steps(root.fd(), path, OFlags::PATH);
        assert_eq!(by_steps.map(|_| ()), expected, "by steps: {path}");
    }

    #[test]
    fn no_way_leads_out_of_a_vault() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(path.join("vault/a/b")).unwrap();
        std::fs::write(path.join("vault/file"), "").unwrap();
        std::os::unix::fs::symlink("..", path.join("vault/up")).unwrap();
        std::os::unix::fs::symlink("a", path.join("vault/inside")).unwrap();
        let root = Root::open(&path.join("vault"), Mounts::Refuse).unwrap();
        check(&root, "a/b", Ok(()));
        check(&root, "a/c", Err(Errno::NOENT));
        check(&root, "file", Err(Errno::NOTDIR));
        check(&root, "file/x", Err(Errno::NOTDIR));
        check(&root, "..", Err(Errno::XDEV));
        check(&root, "up", Err(Errno::LOOP));
        check(&root, "up/vault", Err(Errno::LOOP));
        check(&root, "inside/b", Err(Errno::LOOP));
    }

    #[test]
    fn a_walk_meets_everything_once_and_follows_no_symlink() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(path.join("a/b")).unwrap();
        std::fs::write(path.join("a/b/c"), "").unwrap();
        std::os::unix::fs::symlink(".", path.join("a/loop")).unwrap();
        let root = Root::open(&path, Mounts::Refuse).unwrap();
        let mut seen = Vec::new();
        walk(&root, &mut |_, item| {
            seen.push(item.path.to_owned());
            Ok(())
        })
        .unwrap();
        seen.sort();
        assert_eq!(seen, ["a", "a/b", "a/b/c", "a/loop"]);
    }
}
