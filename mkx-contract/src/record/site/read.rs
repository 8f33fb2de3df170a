//! Reading the text of a site document.

use std::path::Path;

use super::{Site, interpolate, resolve, validate};
use crate::record::place::Document;
use crate::{Record, Result};

/// Parses, validates and resolves a site document; `folder` is what its paths are relative to.
pub fn read(text: &str, name: &str, folder: &Path) -> Result<Site> {
    let document = Document { text, name };
    let mut value = document.parse(Site::RECORD)?;
    interpolate::environments(&mut value, &document, folder)?;
    let mut site: Site = document.decode(value)?;
    resolve::make_absolute(&mut site, folder);
    if let Some(problem) = validate::first_problem(&site) {
        return Err(document.at(&problem.pointer, &problem.message));
    }
    Ok(site)
}
