//! Reading the text of a site document.

use std::path::Path;

use serde_json::Value;

use super::problem::Problems;
use super::{Site, alias, claims, interpolate, resolve, shape, validate};
use crate::record::place::Document;
use crate::{Failure, Record, Result};

/// Parses, validates and resolves a site document; `folder` is what its paths are relative to.
///
/// # Errors
/// Exit 3 with everything that is wrong, a line each.
pub fn read(text: &str, name: &str, folder: &Path) -> Result<Site> {
    let document = Document { text, name };
    let written = document
        .parse(Site::RECORD)
        .map_err(|failure| since_1(failure, text))?;
    let (mut value, mut found) = (written.clone(), Problems::default());
    alias::resolve(&mut value, &mut found);
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

/// What version 1 took for granted has to be said.
fn since_1(failure: Failure, text: &str) -> Failure {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    if value["record"] != "mkx.site/1" {
        return failure;
    }
    failure.hint(
        "in each environment add what it has of web.api_prefix, web.api_upstreams, \
         web.web_upstreams, web.access_log, vault.restricted, vault.legacy_paths (it was true), \
         vault.access_log, vault.files, mqtt.config_directory, mqtt.service and mqtt.topics, \
         none of which is guessed any more; mkx-compose init --preset makapix --output - shows them all",
    )
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
