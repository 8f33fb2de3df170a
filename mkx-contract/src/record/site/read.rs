//! Reading the text of a site document.

use std::path::Path;

use serde_json::Value;

use super::problem::Problems;
use super::{Site, alias, claims, interpolate, resolve, shape, validate, version_1};
use crate::record::place::Document;
use crate::{Failure, Record, Result};

/// Parses, validates and resolves a site document; `folder` is what its paths are relative to.
///
/// # Errors
/// Exit 3 with everything that is wrong, a line each.
pub fn read(text: &str, name: &str, folder: &Path) -> Result<Site> {
    let document = Document { text, name };
    let (written, is_first) = match document.parse(Site::RECORD) {
        Ok(written) => (written, false),
        Err(failure) => (
            document.parse(version_1::RECORD).map_err(|_| failure)?,
            true,
        ),
    };
    let (mut value, mut found) = (written.clone(), Problems::default());
    alias::resolve(&mut value, &mut found);
    if is_first {
        version_1::complete(&mut value);
    }
    interpolate::environments(&mut value, &mut found, folder);
    shape::repair(
        &schemars::schema_for!(Site).to_value(),
        &mut value,
        &mut found,
    );
    match document.decode::<Site>(value) {
        Ok(mut site) => {
            resolve::make_absolute(&mut site, folder);
            validate::check(&site, &mut found);
            claims::check(&site, &mut found);
            if found.0.is_empty() {
                return Ok(site);
            }
        }
        Err(failure) if found.0.is_empty() => return Err(failure),
        Err(_) => {}
    }
    Err(failure(&document, &written, &found))
}

fn failure(document: &Document<'_>, written: &Value, found: &Problems) -> Failure {
    let mut lines: Vec<_> = found
        .0
        .iter()
        .map(|problem| {
            let place = alias::as_written(written, &problem.pointer);
            let failure = document.at(&place, &problem.message);
            (document.line_and_column(&place), failure.message)
        })
        .collect();
    lines.sort();
    let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    Failure::input(lines.join("\n"))
}
