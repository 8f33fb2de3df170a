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
    find_if_any(given)?.ok_or_else(|| {
        Failure::input("cannot find the site document: no site.json here or in a parent folder")
            .hint("make one with: mkx-compose init --from docker-compose.yml, or name it with --site FILE")
    })
}

/// The same, or nothing where none is named and there is none here or in a parent folder.
///
/// # Errors
/// Exit 3 where the one that is named is missing, or where it is not right.
pub fn find_if_any(given: Option<&Path>) -> Result<Option<Site>> {
    let path = match given {
        Some(path) if path == Path::new("-") => {
            let here = current_directory()?;
            let text = Input::open(path)?.text()?;
            return read(&text, "stdin", &here).map(Some);
        }
        Some(path) => Some(path.to_owned()),
        None => search()?,
    };
    path.as_deref().map(read_file).transpose()
}

fn read_file(path: &Path) -> Result<Site> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::input(format!("cannot read the site document {name}: {error}"))
            .hint("make one: mkx-compose init --from docker-compose.yml")
    })?;
    let absolute = std::path::absolute(path)
        .map_err(|error| Failure::input(format!("cannot resolve {name}: {error}")))?;
    let folder = absolute.parent().unwrap_or(Path::new("/")).to_path_buf();
    read(&text, &name, &folder)
}

fn search() -> Result<Option<PathBuf>> {
    let here = current_directory()?;
    let mut paths = here.ancestors().map(|folder| folder.join("site.json"));
    Ok(paths.find(|path| path.is_file()))
}

fn current_directory() -> Result<PathBuf> {
    std::env::current_dir()
        .map_err(|error| Failure::peer(format!("cannot tell the current directory: {error}")))
}
