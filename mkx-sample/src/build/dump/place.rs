//! Where `pg_restore` finds its files.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use duct::Expression;
use mkx_contract::{Failure, Result};

use super::cannot_use;
use crate::database::endpoint::Endpoint;

/// The run's folder, or a folder of the container that it runs in.
pub struct Place {
    command: Vec<String>,
    folder: String,
}

impl Place {
    /// Brings the archive to where it is read; elsewhere, what a killed run of this label left goes.
    ///
    /// # Errors
    /// Exit 4.
    pub fn of(target: &Endpoint, label: &str, folder: &Path, archive: &Path) -> Result<Place> {
        let mut place = Place {
            command: target.client_command.clone(),
            folder: folder.display().to_string(),
        };
        if place.is_elsewhere() {
            let ours = format!("\"${{TMPDIR:-/tmp}}\"/mkx-sample-{label}");
            let make = format!("rm -rf {ours}.*; mktemp -d {ours}.XXXXXX");
            place.folder = place
                .answer(place.sh(&make).stdin_null())?
                .trim()
                .to_owned();
            let cat = place.sh(&format!("cat > {}", place.path("schema.dump")));
            place.answer(cat.stdin_path(archive))?;
        }
        Ok(place)
    }

    fn is_elsewhere(&self) -> bool {
        !self.command.is_empty()
    }

    /// A file's path, as `pg_restore` sees it.
    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// Exit 4.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        if !self.is_elsewhere() {
            let path = PathBuf::from(self.path(name));
            return std::fs::write(&path, text).map_err(|error| cannot_use(&path, &error));
        }
        let cat = self.sh(&format!("cat > {}", self.path(name)));
        self.answer(cat.stdin_bytes(text)).map(drop)
    }

    fn sh(&self, script: &str) -> Expression {
        let arguments = self.command[1..].iter().map(String::as_str);
        duct::cmd(&self.command[0], arguments.chain(["sh", "-c", script]))
    }

    fn answer(&self, shell: Expression) -> Result<String> {
        let cannot = |cause: &dyn Display| {
            let command = self.command.join(" ");
            Failure::peer(format!("cannot run {command}: {cause}"))
        };
        let output = shell.stdout_capture().stderr_capture().unchecked().run();
        let output = output.map_err(|error| cannot(&error))?;
        if !output.status.success() {
            return Err(cannot(&String::from_utf8_lossy(&output.stderr).trim()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_elsewhere() && self.folder.starts_with('/') {
            let _ = self.answer(self.sh(&format!("rm -r {}", self.folder)).stdin_null());
        }
    }
}
