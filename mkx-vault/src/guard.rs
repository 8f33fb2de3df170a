//! Whether a vault may be written to, by its real path.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::{meeting, mounts};
use mkx_contract::{Failure, Result};

/// Passes where `target` is a directory, reached through no symlink at its end, that is neither
/// production's vault nor inside it nor around it, and returns its real path.
///
/// A symlink in front of the last component (`/mnt` itself, say) is resolved and compared; the
/// vault directory itself must not be one, since it could be re-aimed during a run.
///
/// # Errors
/// Exit 5 for what a guard refuses, exit 3 where a directory does not exist.
pub fn check_target(production: &Path, target: &Path) -> Result<PathBuf> {
    let refused = |cause: &str| {
        let path = target.display();
        Failure::refused(format!("cannot write to the vault {path}: {cause}"))
    };
    // Without a slash at the end, which would make the kernel follow the symlink.
    let plain: PathBuf = target.components().collect();
    let is_symlink = std::fs::symlink_metadata(plain)
        .map_err(|error| cannot_open(target, &error))?
        .file_type()
        .is_symlink();
    if is_symlink {
        return Err(refused("it is a symlink").hint("name the directory that it points to"));
    }
    let real_target = real_directory(target)?;
    let real_production = real_directory(production)?;
    let (a, b) = (metadata(&real_target)?, metadata(&real_production)?);
    if (a.dev(), a.ino()) == (b.dev(), b.ino()) || real_target == real_production {
        return Err(refused("it is production's vault"));
    }
    let path = real_production.display();
    if real_target.starts_with(&real_production) {
        return Err(refused(&format!(
            "it lies inside production's vault {path}"
        )));
    }
    if real_production.starts_with(&real_target) {
        return Err(refused(&format!(
            "production's vault {path} lies inside it"
        )));
    }
    // A bind mount gives one directory two paths: compare the places in the file system, of the
    // mounts below both too.
    let places = mounts::places(&real_production).zip(mounts::places(&real_target));
    let shared = match places {
        Some((production, target)) => {
            let is_productions = |place| production.iter().any(|other| other.overlaps(place));
            target.iter().any(is_productions)
        }
        None => meeting::meet(&real_production, &real_target)?,
    };
    if shared {
        return Err(refused(
            "a mount makes it share files with production's vault",
        ));
    }
    Ok(real_target)
}

/// The real path of an existing directory.
///
/// # Errors
/// Exit 3 where there is none.
pub fn real_directory(path: &Path) -> Result<PathBuf> {
    let real = std::fs::canonicalize(path).map_err(|error| cannot_open(path, &error))?;
    if !real.is_dir() {
        return Err(Failure::input(format!(
            "cannot use the vault {}: it is not a directory",
            path.display()
        )));
    }
    Ok(real)
}

fn metadata(path: &Path) -> Result<std::fs::Metadata> {
    std::fs::metadata(path).map_err(|error| cannot_open(path, &error))
}

fn cannot_open(path: &Path, error: &std::io::Error) -> Failure {
    Failure::input(format!("cannot open the vault {}: {error}", path.display()))
        .hint("make the directory first, with the owner that the application's containers use")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_is_refused_from_every_side() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (ea, eb) = (root.join("ea"), root.join("eb"));
        std::fs::create_dir_all(ea.join("inner")).unwrap();
        std::fs::create_dir(&eb).unwrap();
        std::os::unix::fs::symlink(&eb, root.join("link")).unwrap();
        std::os::unix::fs::symlink(&root, root.join("here")).unwrap();
        for wrong in [
            "ea",
            "ea/inner",
            "ea/../ea",
            ".",
            "link",
            "link/",
            "link/.",
            "here/ea",
            "here/ea/inner",
        ] {
            let failure = check_target(&ea, &root.join(wrong)).unwrap_err();
            assert_eq!(failure.kind.exit_code(), 5, "{wrong}: {failure}");
        }
        assert_eq!(check_target(&ea, &eb).unwrap(), eb);
        assert_eq!(
            check_target(&ea, &root.join("none"))
                .unwrap_err()
                .kind
                .exit_code(),
            3
        );
    }
}
