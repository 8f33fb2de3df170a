//! One environment as the audit sees it: resolved, unresolved, and as text.

use std::collections::BTreeSet;
use std::path::PathBuf;

use mkx_contract::record::finding::Evidence;
use mkx_contract::tool::compose::{Compose, Fill, Profiles};
use mkx_contract::{Environment, EnvironmentName, Failure, Result, Site};
use serde_json::Value;

use crate::docker;
use crate::env::Values;
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
    /// The same with `${…}` as it is written.
    pub unfilled: Value,
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
        let model = Model::parse(compose.config(environment, Fill::Variables, Profiles::All)?)?;
        let optional = model.services.values().any(|one| !one.profiles.is_empty());
        let active = if optional {
            let active = docker::model(compose, environment)?;
            Some(active.services.into_keys().collect())
        } else {
            None
        };
        Ok(Side {
            name,
            environment,
            values: Values::read(environment)?,
            documents: documents(environment)?,
            model,
            unfilled: compose.config(environment, Fill::Nothing, Profiles::All)?,
            active,
        })
    }

    /// False where a service waits for a profile that is not chosen.
    pub fn is_active(&self, service: &str) -> bool {
        let active = self.active.as_ref();
        active.is_none_or(|active| active.contains(service))
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

    /// A text with its simple references filled in; to find a place by, not to resolve.
    fn filled(&self, text: &str) -> String {
        let mut result = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            result.push_str(&rest[..at]);
            let body = &rest[at + 2..];
            let Some(end) = body.find('}') else { break };
            let (name, default) = match body[..end].split_once(":-") {
                Some((name, default)) => (name, default),
                None => (&body[..end], ""),
            };
            let value = match name {
                "COMPOSE_PROJECT_NAME" => Some(self.environment.project.as_str()),
                _ => self.values.get(name),
            };
            result.push_str(value.unwrap_or(default));
            rest = &body[end + 1..];
        }
        result.push_str(rest);
        result
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

/// The environment's compose files, parsed.
pub fn documents(environment: &Environment) -> Result<Vec<(PathBuf, Document)>> {
    environment
        .compose_files
        .iter()
        .map(|file| {
            let path = environment.path(file);
            let text = std::fs::read_to_string(&path).map_err(|error| {
                Failure::input(format!("cannot read {}: {error}", path.display()))
            })?;
            let document = Document::parse(&text, &path)?;
            Ok((path, document))
        })
        .collect()
}
