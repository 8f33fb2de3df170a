//! What leads from one environment into the other: its values, its files, its names.

use std::collections::BTreeMap;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use mkx_contract::EnvironmentName;
use mkx_contract::site::Rule;
use sha2::Sha256;

use super::{Pair, Side};
use crate::finding::Finding;
use crate::rules::broken;
use crate::{names, render};

/// A shorter secret would be found by chance.
const SHORTEST_SECRET: usize = 8;

/// All of them.
pub fn rules(pair: &Pair<'_>) -> Vec<Finding> {
    let mut findings = of_models(pair);
    findings.extend(env_files(pair));
    findings.extend(foreign_paths(pair));
    findings.extend(defaults(pair));
    findings
}

/// Those that need only what runs.
pub fn of_models(pair: &Pair<'_>) -> Vec<Finding> {
    let mut findings = secrets(pair);
    findings.extend(names_of_the_other(pair));
    findings.extend(ambiguous_names(pair));
    findings.extend(cookies(pair));
    findings
}

/// A secret of EA's that a container of EB is given, under whatever name.
fn secrets(pair: &Pair<'_>) -> Vec<Finding> {
    let is_secret = render::secrecy(pair.site);
    let is_common = |name: &str| {
        let variable = pair.site.variables.get(name);
        variable.is_some_and(|variable| variable.rule != Rule::Differ)
    };
    let digest = Digest::new();
    let mut secrets: BTreeMap<[u8; 32], (&str, Option<&str>)> = BTreeMap::new();
    for (name, variable) in &pair.ea.values.variables {
        if is_secret(name) && !is_common(name) {
            secrets.insert(digest.of(variable.value.expose()), (name, None));
        }
    }
    for (service, name, value) in environments(&pair.ea) {
        if is_secret(name) && !is_common(name) {
            secrets
                .entry(digest.of(value))
                .or_insert((name, Some(service)));
        }
    }
    let mut findings = Vec::new();
    for (service, name, value) in environments(&pair.eb) {
        let found = parts(value).find_map(|part| secrets.get(&digest.of(part)));
        let Some((theirs, holder)) = found else {
            continue;
        };
        if is_common(name) {
            continue;
        }
        let other = match holder {
            Some(service) => pair.ea.place(&["services", service, "environment", theirs]),
            None => crate::env::check::place(EnvironmentName::Ea, &pair.ea.values, theirs),
        };
        findings.push(broken(
            "secret-value",
            format!("{service} of eb is given production's {theirs} as {name}"),
            vec![
                other,
                pair.eb.place(&["services", service, "environment", name]),
            ],
        ));
    }
    findings
}

/// A value, and what it is made of where it is a URL or a list; too short ones left out.
fn parts(value: &str) -> impl Iterator<Item = &str> {
    std::iter::once(value)
        .chain(value.split([':', '@', '/', '?', '&', '=', ',', ';', ' ']))
        .filter(|part| part.len() >= SHORTEST_SECRET)
}

/// Secrets are compared by digests under a key that nobody keeps.
struct Digest(Hmac<Sha256>);

impl Digest {
    fn new() -> Digest {
        let mut key = [0; 32];
        // Without random bytes the digests are still equal where the secrets are.
        let _ = getrandom::fill(&mut key);
        Digest(Hmac::new_from_slice(&key).expect("HMAC takes a key of any length"))
    }

    fn of(&self, value: &str) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(value.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// Service, variable and value of all services' environments.
fn environments<'a>(side: &'a Side<'_>) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
    side.model.services.iter().flat_map(|(service, model)| {
        model.environment.iter().filter_map(move |(name, value)| {
            Some((service.as_str(), name.as_str(), value.as_deref()?))
        })
    })
}

/// Values, build arguments, commands and bind mounts that name what is the other environment's.
fn names_of_the_other(pair: &Pair<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for side in [&pair.ea, &pair.eb] {
        let other = side.name.other();
        let listed = |name: &str| {
            let variable = pair.site.variables.get(name);
            variable.is_some_and(|variable| variable.rule != Rule::Differ)
        };
        for (service, model) in &side.model.services {
            // The edge serves both.
            if *service == pair.site.shared.edge.service {
                continue;
            }
            let mut found = |way: &[&str], text: &str| {
                if let Some(name) = names::first_name_of(pair.site, other, text) {
                    findings.push(broken(
                        "points-at-other",
                        format!(
                            "{service} of {} is given {name}, which is {other}'s",
                            side.name
                        ),
                        vec![side.place(way)],
                    ));
                }
            };
            for (name, value) in &model.environment {
                if !listed(name) {
                    let way = ["services", service, "environment", name];
                    found(&way, value.as_deref().unwrap_or_default());
                }
            }
            let arguments = model.build.iter().flat_map(|build| &build.args);
            for (name, value) in arguments {
                let way = ["services", service, "build", "args", name];
                found(&way, value.as_deref().unwrap_or_default());
            }
            for word in model.command.iter().flatten() {
                found(&["services", service, "command"], word);
            }
            for (name, value) in &model.labels {
                found(&["services", service, "labels", name], value);
            }
            for mount in &model.volumes {
                let source = mount.source.as_deref().unwrap_or_default();
                if mount.kind == "bind" && names::first_name_of(pair.site, other, source).is_some()
                {
                    findings.push(broken(
                        "points-at-other",
                        format!(
                            "{service} of {} mounts {source}, which is {other}'s",
                            side.name
                        ),
                        vec![side.place_of_item(&["services", service, "volumes"], &mount.target)],
                    ));
                }
            }
            for mode in [&model.network_mode, &model.pid, &model.ipc] {
                let mode = mode.as_deref().unwrap_or_default();
                if let Some(container) = mode.strip_prefix("container:")
                    && names::first_name_of(pair.site, other, container).is_some()
                {
                    findings.push(broken(
                        "points-at-other",
                        format!(
                            "{service} of {} joins {container}, which is {other}'s",
                            side.name
                        ),
                        vec![side.place(&["services", service])],
                    ));
                }
            }
        }
    }
    findings
}

/// Names that both environments answer to on the shared network.
fn ambiguous_names(pair: &Pair<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (ea, eb) = (answers(pair, &pair.ea), answers(pair, &pair.eb));
    for (alias, (service, explicit)) in &eb {
        let Some((other, other_explicit)) = ea.get(alias) else {
            continue;
        };
        if *explicit || *other_explicit {
            findings.push(broken(
                "network-alias",
                format!(
                    "both environments answer to {alias} on {}",
                    pair.site.shared.network
                ),
                vec![
                    pair.ea.place(&["services", other, "networks"]),
                    pair.eb.place(&["services", service, "networks"]),
                ],
            ));
        }
        for side in [&pair.ea, &pair.eb] {
            findings.extend(references(pair, side, alias));
        }
    }
    findings
}

/// The names that a side's services answer to on the shared network, whose they are, and whether
/// they are written as aliases.
fn answers(pair: &Pair<'_>, side: &Side<'_>) -> BTreeMap<String, (String, bool)> {
    let mut names = BTreeMap::new();
    for (service, model) in &side.model.services {
        for (key, attachment) in &model.networks {
            if side.model.network_name(key) != pair.site.shared.network {
                continue;
            }
            names.insert(service.clone(), (service.clone(), false));
            for alias in attachment.iter().flat_map(|one| &one.aliases) {
                names.insert(alias.clone(), (service.clone(), true));
            }
        }
    }
    names
}

fn references(pair: &Pair<'_>, side: &Side<'_>, alias: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (service, model) in &side.model.services {
        let on_shared = model
            .networks
            .keys()
            .any(|key| side.model.network_name(key) == pair.site.shared.network);
        let texts = model
            .environment
            .iter()
            .map(|(name, value)| ("environment", name.as_str(), value.as_deref().unwrap_or("")))
            .chain(
                // Labels are read by the edge, which is on the shared network.
                model
                    .labels
                    .iter()
                    .map(|(name, value)| ("labels", name.as_str(), value.as_str())),
            );
        for (member, name, value) in texts {
            if (on_shared || member == "labels") && refers(name, value, alias) {
                findings.push(broken(
                    "ambiguous-name",
                    format!(
                        "{service} of {} refers to {alias}, which is either environment's on {}",
                        side.name, pair.site.shared.network
                    ),
                    vec![side.place(&["services", service, member, name])],
                ));
            }
        }
    }
    findings
}

/// True where a text names the host `alias`: in a URL, in front of a port, or alone in a variable
/// that holds a host.
fn refers(name: &str, text: &str, alias: &str) -> bool {
    let holds_host = ["HOST", "SERVER", "BROKER", "UPSTREAM", "ADDR"]
        .iter()
        .any(|word| name.to_ascii_uppercase().contains(word));
    if holds_host && text == alias {
        return true;
    }
    text.match_indices(alias).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + alias.len()..]);
        let starts =
            before.is_empty() || before.ends_with([' ', '@', ',', '=']) || before.ends_with("//");
        let in_url = before.ends_with("//") || (before.ends_with('@') && before.contains("//"));
        let port = after
            .strip_prefix(':')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let ends = after.is_empty() || after.starts_with(['/', ' ', ',']);
        (starts && port) || (in_url && ends)
    })
}

/// A cookie of EB's that a browser would send to EA.
fn cookies(pair: &Pair<'_>) -> Vec<Finding> {
    let ea = &pair.site.environments.ea.domain;
    environments(&pair.eb)
        .filter(|(_, name, _)| {
            let name = name.to_ascii_uppercase();
            name.contains("COOKIE_DOMAIN") || name.contains("SESSION_DOMAIN")
        })
        .filter(|(_, _, value)| {
            let domain = value.trim_start_matches('.');
            !domain.is_empty() && (ea == domain || ea.ends_with(&format!(".{domain}")))
        })
        .map(|(service, name, _)| {
            broken(
                "cookie-domain",
                format!("{name} of {service} of eb covers {ea} too"),
                vec![pair.eb.place(&["services", service, "environment", name])],
            )
        })
        .collect()
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
            let mut place = pair.eb.place(&[]);
            place.file = Some(file.clone());
            place.line = None;
            place.what = format!("environments.eb.env_files.{index}");
            findings.push(broken(
                "env-file",
                format!("{} is production's", file.display()),
                vec![place],
            ));
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
                findings.push(broken(
                    "env-file",
                    format!("{service} of eb reads {path}, which is production's"),
                    vec![pair.eb.place_of_item(
                        &["services", service, "env_file"],
                        &name.to_string_lossy(),
                    )],
                ));
            }
        }
    }
    findings
}

/// An image of EB's that is built from EA's checkout.
fn foreign_paths(pair: &Pair<'_>) -> Vec<Finding> {
    let directory = &pair.ea.environment.directory;
    pair.eb
        .model
        .services
        .iter()
        .filter(|(_, service)| {
            let build = service.build.as_ref();
            build.is_some_and(|build| Path::new(&build.context).starts_with(directory))
        })
        .map(|(name, _)| {
            broken(
                "foreign-build",
                format!("{name} of eb is built from production's checkout"),
                vec![pair.eb.place(&["services", name, "build"])],
            )
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
                    let mut place = side.place(&[]);
                    place.file = Some(path.clone());
                    place.line = Some(index as u64 + 1);
                    place.what = variable.to_owned();
                    findings.push(broken(
                        "default-names-other",
                        format!(
                            "{variable} falls back to {name} in {}, which is {other}'s",
                            side.name
                        ),
                        vec![place],
                    ));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, text: &str, expected: bool) {
        assert_eq!(refers(name, text, "api"), expected, "{name}={text}");
    }

    #[test]
    fn a_reference_to_a_host_is_told_from_a_word() {
        check("URL", "http://api:8000", true);
        check("URL", "http://api/x", true);
        check("X", "api:8000", true);
        check("X", "postgres://u:p@api/db", true);
        check("API_HOST", "api", true);
        check("ROLE", "api", false);
        check("URL", "http://x/api", false);
        check("URL", "http://x/api:1", false);
        check("URL", "http://makapix-dev-api:8000", false);
        check("NAMES", "web-api:8000", false);
    }
}
