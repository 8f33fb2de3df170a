//! Reading the text of a site document.

use std::path::Path;

use serde_json::Value;

use super::problem::{Problem, Problems};
use super::{Site, claims, interpolate, resolve, validate};
use crate::record::place::Document;
use crate::{Failure, Record, Result};

/// Parses, validates and resolves a site document; `folder` is what its paths are relative to.
///
/// # Errors
/// Exit 3 with everything that is wrong, a line each.
pub fn read(text: &str, name: &str, folder: &Path) -> Result<Site> {
    let document = Document { text, name };
    let mut value = document.parse(Site::RECORD)?;
    fill_roles(&mut value);
    interpolate::environments(&mut value, &document, folder)?;
    let mut site: Site = document.decode(value)?;
    resolve::make_absolute(&mut site, folder);
    let mut found = Problems::default();
    validate::check(&site, &mut found);
    claims::check(&site, &mut found);
    match found.0.as_slice() {
        [] => Ok(site),
        problems => Err(failure(&document, problems)),
    }
}

/// What an environment is for follows from its key.
fn fill_roles(value: &mut Value) {
    for (name, role) in [("ea", "production"), ("eb", "development")] {
        let environment = value.pointer_mut(&format!("/environments/{name}"));
        if let Some(Value::Object(fields)) = environment {
            fields.entry("role").or_insert_with(|| role.into());
        }
    }
}

fn failure(document: &Document<'_>, problems: &[Problem]) -> Failure {
    let mut lines: Vec<_> = problems
        .iter()
        .map(|problem| {
            let failure = document.at(&problem.pointer, &problem.message);
            (document.line_and_column(&problem.pointer), failure.message)
        })
        .collect();
    lines.sort();
    let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    Failure::input(lines.join("\n"))
}
