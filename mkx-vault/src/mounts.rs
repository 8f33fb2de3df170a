//! Which part of which file system a directory is, however it is mounted: two paths that bind
//! mounts make out of one directory have the same place.

use std::ffi::OsString;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// A directory's place in its file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file system, as `MAJOR:MINOR`.
    device: String,
    /// The path in it, from its own root.
    path: PathBuf,
}

impl Place {
    /// True where one of the two is, holds or lies in the other.
    pub fn overlaps(&self, other: &Place) -> bool {
        self.device == other.device
            && (self.path.starts_with(&other.path) || other.path.starts_with(&self.path))
    }
}

/// A line of `/proc/self/mountinfo`; see proc_pid_mountinfo(5).
struct Mount {
    id: u64,
    /// What part of which file system is mounted.
    root: Place,
    /// Where.
    point: PathBuf,
}

/// The place of a directory given by its real path, and the places of all mounts below it; nothing
/// where the kernel does not tell.
pub fn places(real_path: &Path) -> Option<Vec<Place>> {
    let mounts = parse(&std::fs::read("/proc/self/mountinfo").ok()?);
    let id = mount_id(real_path)?;
    let mount = mounts.iter().find(|mount| mount.id == id)?;
    let own = mount.place_of(real_path)?;
    let is_below = |mount: &Mount| mount.point != real_path && mount.point.starts_with(real_path);
    let below = mounts.iter().filter(|mount| is_below(mount));
    let below = below.map(|mount| mount.root.clone());
    Some(std::iter::once(own).chain(below).collect())
}

impl Mount {
    fn place_of(&self, real_path: &Path) -> Option<Place> {
        let mut place = self.root.clone();
        place.path.push(real_path.strip_prefix(&self.point).ok()?);
        Some(place)
    }
}

/// The id of the mount that a path is on: of several mounted over each other, the one in sight.
fn mount_id(real_path: &Path) -> Option<u64> {
    let file = std::fs::File::open(real_path).ok()?;
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd())).ok()?;
    let id = info.lines().find_map(|line| line.strip_prefix("mnt_id:"))?;
    id.trim().parse().ok()
}

fn parse(table: &[u8]) -> Vec<Mount> {
    let lines = table.split(|byte| *byte == b'\n');
    let mounts = lines.filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b' ');
        let id = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
        let _parent = fields.next()?;
        let root = Place {
            device: String::from_utf8_lossy(fields.next()?).into_owned(),
            path: unescape(fields.next()?),
        };
        let point = unescape(fields.next()?);
        Some(Mount { id, root, point })
    });
    mounts.collect()
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let octal = after
            .get(..3)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(byte) if first == b'\\' => {
                bytes.push(byte);
                rest = &after[3..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(device: &str, path: &str) -> Place {
        Place {
            device: device.into(),
            path: path.into(),
        }
    }

    #[test]
    fn a_line_of_the_kernel_gives_a_directorys_place() {
        let table = b"36 35 98:0 /mnt1 /mnt/a\\040b rw,noatime master:1 - ext3 /dev/root rw\n";
        let mounts = parse(table);
        assert_eq!(
            mounts[0].place_of(Path::new("/mnt/a b/c")),
            Some(place("98:0", "/mnt1/c"))
        );
        assert_eq!(mounts[0].place_of(Path::new("/mnt/a")), None);
    }

    #[test]
    fn places_overlap_by_whole_components_of_one_file_system() {
        let ea = place("8:1", "/vault");
        assert!(ea.overlaps(&place("8:1", "/vault/24")));
        assert!(ea.overlaps(&place("8:1", "/")));
        assert!(!ea.overlaps(&place("8:1", "/vault-dev")));
        assert!(!ea.overlaps(&place("8:2", "/vault")));
    }

    #[test]
    fn a_directory_of_this_machine_has_one_place() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        let (own, above) = (
            places(&real).unwrap(),
            places(real.parent().unwrap()).unwrap(),
        );
        assert!(own[0].overlaps(&above[0]));
        assert_ne!(own[0], above[0]);
    }
}
