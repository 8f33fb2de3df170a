//! A certificate and its key are two names that must change together. Both are symbolic links
//! through one more link, `.server.pair`, to a folder that holds a pair; renaming that one link
//! changes both names in one step, whatever kills the process.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Result, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use super::{PRIVATE, PUBLIC, UNFINISHED, folder_of, like, owner_of, remove_if_there, sweep};

/// A certificate and its key.
#[derive(Debug, Clone)]
pub struct Pair {
    /// It names the files: `ca`, `server`.
    pub name: &'static str,
    /// The folder of both.
    pub folder: PathBuf,
}

impl Pair {
    /// The certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join(format!("{}.crt", self.name))
    }

    /// The private key.
    pub fn key(&self) -> PathBuf {
        self.folder.join(format!("{}.key", self.name))
    }
}

/// Replaces a certificate and its key together; where there were none, both appear together. The
/// caller holds the lock under which the folder is written.
///
/// # Errors
/// The kernel's own; the former pair is as it was.
pub fn pair(pair: &Pair, certificate: &str, key: &str) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(&pair.folder)?;
    sweep(&pair.folder)?;
    let names = [pair.certificate(), pair.key()];
    let link = pair.folder.join(format!(".{}.pair", pair.name));
    if !names.iter().all(|name| leads_through(name, &link)) {
        settle(pair, &names, &link)?;
    }
    let new = generation(pair, [certificate, key])?;
    point(&link, &new)?;
    sweep_pairs(pair, &new)
}

/// Turns two plain files into links that lead to the same contents, one name after the other;
/// where there are no files yet, the links lead nowhere until the first pair is there.
fn settle(pair: &Pair, names: &[PathBuf; 2], link: &Path) -> Result<()> {
    let old = [read_if_there(&names[0])?, read_if_there(&names[1])?];
    if let [Some(certificate), Some(key)] = &old {
        let kept = generation(pair, [certificate, key])?;
        point(link, &kept)?;
    } else {
        remove_if_there(link)?;
    }
    let link = Path::new(link.file_name().expect("the link has a name"));
    for name in names {
        let target = link.join(name.file_name().expect("a file of a pair has a name"));
        point(name, &target)?;
    }
    Ok(())
}

/// A folder of its own with a pair in it, and nothing half-written.
fn generation(pair: &Pair, texts: [&str; 2]) -> Result<PathBuf> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    let name = format!(".{}.{:016x}", pair.name, u64::from_be_bytes(random));
    let folder = pair.folder.join(&name);
    DirBuilder::new().mode(0o755).create(&folder)?;
    let names = [(pair.certificate(), PUBLIC), (pair.key(), PRIVATE)];
    for ((name, mode), text) in names.iter().zip(texts) {
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(*mode)
            .open(folder.join(name.file_name().expect("a file of a pair has a name")))?;
        file.write_all(text.as_bytes())?;
        like(&file, &owner_of(name, &pair.folder)?);
        file.sync_all()?;
    }
    let made = File::open(&folder)?;
    like(&made, &pair.folder.metadata()?);
    made.sync_all()?;
    Ok(name.into())
}

/// A symbolic link takes a name's place in one step.
fn point(name: &Path, target: &Path) -> Result<()> {
    let folder = folder_of(name);
    let new = folder.join(format!(
        "{UNFINISHED}link-{}",
        name.file_name().unwrap_or_default().to_string_lossy()
    ));
    remove_if_there(&new)?;
    symlink(target, &new)?;
    fs::rename(&new, name)?;
    File::open(folder)?.sync_all()
}

/// Removes the folders of former pairs, and those of runs that died.
fn sweep_pairs(pair: &Pair, current: &Path) -> Result<()> {
    let prefix = format!(".{}.", pair.name);
    for entry in fs::read_dir(&pair.folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_generation = entry.file_type()?.is_dir()
            && name
                .to_str()
                .and_then(|name| name.strip_prefix(&prefix))
                .is_some_and(|rest| {
                    rest.len() == 16 && rest.bytes().all(|b| b.is_ascii_hexdigit())
                });
        if is_generation && name != current.as_os_str() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn leads_through(name: &Path, link: &Path) -> bool {
    fs::read_link(name).is_ok_and(|target| target.parent() == link.file_name().map(Path::new))
}

fn read_if_there(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
