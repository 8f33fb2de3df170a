//! Finding the site document.

use std::path::{Path, PathBuf};

use crate::record::site::{Site, read};
use crate::tool::input::Input;
use crate::{Failure, Result};

/// Finds, reads, validates and resolves the site document. `given` is `--site` or `MKX_SITE`.
///
/// # Errors
/// Exit 3 where there is none, or where it is not right, with line and column.
pub fn find(given: Option<&Path>) -> Result<Site> {
    match given {
        Some(path) if path == Path::new("-") => {
            let here = current_directory()?;
            let text = Input::open(path)?.text()?;
            read(&text, "stdin", &here)
        }
        Some(path) => read_file(path),
        None => read_file(&search()?),
    }
}

fn read_file(path: &Path) -> Result<Site> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::input(format!("cannot read the site document {name}: {error}"))
            .hint("make one: mkx-compose init --preset makapix")
    })?;
    let absolute = std::path::absolute(path)
        .map_err(|error| Failure::input(format!("cannot resolve {name}: {error}")))?;
    let folder = absolute.parent().unwrap_or(Path::new("/")).to_path_buf();
    read(&text, &name, &folder)
}

fn search() -> Result<PathBuf> {
    let here = current_directory()?;
    here.ancestors()
        .map(|folder| folder.join("site.json"))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Failure::input("cannot find the site document: no site.json here or in a parent folder")
                .hint(
                    "make one with: mkx-compose init --preset makapix, or name it with --site FILE",
                )
        })
}

fn current_directory() -> Result<PathBuf> {
    std::env::current_dir()
        .map_err(|error| Failure::peer(format!("cannot tell the current directory: {error}")))
}
