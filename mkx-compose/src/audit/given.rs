//! Files of production's that development is given: env files, a checkout to build from; and
//! defaults that name the other environment.

use std::path::{Path, PathBuf};

use mkx_contract::record::finding::{Evidence, Finding, Rule as _};
use mkx_contract::{Environment, Result};

use super::{Pair, side, text};
use crate::env::Values;
use crate::rules::Rule;
use crate::yaml::{Document, Node};
use crate::{interpolation, names};

/// All of them.
pub(super) fn rules(pair: &Pair<'_>) -> Vec<Finding> {
    let mut findings = env_files(pair);
    findings.extend(foreign_paths(pair));
    findings.extend(defaults(pair));
    findings
}

/// An env file of EA's that EB is given, by its real path.
fn env_files(pair: &Pair<'_>) -> Vec<Finding> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let theirs: Vec<_> = pair.ea.values.files.iter().map(|file| real(file)).collect();
    let directory = real(&pair.ea.environment.directory);
    let foreign = |path: &Path| theirs.contains(&real(path)) || real(path).starts_with(&directory);
    let mut findings = Vec::new();
    for (index, file) in pair.eb.values.files.iter().enumerate() {
        if foreign(file) {
            let place = Evidence::file(pair.eb.name, file, None);
            let what = format!("environments.eb.env_files.{index}");
            findings.push(env_file(&file.display().to_string()).at(place.what(what)));
        }
    }
    for (file, document) in &pair.eb.documents {
        let folder = file.parent().unwrap_or(Path::new("."));
        for (service, entry) in given_to_services(document) {
            let path = folder.join(pair.eb.filled(entry.scalar().unwrap_or_default()));
            if foreign(&path) {
                let place = Evidence::file(pair.eb.name, file, Some(entry.line));
                let what = format!("services.{service}.env_file");
                findings.push(env_file(&path.display().to_string()).at(place.what(what)));
            }
        }
    }
    findings
}

/// The env files that an environment's services are given beside the environment's own, those that
/// are there.
///
/// # Errors
/// Exit 3 where a compose file can not be read.
pub fn files_of_services(environment: &Environment) -> Result<Vec<PathBuf>> {
    let values = Values::read(environment)?;
    let own = environment.env_file_paths();
    let fill = |name: &str| {
        let variable = values.variables.get(name);
        variable.map(|variable| variable.value.expose().to_owned())
    };
    let mut found = Vec::new();
    let files = environment.compose_files.first();
    let folder = files.map(|file| environment.path(file));
    let folder = folder
        .as_deref()
        .and_then(Path::parent)
        .unwrap_or(Path::new("."));
    for (_, document) in side::documents(environment, &values)? {
        for (_, entry) in given_to_services(&document) {
            let entry = interpolation::filled(entry.scalar().unwrap_or_default(), &fill);
            let path = folder.join(entry);
            if path.is_file() && !own.contains(&path) && !found.contains(&path) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// The `env_file`s of services: a text, a list of them, or of mappings with `path`.
pub fn given_to_services(document: &Document) -> Vec<(&str, &Node)> {
    let mut found = Vec::new();
    for (service, node) in text::members(document, "env_file") {
        let items = node.items().iter().map(|item| {
            let path = document.member(item, "path");
            document.resolve(path.map_or(item, |(_, path)| path))
        });
        found.extend(std::iter::once(node).chain(items).map(|one| (service, one)));
    }
    found.retain(|(_, node)| node.scalar().is_some());
    found
}

fn env_file(path: &str) -> Finding {
    Rule::EnvFile.finding(path, format!("eb is given {path}, which is production's"))
}

/// An image of EB's that is built from EA's checkout.
fn foreign_paths(pair: &Pair<'_>) -> Vec<Finding> {
    let directory = &pair.ea.environment.directory;
    pair.eb
        .model
        .services
        .iter()
        .filter_map(|(name, service)| {
            let context = &service.build.as_ref()?.context;
            let message = format!("eb is built from {context}, which is production's");
            Path::new(context).starts_with(directory).then(|| {
                Rule::ForeignBuild
                    .finding(context, message)
                    .at(pair.eb.place(&["services", name, "build"]))
            })
        })
        .collect()
}

/// `${VAR:-default}` whose default names the other environment: one forgotten line away.
fn defaults(pair: &Pair<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for side in [&pair.ea, &pair.eb] {
        let other = side.name.other();
        for (path, document) in &side.documents {
            for (index, line) in document.text.lines().enumerate() {
                for (variable, default) in defaults_in(line) {
                    let Some(name) = names::first_name_of(pair.site, other, default) else {
                        continue;
                    };
                    let message = format!(
                        "{variable} falls back to {name} in {}, which is {other}'s",
                        side.name
                    );
                    let place = Evidence::file(side.name, path, Some(index as u64 + 1));
                    findings.push(
                        Rule::DefaultNamesOther
                            .finding(variable, message)
                            .at(place.what(variable)),
                    );
                }
            }
        }
    }
    findings
}

/// Variables and defaults in a line, comments excepted.
fn defaults_in(line: &str) -> Vec<(&str, &str)> {
    if line.trim_start().starts_with('#') {
        return Vec::new();
    }
    line.match_indices("${")
        .filter_map(|(at, _)| {
            let body = &line[at + 2..];
            let body = &body[..body.find('}')?];
            let at = body.find('-')?;
            let name = body[..at].trim_end_matches(':');
            Some((name, &body[at + 1..]))
        })
        .collect()
}
