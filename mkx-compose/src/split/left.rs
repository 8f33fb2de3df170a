//! Former names that are left where the split does not write: in values of env files, in words
//! that may be anything, in files that are mounted. A person is told each place.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mkx_contract::record::site::env_file;
use serde_json::Value;

use super::host::{Place, is_host};
use super::renamed::{Rename, What};
use super::{Work, values};
use crate::names::has_resource;

/// A file that is longer is no configuration.
const LONGEST: u64 = 1 << 20;
/// A folder is not looked through further.
const MOST_FILES: usize = 200;
const DEEPEST: usize = 2;

/// Members of a service that may name a container.
const MEMBERS: [&str; 13] = [
    "environment",
    "command",
    "entrypoint",
    "healthcheck",
    "labels",
    "extra_hosts",
    "external_links",
    "network_mode",
    "pid",
    "ipc",
    "volumes_from",
    "build",
    "logging",
];

/// What production's result, the env files and mounted files still say.
pub fn all(work: &Work<'_>, result: &Value, env_files: &[PathBuf]) -> Vec<String> {
    let mut told = Vec::new();
    let variables = in_env_files(work, env_files, &mut told);
    let services = result["services"].as_object();
    for (service, model) in services.into_iter().flatten() {
        for member in MEMBERS {
            let way = ["services", service, member];
            let mut place = Place {
                way: way.map(str::to_owned).to_vec(),
                ..Place::default()
            };
            // Labels are read by the edge, which is on the shared network.
            let look = Look {
                work,
                reaches_shared: values::is_on_shared(work, service) || member == "labels",
                variables: &variables,
            };
            look.walk(&model[member], &mut place, &mut told);
        }
    }
    in_mounted_files(work, result, &mut told);
    let mut seen = BTreeSet::new();
    told.retain(|one| seen.insert(one.clone()));
    told
}

/// Tells it, and returns the variables.
fn in_env_files(work: &Work<'_>, files: &[PathBuf], told: &mut Vec<String>) -> BTreeSet<String> {
    let mut variables = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        for entry in env_file::entries(&text) {
            if let Some(rename) = named_in(work, true, entry.name, &entry.value) {
                variables.insert(entry.name.to_owned());
                let place = format!("{}:{} ({})", file.display(), entry.line, entry.name);
                told.push(words(&place, rename));
            }
        }
    }
    variables
}

/// How a service's values are looked at.
struct Look<'a> {
    work: &'a Work<'a>,
    reaches_shared: bool,
    variables: &'a BTreeSet<String>,
}

impl Look<'_> {
    fn walk(&self, value: &Value, place: &mut Place, told: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let is_told = place.has("environment") && self.variables.contains(name);
                    if !is_told && name != "context" {
                        place.way.push(name.clone());
                        self.walk(value, place, told);
                        place.way.pop();
                    }
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.walk(item, place, told);
                }
            }
            Value::String(text) => {
                let name = place.way.last().map_or("", String::as_str);
                if let Some(rename) = named_in(self.work, self.reaches_shared, name, text) {
                    told.push(words(&place.way.join("."), rename));
                }
            }
            _ => {}
        }
    }
}

/// The first former name that a variable, a word or a line leads to.
fn named_in<'a>(
    work: &'a Work<'_>,
    reaches_shared: bool,
    variable: &str,
    text: &str,
) -> Option<&'a Rename> {
    let place = Place {
        way: vec![variable.to_owned()],
        ..Place::default()
    };
    let is_account = ["USER", "DATABASE", "_DB", "DBNAME", "PASS"]
        .iter()
        .any(|word| variable.to_ascii_uppercase().contains(word));
    let mut all = work.renames.all.iter();
    all.find(|rename| {
        let is_named = text
            .match_indices(rename.former.as_str())
            .any(|(at, _)| is_host(&place, text, at, rename));
        // A name with a separator is one wherever it stands, unless it is an account's.
        let is_telling = rename.what == What::Container
            && rename.former.contains(['-', '_', '.'])
            && !is_account
            && has_resource(text, &rename.former);
        (is_named || is_telling) && (rename.what != What::Shared || reaches_shared)
    })
}

fn words(place: &str, rename: &Rename) -> String {
    let Rename { former, now, what } = rename;
    match what {
        What::Shared => format!(
            "{place} says {former}, which either environment answers to on the shared network: write {now} there by hand"
        ),
        _ => format!("{place} says {former}, which is called {now} now: follow it there by hand"),
    }
}

/// Configuration that is mounted: files, and what lies in mounted folders.
fn in_mounted_files(work: &Work<'_>, result: &Value, told: &mut Vec<String>) {
    let mut files: Vec<(PathBuf, bool)> = Vec::new();
    for (name, service) in &work.model.services {
        let reaches_shared = work.is_edge(name) || values::is_on_shared(work, name);
        for mount in service.volumes.iter().filter(|mount| mount.kind == "bind") {
            let path = Path::new(mount.source.as_deref().unwrap_or_default());
            let mut found = BTreeSet::new();
            files_of(path, DEEPEST, &mut found);
            files.extend(found.into_iter().map(|file| (file, reaches_shared)));
        }
    }
    let configs = result["configs"].as_object().into_iter().flatten();
    let configs = configs.filter_map(|(_, config)| config["file"].as_str());
    files.extend(configs.map(|file| (PathBuf::from(file), true)));
    for (file, reaches_shared) in files {
        let is_short = file.metadata().is_ok_and(|one| one.len() <= LONGEST);
        let text = is_short.then(|| std::fs::read_to_string(&file).ok());
        let text = text.flatten().unwrap_or_default();
        for (index, line) in text.lines().enumerate() {
            let is_comment = line.trim_start().starts_with('#');
            let named = named_in(work, reaches_shared, "", line);
            if let Some(rename) = named.filter(|_| !is_comment) {
                told.push(words(&format!("{}:{}", file.display(), index + 1), rename));
            }
        }
    }
}

/// Files as configuration is written; sources and data are not looked through.
fn files_of(path: &Path, depth: usize, found: &mut BTreeSet<PathBuf>) {
    const KINDS: [&str; 14] = [
        "conf",
        "cfg",
        "cnf",
        "ini",
        "json",
        "toml",
        "yaml",
        "yml",
        "xml",
        "properties",
        "env",
        "vcl",
        "template",
        "sh",
    ];
    let Ok(about) = path.metadata() else { return };
    let kind = path.extension().and_then(|kind| kind.to_str());
    let is_kind = kind.is_some_and(|kind| KINDS.contains(&kind));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if about.is_file() && (is_kind || name.starts_with("Caddyfile")) {
        found.insert(path.to_owned());
    } else if about.is_dir() && depth > 0 {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        for entry in entries.take(MOST_FILES) {
            files_of(&entry.path(), depth - 1, found);
        }
    }
}
