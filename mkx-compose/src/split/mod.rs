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
mod elsewhere;
mod host;
mod left;
mod ports;
mod renamed;
mod service;
mod subnets;
mod template;
mod values;
mod vault;
mod volumes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use mkx_contract::record::site::env_file;
use mkx_contract::tool::compose::Compose;
use mkx_contract::{Failure, Result, Site};

use crate::audit::given::given_to_services;
use crate::model::Model;
use crate::yaml::Document;
use edits::Edits;
use renamed::Renames;
use service::DEVELOPMENTS_ENV_FILE;
use vault::Served;

/// The files that come out, base first, where the site does not name two for each environment.
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

/// What Docker Compose says where the base is used without an override.
const REFUSAL: &str = ":?give --env-file .env.prod or .env.dev}";

/// A variable that the split brings in, written so that Docker Compose refuses the base alone.
fn reference(variable: &str) -> String {
    format!("${{{variable}{REFUSAL}")
}

/// The base, refused by Docker Compose without an override also where no variable sees to that: an
/// override's `name:` takes the place of its own.
fn refused_alone(base: String, [_, production, development, ..]: &[String; 5]) -> String {
    if base.contains(REFUSAL) || base.contains("\"${COMPOSE_PROJECT_NAME:?") {
        return base;
    }
    let mut at = 0;
    for line in base.split_inclusive('\n') {
        let content = line.trim();
        if !content.is_empty()
            && !content.starts_with('#')
            && content != "---"
            && !content.starts_with('%')
        {
            break;
        }
        at += line.len();
    }
    let value = format!("${{COMPOSE_PROJECT_NAME:?give --file {production} or {development} too}}");
    let (before, rest) = base.split_at(at);
    match rest.trim_start().strip_prefix('{') {
        Some(members) => format!("{before}{{\"name\": \"{value}\", {members}"),
        None => format!("{before}name: {value}\n{rest}"),
    }
}

/// The files that the site names, where it names a base and one override for each environment; the
/// overrides are called by FILE where FILE is all that it names. Beside a `compose.yml` Docker
/// Compose would not look at a `docker-compose.yml`.
fn names(site: &Site, file: &Path) -> [String; 5] {
    let mut names = NAMES.map(str::to_owned);
    let is_all = |(_, environment): (_, &mkx_contract::Environment)| matches!(environment.compose_files.as_slice(), [one] if one.file_name() == file.file_name());
    if site.both().into_iter().all(is_all) {
        let name = |path: PathBuf| Some(path.file_name()?.to_str()?.to_owned());
        let [production, development] = crate::proposal::overrides(file);
        let all = [file.to_owned(), production, development].map(name);
        for (own, known) in names.iter_mut().zip(all) {
            *own = known.unwrap_or_else(|| own.clone());
        }
        return names;
    }
    let of = |environment: &mkx_contract::Environment| {
        let [base, own] = environment.compose_files.as_slice() else {
            return None;
        };
        let name = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
        let beside = base.parent() == own.parent() && base != own;
        beside.then_some((name(base)?, name(own)?))
    };
    if let Some(((base, ea), (other, eb))) =
        of(&site.environments.ea).zip(of(&site.environments.eb))
        && base == other
        && ea != eb
    {
        [names[0], names[1], names[2]] = [base, ea, eb];
    }
    names
}

/// How a file ends its lines, and whether it begins with a byte order mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Spelling {
    mark: bool,
    crlf: bool,
}

impl Spelling {
    /// The text with plain line ends and no mark, and how it was spelled.
    fn of(written: &str) -> (String, Spelling) {
        let (text, mark) = match written.strip_prefix('\u{feff}') {
            Some(text) => (text, true),
            None => (written, false),
        };
        let lines = text.matches('\n').count();
        let crlf = lines > 0 && lines == text.matches("\r\n").count();
        let text = if crlf {
            text.replace("\r\n", "\n")
        } else {
            text.to_owned()
        };
        (text, Spelling { mark, crlf })
    }

    fn restored(self, text: &str, mark: bool) -> String {
        let mark = if mark { "\u{feff}" } else { "" };
        match self.crlf {
            true => format!("{mark}{}", text.replace('\n', "\r\n")),
            false => format!("{mark}{text}"),
        }
    }
}

/// What grows while the file is gone through.
pub struct Work<'a> {
    /// The site.
    pub site: &'a Site,
    /// The file.
    pub document: &'a Document,
    /// What the original resolves to.
    pub model: &'a Model,
    /// The vault that the edge serves.
    pub served: Option<Served>,
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
    /// Lines of production's override under `networks:`.
    pub networks: String,
    /// Where the file lies.
    pub folder: PathBuf,
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
    let written = std::fs::read_to_string(&request.file).map_err(|error| {
        Failure::input(format!("cannot read {}: {error}", request.file.display()))
    })?;
    let (text, spelling) = Spelling::of(&written);
    let document = Document::parse(&text, &request.file)?;
    let folder = request.file.parent().unwrap_or(Path::new("."));
    let names = names(request.site, &request.file);
    let paths = names.clone().map(|name| folder.join(name));
    let was_split = paths[0] == request.file
        && paths[1..].iter().all(|path| path.exists())
        && (text.contains(REFUSAL) || text.contains("${COMPOSE_PROJECT_NAME"));
    let mut env_files = request.env_files.clone();
    if was_split {
        // The base alone leaves open what its template names.
        env_files.insert(0, paths[3].clone());
    }
    let project = was_split.then_some(request.site.environments.ea.project.as_str());
    let original =
        compose.config_of_files(project, std::slice::from_ref(&request.file), &env_files)?;
    let model = Model::parse(original.clone())?;
    let mut work = Work::new(request.site, &document, &model, folder.to_owned());
    service::all(&mut work);
    subnets::all(&mut work);
    volumes::all(&mut work);
    binds::all(&mut work);
    binds::files(&mut work);
    elsewhere::all(&mut work);
    develop::all(&mut work);

    if was_split && work.edits.is_empty() {
        return Ok(Parts {
            files: Vec::new(),
            notes: Vec::new(),
            already: true,
        });
    }
    let base = refused_alone(work.edits.apply(&text), &names);
    let production = production_override(&work, &names);
    let development = development_override(&work, &names);
    let given = env_files_of_services(&work);
    let present = Present {
        own: read_variables(&request.env_files)?,
        given: read_variables(&given)?,
    };
    let conflicts = conflicts(&given)?;
    if !conflicts.is_empty() {
        work.notes.push(format!(
            "env files of services differ in {}, and development's services are given {DEVELOPMENTS_ENV_FILE} alone: write what differs into its override",
            conflicts.join(", ")
        ));
    }
    let (prod_env, dev_env) = template::both(&work, &present, &[&base, &production, &development]);
    let result = compare::prove(
        &work,
        &original,
        compose,
        request,
        [&base, &production, &development],
    )?;
    let all_env_files: Vec<PathBuf> = request.env_files.iter().chain(&given).cloned().collect();
    let left = left::all(&work, &result, &all_env_files);
    work.notes.extend(left);
    let [base, production, development] = [
        (base, spelling.mark),
        (production, false),
        (development, false),
    ]
    .map(|(text, mark)| spelling.restored(&text, mark));
    let texts = [base, production, development, prod_env, dev_env];
    Ok(Parts {
        files: paths.into_iter().zip(texts).collect(),
        notes: work.notes,
        already: false,
    })
}

impl<'a> Work<'a> {
    fn new(site: &'a Site, document: &'a Document, model: &'a Model, folder: PathBuf) -> Work<'a> {
        let ports = ports::taken(site, model);
        Work {
            site,
            document,
            model,
            served: Served::of(site, model),
            renames: Renames::of(site, document, model),
            edits: Edits::default(),
            moved: IndexMap::new(),
            moved_services: String::new(),
            edge_stays: false,
            developed: IndexMap::new(),
            volumes: String::new(),
            networks: String::new(),
            folder,
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

/// What env files set.
pub struct Present {
    /// Those that fill the file.
    pub own: IndexMap<String, String>,
    /// Those that services are given.
    pub given: IndexMap<String, String>,
}

/// The env files that services are given, those that are there.
fn env_files_of_services(work: &Work<'_>) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for (_, entry) in given_to_services(work.document) {
        let path = work.folder.join(entry.scalar().unwrap_or_default());
        if path.is_file() && !found.contains(&path) {
            found.push(path);
        }
    }
    found
}

/// Names that files give different values to.
fn conflicts(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    let mut found = Vec::new();
    for file in files {
        for (name, value) in read_variables(std::slice::from_ref(file))? {
            let known = first.entry(name.clone()).or_insert_with(|| value.clone());
            if *known != value && !found.contains(&name) {
                found.push(name);
            }
        }
    }
    Ok(found)
}

/// What the env files set, the last one that sets a name winning.
fn read_variables(files: &[PathBuf]) -> Result<IndexMap<String, String>> {
    let mut variables = IndexMap::new();
    for file in files {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::input(format!("cannot read {}: {error}", file.display())))?;
        for entry in env_file::entries(&text) {
            variables.insert(entry.name.to_owned(), entry.value);
        }
    }
    Ok(variables)
}

fn production_override(work: &Work<'_>, [base, own, ..]: &[String; 5]) -> String {
    let mut text = format!(
        "# Production. Use it with {base}:\n#   docker compose --file {base} --file {own} --env-file .env.prod up --detach\nname: {}\n",
        work.site.environments.ea.project
    );
    push_services(&mut text, &work.moved, &work.moved_services);
    if !work.networks.is_empty() {
        text.push_str(
            "\nnetworks:\n  # The host has a subnet once: development's is the engine's choice.\n",
        );
        text.push_str(&work.networks);
    }
    if !work.volumes.is_empty() {
        text.push_str(
            "\nvolumes:\n  # They hold production's data and keep the names that they have.\n",
        );
        text.push_str(&work.volumes);
    }
    text
}

fn development_override(work: &Work<'_>, [base, _, own, ..]: &[String; 5]) -> String {
    let mut text = format!(
        "# Development. Use it with {base}:\n#   docker compose --file {base} --file {own} --env-file .env.dev up --detach\nname: {}\n",
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
