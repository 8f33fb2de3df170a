//! One compose file that was written for production becomes a base, an override for each
//! environment, and an env template for each, as a maintainer would write them.
//!
//! The text is edited by the places of its nodes: what is common stays as it is written, what
//! differs moves to the overrides or becomes a variable. Docker Compose has the last word: the
//! production result must resolve to what the original resolves to, or nothing is written.

mod binds;
mod compare;
mod develop;
mod edits;
mod ports;
mod renamed;
mod service;
mod template;
mod values;
mod volumes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use mkx_contract::record::site::env_file;
use mkx_contract::tool::compose::Compose;
use mkx_contract::{Failure, Result, Site};

use crate::model::Model;
use crate::yaml::Document;
use edits::Edits;
use renamed::Renames;

/// The files that come out, base first.
const NAMES: [&str; 5] = [
    "docker-compose.yml",
    "docker-compose.prod.yml",
    "docker-compose.dev.yml",
    ".env.prod.example",
    ".env.dev.example",
];

/// What splitting needs to know.
pub struct Request<'a> {
    /// The site.
    pub site: &'a Site,
    /// The compose file.
    pub file: PathBuf,
    /// The env files that fill it.
    pub env_files: Vec<PathBuf>,
}

/// The texts that it becomes.
pub struct Parts {
    /// Path and text, base first.
    pub files: Vec<(PathBuf, String)>,
    /// What a person should know.
    pub notes: Vec<String>,
    /// True where the file was split before, and nothing is left to do.
    pub already: bool,
}

/// A variable that the split brings in: production's value and development's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Production's value.
    pub ea: String,
    /// Development's value.
    pub eb: String,
}

/// A variable that the split brings in, written so that Docker Compose refuses the base alone.
fn reference(variable: &str) -> String {
    format!("${{{variable}:?give --env-file .env.prod or .env.dev}}")
}

/// What grows while the file is gone through.
pub struct Work<'a> {
    /// The site.
    pub site: &'a Site,
    /// The file.
    pub document: &'a Document,
    /// What the original resolves to.
    pub model: &'a Model,
    /// Names that change.
    pub renames: Renames,
    /// Changes of the text.
    pub edits: Edits,
    /// Lines that move to production's override, by service.
    pub moved: IndexMap<String, String>,
    /// Whole services that move to production's override.
    pub moved_services: String,
    /// True where the edge stays in the base, since it is written with the base's anchors.
    pub edge_stays: bool,
    /// Lines of development's override, by service.
    pub developed: IndexMap<String, String>,
    /// Lines of production's override under `volumes:`.
    pub volumes: String,
    /// Variables that the text refers to now.
    pub variables: BTreeMap<String, Variable>,
    /// Host ports that are taken by either environment.
    pub ports: Vec<u16>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// Splits, and proves the result; nothing is written.
///
/// # Errors
/// Exit 3 where the file can not be read or resolved, or where the result would resolve to
/// something else.
pub fn split(request: &Request<'_>, compose: &Compose) -> Result<Parts> {
    let text = std::fs::read_to_string(&request.file).map_err(|error| {
        Failure::input(format!("cannot read {}: {error}", request.file.display()))
    })?;
    let document = Document::parse(&text, &request.file)?;
    let folder = request.file.parent().unwrap_or(Path::new("."));
    let paths = NAMES.map(|name| folder.join(name));
    let was_split = paths[0] == request.file && paths[1..].iter().all(|path| path.exists());
    let mut env_files = request.env_files.clone();
    if was_split {
        // The base alone leaves open what its template names.
        env_files.insert(0, paths[3].clone());
    }
    let original =
        compose.config_of_files(None, std::slice::from_ref(&request.file), &env_files)?;
    let model = Model::parse(original.clone())?;
    let mut work = Work::new(request.site, &document, &model);
    service::all(&mut work);
    volumes::all(&mut work);
    binds::all(&mut work);
    develop::all(&mut work);

    if was_split && work.edits.is_empty() {
        return Ok(Parts {
            files: Vec::new(),
            notes: Vec::new(),
            already: true,
        });
    }
    let base = work.edits.apply(&text);
    let production = production_override(&work);
    let development = development_override(&work);
    let present = read_variables(&request.env_files)?;
    let (prod_env, dev_env) = template::both(&work, &present, &[&base, &production, &development]);
    let result = compare::prove(
        &work,
        &original,
        compose,
        request,
        [&base, &production, &development],
    )?;
    let left = renamed::left(&work, &result, &request.env_files);
    work.notes.extend(left);
    let texts = [base, production, development, prod_env, dev_env];
    Ok(Parts {
        files: paths.into_iter().zip(texts).collect(),
        notes: work.notes,
        already: false,
    })
}

impl<'a> Work<'a> {
    fn new(site: &'a Site, document: &'a Document, model: &'a Model) -> Work<'a> {
        let ports = ports::taken(site, model);
        Work {
            site,
            document,
            model,
            renames: Renames::of(site, document, model),
            edits: Edits::default(),
            moved: IndexMap::new(),
            moved_services: String::new(),
            edge_stays: false,
            developed: IndexMap::new(),
            volumes: String::new(),
            variables: BTreeMap::new(),
            ports,
            notes: Vec::new(),
        }
    }

    /// Adds lines to what moves of a service.
    pub fn move_lines(&mut self, service: &str, lines: &str) {
        self.moved
            .entry(service.to_owned())
            .or_default()
            .push_str(lines);
    }

    /// Adds lines, without indentation, to development's part of a service.
    pub fn develop(&mut self, service: &str, lines: &str) {
        let text = self.developed.entry(service.to_owned()).or_default();
        for line in lines.lines() {
            text.push_str("    ");
            text.push_str(line);
            text.push('\n');
        }
    }

    /// True where the service is the edge, which is production's alone.
    pub fn is_edge(&self, service: &str) -> bool {
        service == self.site.shared.edge.service
    }
}

/// What the env files set, the last one that sets a name winning.
fn read_variables(files: &[PathBuf]) -> Result<IndexMap<String, String>> {
    let mut variables = IndexMap::new();
    for file in files {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::input(format!("cannot read {}: {error}", file.display())))?;
        for (name, value) in env_file::assignments(&text) {
            variables.insert(name.to_owned(), value);
        }
    }
    Ok(variables)
}

fn production_override(work: &Work<'_>) -> String {
    let mut text = format!(
        "# Production. Use it with docker-compose.yml:\n#   docker compose --file docker-compose.yml --file docker-compose.prod.yml --env-file .env.prod up --detach\nname: {}\n",
        work.site.environments.ea.project
    );
    push_services(&mut text, &work.moved, &work.moved_services);
    if !work.volumes.is_empty() {
        text.push_str(
            "\nvolumes:\n  # They hold production's data and keep the names that they have.\n",
        );
        text.push_str(&work.volumes);
    }
    text
}

fn development_override(work: &Work<'_>) -> String {
    let mut text = format!(
        "# Development. Use it with docker-compose.yml:\n#   docker compose --file docker-compose.yml --file docker-compose.dev.yml --env-file .env.dev up --detach\nname: {}\n",
        work.site.environments.eb.project
    );
    push_services(&mut text, &work.developed, "");
    text
}

fn push_services(text: &mut String, services: &IndexMap<String, String>, whole: &str) {
    if services.is_empty() && whole.is_empty() {
        return;
    }
    text.push_str("\nservices:\n");
    let mut first = true;
    for (name, lines) in services {
        if !first {
            text.push('\n');
        }
        first = false;
        text.push_str(&format!("  {name}:\n{lines}"));
    }
    if !whole.is_empty() {
        if !first {
            text.push('\n');
        }
        text.push_str(whole);
    }
}
