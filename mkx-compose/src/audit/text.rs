//! What only the text of compose files, env files, Makefiles and scripts shows.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mkx_contract::record::finding::{Evidence, Finding, Rule as _};
use mkx_contract::{Environment, EnvironmentName, Result, Site};

use super::{Pair, Side, side};
use crate::env::Values;
use crate::interpolation::references;
use crate::rules::Rule;
use crate::secrecy;
use crate::yaml::{Document, Node};

/// Those that must be told before Docker Compose is asked, since it may refuse the files.
pub fn before_resolution(site: &Site) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (name, environment) in sides(site) {
        for (path, document) in side::documents(environment, &Values::read(environment)?)? {
            findings.extend(single_dollars(name, &path, &document));
        }
    }
    Ok(findings)
}

/// All others; `unseen` grows by what can not be read.
pub fn rules(pair: &Pair<'_>, unseen: &mut Vec<String>) -> Vec<Finding> {
    let is_secret = |name: &str, value: &str| secrecy::is_secret(pair.site, name, value);
    let mut findings = Vec::new();
    for side in [&pair.ea, &pair.eb] {
        let others = pair.site.environment(side.name.other());
        for (path, document) in &side.documents {
            findings.extend(project_name(side.name, side.environment, path, document));
            findings.extend(literal_secrets(side.name, path, document, &is_secret));
        }
        if side.values.get("COMPOSE_PROJECT_NAME") == Some(others.project.as_str()) {
            let message = format!("an env file of {} names the other's project", side.name);
            let name = "COMPOSE_PROJECT_NAME";
            findings.push(
                Rule::ProjectName
                    .finding(&others.project, message)
                    .at(crate::env::check::place(side.name, &side.values, name)),
            );
        }
        findings.extend(unset(pair, side));
        findings.extend(working_directory(pair.site, side, unseen));
    }
    findings
}

fn sides(site: &Site) -> [(EnvironmentName, &Environment); 2] {
    [
        (EnvironmentName::Ea, &site.environments.ea),
        (EnvironmentName::Eb, &site.environments.eb),
    ]
}

fn at(environment: EnvironmentName, file: &Path, line: u64, what: &str) -> Evidence {
    Evidence::file(environment, file, Some(line)).what(what)
}

/// Every service and one of its mappings.
pub fn members<'a>(document: &'a Document, member: &str) -> Vec<(&'a str, &'a Node)> {
    let Some((_, services)) = document.member(&document.root, "services") else {
        return Vec::new();
    };
    document
        .resolve(services)
        .entries()
        .iter()
        .filter_map(|(name, service)| {
            let (_, node) = document.member(service, member)?;
            Some((name.scalar()?, document.resolve(node)))
        })
        .collect()
}

/// A hash in a label whose dollar signs Docker Compose would take for variables.
fn single_dollars(name: EnvironmentName, path: &Path, document: &Document) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (service, labels) in members(document, "labels") {
        let mapped = labels
            .entries()
            .iter()
            .map(|(key, value)| (Some(key), value));
        let listed = labels.items().iter().map(|item| (None, item));
        for (key, node) in mapped.chain(listed) {
            let text = document.resolve(node).scalar().unwrap_or_default();
            if has_single_dollars(text) {
                let of_list = text.split('=').next().unwrap_or_default();
                let label = key.and_then(Node::scalar).unwrap_or(of_list);
                let message = format!("a hash in {label} has single dollar signs");
                let what = format!("services.{service}.labels");
                findings.push(
                    Rule::LabelDollar
                        .finding(label, message)
                        .at(at(name, path, node.line, &what)),
                );
            }
        }
    }
    findings
}

fn has_single_dollars(text: &str) -> bool {
    secrecy::HASHES.iter().any(|mark| {
        text.match_indices(mark)
            .any(|(at, _)| !text[..at].ends_with('$'))
    })
}

/// `name:` that addresses another project than the site says.
fn project_name(
    name: EnvironmentName,
    environment: &Environment,
    path: &Path,
    document: &Document,
) -> Option<Finding> {
    let (_, value) = document.member(&document.root, "name")?;
    let written = value.scalar().filter(|text| !text.contains('$'))?;
    (written != environment.project).then(|| {
        let message = format!(
            "a compose file of {name} is named {written}, its project is {}",
            environment.project
        );
        Rule::ProjectName
            .finding(written, message)
            .at(at(name, path, value.line, "name"))
    })
}

fn literal_secrets(
    name: EnvironmentName,
    path: &Path,
    document: &Document,
    is_secret: &dyn Fn(&str, &str) -> bool,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (service, environment) in members(document, "environment") {
        let mapped = environment.entries().iter().filter_map(|(key, value)| {
            let value = document.resolve(value);
            Some((key.scalar()?, value.scalar()?, key.line))
        });
        let listed = environment.items().iter().filter_map(|item| {
            let (key, value) = item.scalar()?.split_once('=')?;
            Some((key, value, item.line))
        });
        for (key, value, line) in mapped.chain(listed) {
            let is_literal = !value.is_empty() && !value.contains('$');
            if is_literal && is_secret(key, value) {
                let what = format!("services.{service}.environment.{key}");
                findings.push(
                    Rule::LiteralSecret
                        .finding(key, format!("{key} is written in a compose file"))
                        .at(at(name, path, line, &what)),
                );
            }
        }
    }
    findings
}

/// A variable that nothing sets, and that has no default: Docker Compose takes it for empty.
fn unset(pair: &Pair<'_>, side: &Side<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, document) in &side.documents {
        for (index, line) in document.text.lines().enumerate() {
            let code = line.split(" #").next().unwrap_or(line);
            // A part of a hash is no variable, and is not to be told.
            if code.trim_start().starts_with('#') || has_single_dollars(code) {
                continue;
            }
            for name in references(code) {
                let has_default = code.contains(&format!("${{{name}:"))
                    || code.contains(&format!("${{{name}-"))
                    || code.contains(&format!("${{{name}?"))
                    || code.contains(&format!("${{{name}+"));
                let known =
                    side.values.variables.contains_key(name) || name.starts_with("COMPOSE_");
                // Required variables have a rule of their own.
                let required = pair
                    .site
                    .variables
                    .get(name)
                    .is_some_and(|one| one.required);
                if !has_default && !known && !required {
                    findings.push(
                        Rule::UnsetVariable
                            .finding(name, format!("no env file sets {name}"))
                            .at(at(side.name, path, index as u64 + 1, name)),
                    );
                }
            }
        }
    }
    findings
}

/// Makefiles and scripts that choose the environment by the directory they are run in.
fn working_directory(site: &Site, side: &Side<'_>, unseen: &mut Vec<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let directory = &side.environment.directory;
    for path in programs(directory, unseen) {
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            // A program that is no text chooses nothing by its text.
            Err(error) if error.kind() == ErrorKind::InvalidData => continue,
            Err(error) => {
                unseen.push(format!("{}: {error}", path.display()));
                continue;
            }
        };
        for (index, line) in text.lines().enumerate() {
            let asks = [
                "$(CURDIR)",
                "$(PWD)",
                "$PWD",
                "${PWD}",
                "$(pwd)",
                "`pwd`",
                "$$PWD",
                "$(shell pwd)",
            ]
            .iter()
            .any(|word| line.contains(word));
            let chooses = [
                "ifeq",
                "ifneq",
                "findstring",
                "filter",
                "case ",
                "[[",
                "[ ",
                "grep",
            ]
            .iter()
            .any(|word| line.contains(word));
            let names = sides(site).iter().any(|(_, one)| {
                let folder = one
                    .directory
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy();
                line.contains(&one.project) || line.contains(folder.as_ref())
            }) || line.contains("prod")
                || line.contains("dev");
            if asks
                && (chooses && names || line.trim_start().starts_with("case "))
                && !line.trim_start().starts_with('#')
            {
                let script = path.strip_prefix(directory).unwrap_or(&path).display();
                let message =
                    format!("{script} chooses the environment by the directory that it is run in");
                findings.push(
                    Rule::WorkingDirectory
                        .finding(script.to_string(), message)
                        .at(at(side.name, &path, index as u64 + 1, "working directory")),
                );
            }
        }
    }
    findings
}

/// Makefiles and shell scripts of a checkout, not deep.
fn programs(directory: &Path, unseen: &mut Vec<String>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in [
        "",
        "scripts",
        "deploy",
        "deploy/stack",
        "deploy/scripts",
        "bin",
    ] {
        let path = directory.join(folder);
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() != ErrorKind::NotFound {
                    unseen.push(format!("{}: {error}", path.display()));
                }
                continue;
            }
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let small = entry
                .metadata()
                .is_ok_and(|one| one.is_file() && one.len() < 1 << 20);
            let kind = name == "Makefile"
                || name == "GNUmakefile"
                || name.ends_with(".mk")
                || name.ends_with(".sh");
            if small && (kind || matches!(folder, "scripts" | "bin") && !name.contains('.')) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}
