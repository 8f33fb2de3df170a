//! One environment as the audit sees it: resolved, and as text.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mkx_contract::record::finding::Evidence;
use mkx_contract::tool::compose::{Compose, Profiles};
use mkx_contract::{Environment, EnvironmentName, Failure, Result, Site};

use crate::docker;
use crate::env::Values;
use crate::interpolation;
use crate::model::Model;
use crate::yaml::{Document, Kind, Node};

/// One environment.
pub struct Side<'a> {
    /// Which.
    pub name: EnvironmentName,
    /// What the site says of it.
    pub environment: &'a Environment,
    /// What Docker Compose resolves it to, or what runs.
    pub model: Model,
    /// Its env files.
    pub values: Values,
    /// Its compose files.
    pub documents: Vec<(PathBuf, Document)>,
    /// The services that `up` starts; none: all of them.
    pub active: Option<BTreeSet<String>>,
}

impl<'a> Side<'a> {
    /// Reads and resolves.
    pub fn read(site: &'a Site, name: EnvironmentName, compose: &Compose) -> Result<Side<'a>> {
        let environment = site.environment(name);
        let model = Model::parse(compose.config(environment, Profiles::All)?)?;
        let optional = model.services.values().any(|one| !one.profiles.is_empty());
        let active = if optional {
            let active = docker::model(compose, environment)?;
            Some(active.services.into_keys().collect())
        } else {
            None
        };
        let values = Values::read(environment)?;
        Ok(Side {
            name,
            environment,
            documents: documents(environment, &values)?,
            values,
            model,
            active,
        })
    }

    /// False where a service waits for a profile that is not chosen.
    pub fn is_active(&self, service: &str) -> bool {
        let active = self.active.as_ref();
        active.is_none_or(|active| active.contains(service))
    }

    /// Services that this side keeps from starting by a profile, and the other one starts: the usual
    /// way to leave out what both share. What waits for its profile on both sides is a tool that
    /// somebody starts by hand, and is judged.
    pub fn switched_off(&self, other: &Side<'_>) -> Vec<String> {
        let services = self.model.services.keys();
        let is_off = |name: &&String| {
            !self.is_active(name)
                && other.model.services.contains_key(*name)
                && other.is_active(name)
        };
        services.filter(is_off).cloned().collect()
    }

    /// Takes services out of the model, and what only they used.
    pub fn leave_out(&mut self, services: &[String]) {
        if !services.is_empty() {
            let is_kept = |name: &str| !services.iter().any(|one| one == name);
            self.model.keep(is_kept);
        }
    }

    /// The place of a member in the compose files: the last file that has it, else where it is
    /// nearest.
    pub fn place(&self, way: &[&str]) -> Evidence {
        let what = way.join(".");
        let mut best: Option<(usize, &PathBuf, u64)> = None;
        for (path, document) in self.documents.iter().rev() {
            let (node, depth) = document.locate(way);
            if best.is_none_or(|(deepest, ..)| depth > deepest) {
                best = Some((depth, path, node.line));
            }
        }
        self.evidence(best.map(|(_, path, line)| (path.clone(), line)), what)
    }

    /// The place of the list item that mentions `needle`, once its variables are filled in.
    pub fn place_of_item(&self, way: &[&str], needle: &str) -> Evidence {
        for (path, document) in self.documents.iter().rev() {
            let (_, depth) = document.locate(way);
            if depth < way.len() {
                continue;
            }
            let mut node = &document.root;
            for name in way {
                match document.member(node, name) {
                    Some((_, value)) => node = value,
                    None => break,
                }
            }
            let list = document.resolve(node);
            let found = list
                .items()
                .iter()
                .find(|item| self.mentions(document, item, needle));
            if let Some(item) = found {
                return self.evidence(Some((path.clone(), item.line)), way.join("."));
            }
        }
        self.place(way)
    }

    fn mentions(&self, document: &Document, node: &Node, needle: &str) -> bool {
        match &document.resolve(node).kind {
            Kind::Scalar { value, .. } => self.filled(value).contains(needle),
            Kind::Sequence(items) => items
                .iter()
                .any(|item| self.mentions(document, item, needle)),
            Kind::Mapping(entries) => entries
                .iter()
                .any(|(_, value)| self.mentions(document, value, needle)),
            Kind::Alias(_) => false,
        }
    }

    /// A text with its references filled in; to find a place by, not to resolve.
    pub fn filled(&self, text: &str) -> String {
        interpolation::filled(text, &|name| value_in(self.environment, &self.values, name))
    }

    fn evidence(&self, place: Option<(PathBuf, u64)>, what: String) -> Evidence {
        let container = match what.split('.').collect::<Vec<_>>()[..] {
            ["services", service, ..] if self.documents.is_empty() => {
                Some(self.model.container_name(service))
            }
            _ => None,
        };
        let (file, line) = place.unzip();
        Evidence {
            environment: Some(self.name),
            file,
            line,
            container,
            what,
            ..Evidence::default()
        }
    }
}

/// Service, variable and value of all services' environments.
pub fn environments<'a>(side: &'a Side<'_>) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
    side.model.services.iter().flat_map(|(service, model)| {
        model.environment.iter().filter_map(move |(name, value)| {
            Some((service.as_str(), name.as_str(), value.as_deref()?))
        })
    })
}

fn value_in(environment: &Environment, values: &Values, name: &str) -> Option<String> {
    match name {
        "COMPOSE_PROJECT_NAME" => Some(environment.project.clone()),
        _ => values
            .variables
            .get(name)
            .map(|variable| variable.value.expose().to_owned()),
    }
}

/// The environment's compose files, parsed, each behind those that it includes or extends.
pub fn documents(environment: &Environment, values: &Values) -> Result<Vec<(PathBuf, Document)>> {
    let mut found = Vec::new();
    for file in &environment.compose_files {
        let fill =
            |text: &str| interpolation::filled(text, &|name| value_in(environment, values, name));
        read(
            &environment.path(file),
            &fill,
            &mut BTreeSet::new(),
            &mut found,
        )?;
    }
    Ok(found)
}

fn read(
    path: &Path,
    fill: &dyn Fn(&str) -> String,
    read_before: &mut BTreeSet<PathBuf>,
    found: &mut Vec<(PathBuf, Document)>,
) -> Result<()> {
    if !read_before.insert(path.to_owned()) {
        return Ok(());
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::input(format!("cannot read {}: {error}", path.display())))?;
    let documents = Document::parse_all(&text, path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    for other in documents.iter().flat_map(others) {
        let other = folder.join(fill(&other));
        // What is fetched from elsewhere (git, OCI) is no file.
        if other.is_file() {
            read(&other, fill, read_before, found)?;
        }
    }
    found.extend(documents.into_iter().map(|one| (path.to_owned(), one)));
    Ok(())
}

/// The files that a document includes or extends, as they are written.
fn others(document: &Document) -> Vec<String> {
    let mut files = Vec::new();
    let mut add = |node: &Node| {
        let node = document.resolve(node);
        let items = node.items().iter().map(|item| document.resolve(item));
        files.extend(
            std::iter::once(node)
                .chain(items)
                .filter_map(|one| one.scalar().map(str::to_owned)),
        );
    };
    if let Some((_, included)) = document.member(&document.root, "include") {
        for item in document.resolve(included).items() {
            add(document.member(item, "path").map_or(item, |(_, path)| path));
        }
    }
    if let Some((_, services)) = document.member(&document.root, "services") {
        for (_, service) in document.resolve(services).entries() {
            let extended = document.member(service, "extends");
            let file = extended.and_then(|(_, extended)| document.member(extended, "file"));
            file.into_iter().for_each(|(_, file)| add(file));
        }
    }
    files
}
