//! One changing run at a time on a site: a lock that dies with its holder.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::{Failure, Result};

/// Holds the site's lock until dropped; the kernel drops it when the process dies.
pub struct SiteLock {
    _file: File,
}

impl SiteLock {
    /// Takes the lock of the site whose state directory is given; `what` tells others who holds
    /// it ("mkx-sample run").
    ///
    /// # Errors
    /// Exit 5 where another run holds it, with what it is and its process id; exit 4 where the
    /// state directory can not be written.
    pub fn take(state_directory: &Path, what: &str) -> Result<SiteLock> {
        crate::tool::journal::make_state_directory(state_directory)?;
        let path = state_directory.join("lock");
        let cannot = |error: &dyn std::fmt::Display| {
            Failure::peer(format!("cannot lock {}: {error}", path.display()))
        };
        // Never truncated on opening and never unlinked: either would race with the holder.
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|error| cannot(&error))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "another mkx run",
                    named => named,
                };
                return Err(Failure::refused(format!(
                    "cannot change the site: {holder} is changing it now"
                ))
                .hint("wait for it to end; the lock goes away with the process that holds it"));
            }
            Err(error) => return Err(cannot(&error)),
        }
        let holder = format!("{what} (process {})\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(holder.as_bytes()))
            .map_err(|error| cannot(&error))?;
        Ok(SiteLock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_is_refused_and_told_who_is_at_work() {
        let dir = tempfile::tempdir().unwrap();
        let held = SiteLock::take(dir.path(), "mkx-sample run").unwrap();
        let failure = SiteLock::take(dir.path(), "mkx-vault sync").err().unwrap();
        assert_eq!(failure.kind.exit_code(), 5);
        assert!(failure.message.contains("mkx-sample run (process "));
        drop(held);
        SiteLock::take(dir.path(), "mkx-vault sync").unwrap();
    }
}
