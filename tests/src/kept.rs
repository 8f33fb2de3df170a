//! What takes long to make is made once and copied afterwards: clusters, worlds, vaults. It is kept
//! beside the build, so that `cargo clean` removes it.

use mkx_contract::Result;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The sources that make worlds, in a number: another build's is not ours.
const MADE_OF: &str = env!("MADE_OF");

/// A folder that is kept, or will be.
#[derive(Debug)]
pub struct Kept(Option<PathBuf>);

impl Kept {
    /// The name says all that its content depends on. Nothing is kept where cargo did not build this
    /// program.
    pub fn new(name: &str) -> Self {
        // without /proc a program does not know its path
        let program = std::env::current_exe().unwrap_or_default();
        let target = program
            .ancestors()
            .find(|folder| folder.join("CACHEDIR.TAG").is_file());
        Kept(target.map(|target| target.join("tmp/kept").join(name)))
    }

    /// Makes the folder `to`, which is not there: a copy of what is kept, else by `make`, and then
    /// it is kept. Processes that want the same wait for the one that makes it.
    ///
    /// # Errors
    /// Those of `make`.
    ///
    /// # Panics
    /// When a copy fails.
    pub fn bring(&self, to: &Path, make: impl FnOnce() -> Result<()>) -> Result<()> {
        let Some(folder) = &self.0 else {
            return make();
        };
        let (copy, note) = (folder.join("copy"), folder.join("made-of"));
        let is_current = || fs::read_to_string(&note).is_ok_and(|text| text == MADE_OF);
        fs::create_dir_all(folder).expect("the build's folder is ours");
        // Whoever copies holds it too: nothing is replaced under his hands.
        let lock = File::create(folder.join("lock")).expect("the build's folder is ours");
        flock(&lock, FlockOperation::LockShared).expect("a file can be locked");
        if !is_current() {
            flock(&lock, FlockOperation::LockExclusive).expect("a file can be locked");
        }
        if is_current() {
            duplicate(&copy, to);
            return Ok(());
        }
        make()?;
        fs::remove_file(&note).ok();
        fs::remove_dir_all(&copy).ok();
        duplicate(to, &copy);
        fs::write(&note, MADE_OF).expect("the build's folder is ours");
        Ok(())
    }
}

/// Copies a folder with owners, modes and times; where the file system can, without its bytes.
fn duplicate(from: &Path, to: &Path) {
    let copied = Command::new("cp")
        .args(["--archive", "--reflink=auto", "--no-target-directory", "--"])
        .args([from, to])
        .status();
    assert!(
        copied.is_ok_and(|status| status.success()),
        "cannot copy {} to {}",
        from.display(),
        to.display()
    );
}
