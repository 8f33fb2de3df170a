//! Where `pg_restore` finds its files.

use std::io::{Seek, Write};
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
            place.folder = place.shell(&make, None)?.trim().to_owned();
            place.shell(
                &format!("cat > {}/schema.dump", place.folder),
                Some(archive),
            )?;
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
        let mut file = tempfile::tempfile().map_err(|error| cannot_use(Path::new(name), &error))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.rewind())
            .map_err(|error| cannot_use(Path::new(name), &error))?;
        let shell = self
            .sh(&format!("cat > {}", self.path(name)))
            .stdin_file(file);
        self.answer(shell).map(drop)
    }

    fn sh(&self, script: &str) -> Expression {
        let arguments = self.command[1..].iter().map(String::as_str);
        duct::cmd(&self.command[0], arguments.chain(["sh", "-c", script]))
    }

    fn shell(&self, script: &str, stdin: Option<&Path>) -> Result<String> {
        let shell = self.sh(script);
        self.answer(match stdin {
            Some(path) => shell.stdin_path(path),
            None => shell.stdin_null(),
        })
    }

    fn answer(&self, shell: Expression) -> Result<String> {
        let output = shell
            .stdout_capture()
            .stderr_capture()
            .unchecked()
            .run()
            .map_err(|error| {
                Failure::peer(format!("cannot run {}: {error}", self.command.join(" ")))
            })?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Failure::peer(format!(
                "cannot run {}: {words}",
                self.command.join(" ")
            )));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_elsewhere() && self.folder.starts_with('/') {
            let _ = self.shell(&format!("rm -r {}", self.folder), None);
        }
    }
}
