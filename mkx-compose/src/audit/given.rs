//! Files of production's that development is given: env files, a checkout to build from; and
//! defaults that name the other environment.

use std::path::Path;

use mkx_contract::record::finding::{Evidence, Finding, Rule as _};

use super::Pair;
use crate::names;
use crate::rules::Rule;

/// All of them.
pub fn rules(pair: &Pair<'_>) -> Vec<Finding> {
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
    let services = pair.eb.unfilled["services"].as_object();
    for (service, model) in services.into_iter().flatten() {
        for entry in model["env_file"].as_array().into_iter().flatten() {
            let Some(path) = entry["path"].as_str().or_else(|| entry.as_str()) else {
                continue;
            };
            if foreign(Path::new(path)) {
                let name = Path::new(path).file_name().unwrap_or_default();
                let way = ["services", service, "env_file"];
                let place = pair.eb.place_of_item(&way, &name.to_string_lossy());
                findings.push(env_file(path).at(place));
            }
        }
    }
    findings
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
