//! What the split calls by another name, and where that name is followed.
//!
//! A container that had a fixed name is called by project and service, so that both environments
//! can have it; so is what answers on the shared network, where a service's plain name would lead
//! to either environment. Every place of the file where such a name is a host's gets the new one.
//! Where one is left, `left` says so.

use std::collections::BTreeSet;

use super::Work;
use super::edits::indent_of;
use super::host::{Place, is_host};
use crate::model::Model;
use crate::yaml::{Document, Node};

/// The project's name, where a name carries it.
const PROJECT: &str = "${COMPOSE_PROJECT_NAME}";

/// A name that something loses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// What it was called.
    pub former: String,
    /// What it is called now, with the project as a variable.
    pub now: String,
    /// What it is.
    pub what: What,
}

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A container, by a name that only it had.
    Container,
    /// A service on the shared network, by a name that both environments answer to there.
    Shared,
    /// A network of the project's own.
    Network,
}

/// All names that the split changes, longest first.
#[derive(Debug, Default)]
pub struct Renames {
    /// The names.
    pub all: Vec<Rename>,
    /// Services that get a `container_name:` of their own.
    pub named: BTreeSet<String>,
    /// Services on the shared network that can have none, with the cause.
    pub unnamed: Vec<(String, &'static str)>,
}

impl Rename {
    /// The new name in a project.
    pub fn in_project(&self, project: &str) -> String {
        self.now.replace(PROJECT, project)
    }
}

impl Renames {
    /// The names of a file's containers, networks and services.
    pub fn of(site: &mkx_contract::Site, document: &Document, model: &Model) -> Renames {
        let mut renames = Renames::default();
        let services = document.member(&document.root, "services");
        for (key, service) in services.iter().flat_map(|(_, all)| all.entries()) {
            if let Some(name) = key.scalar()
                && model.services.contains_key(name)
            {
                renames.service(site, document, model, name, service);
            }
        }
        for key in model.networks.keys() {
            let former = model.network_name(key);
            let resource = &model.networks[key];
            if former != site.shared.network && !resource.external && !former.contains('$') {
                renames.push(former, format!("{PROJECT}_{key}"), What::Network);
            }
        }
        let length = |one: &Rename| std::cmp::Reverse(one.former.len());
        renames.all.sort_by_key(length);
        renames
    }

    fn service(
        &mut self,
        site: &mkx_contract::Site,
        document: &Document,
        model: &Model,
        name: &str,
        service: &Node,
    ) {
        let resolved = &model.services[name];
        let own = document.member(service, "container_name");
        let written = own.and_then(|(_, node)| node.scalar());
        let carries_project = written.filter(|text| text.contains("COMPOSE_PROJECT_NAME"));
        let is_edge = name == site.shared.edge.service;
        let aliases: Vec<&str> = resolved
            .networks
            .iter()
            .filter(|(key, _)| model.network_name(key) == site.shared.network)
            .flat_map(|(_, one)| one.iter().flat_map(|one| &one.aliases))
            .map(String::as_str)
            .collect();
        let is_shared = (resolved.networks.keys())
            .any(|key| model.network_name(key) == site.shared.network)
            && !is_edge;
        let cannot = match own {
            Some(_) => None,
            None if document.is_referred_to(service.anchor) => {
                Some("other services are written with it")
            }
            None if is_extended(document, name) => Some("other services extend it"),
            None if resolved.is_replicated() => Some("it has several containers"),
            None if service.entries().is_empty() => Some("it is written elsewhere"),
            None => None,
        };
        let gets_name = own.is_some() || (is_shared && cannot.is_none());
        let now = match carries_project {
            Some(text) => text.to_owned(),
            None => format!("{PROJECT}-{name}"),
        };
        match (&resolved.container_name, carries_project) {
            (Some(former), None) if former != name && (own.is_some() || gets_name) => {
                self.push(former.clone(), now.clone(), What::Container);
            }
            (None, _) => {
                let number = if gets_name { "" } else { "-1" };
                let former = format!("{}-{name}-1", model.name);
                self.push(former, format!("{now}{number}"), What::Container);
            }
            _ => {}
        }
        if !is_shared {
            return;
        }
        if let Some(cause) = cannot {
            self.unnamed.push((name.to_owned(), cause));
            return;
        }
        if own.is_none() {
            self.named.insert(name.to_owned());
        }
        for former in std::iter::once(name).chain(aliases) {
            if !former.contains(&site.environments.ea.project) {
                self.push(former.to_owned(), now.clone(), What::Shared);
            }
        }
    }

    fn push(&mut self, former: String, now: String, what: What) {
        if !self.all.iter().any(|one| one.former == former) {
            self.all.push(Rename { former, now, what });
        }
    }
}

/// True where another service of the file says `extends:` of it.
pub fn is_extended(document: &Document, name: &str) -> bool {
    let services = document.member(&document.root, "services");
    services
        .iter()
        .flat_map(|(_, all)| all.entries())
        .any(|(_, service)| {
            let Some((_, extended)) = document.member(service, "extends") else {
                return false;
            };
            let of_file = document.member(extended, "file").is_some();
            let service = document.member(extended, "service");
            let base = service.map_or(extended, |(_, node)| node);
            !of_file && document.resolve(base).scalar() == Some(name)
        })
}

/// `container:NAME` of a container of the file becomes its service; aliases on the shared network
/// get the project.
pub fn joined(work: &mut Work<'_>) {
    let document = work.document;
    let services = document.member(&document.root, "services");
    for (_, service) in services.iter().flat_map(|(_, all)| all.entries()) {
        for member in ["network_mode", "pid", "ipc", "volumes_from"] {
            let Some((_, value)) = document.member(service, member) else {
                continue;
            };
            let value = document.resolve(value);
            let prefix = if member == "volumes_from" {
                ""
            } else {
                "service:"
            };
            for node in std::iter::once(value).chain(value.items()) {
                let joined = node
                    .scalar()
                    .and_then(|text| text.strip_prefix("container:"));
                let Some(joined) = joined else { continue };
                let (name, mode) = joined.split_once(':').unwrap_or((joined, ""));
                let Some(owner) = owner(work.model, name) else {
                    continue;
                };
                let mode = if mode.is_empty() {
                    String::new()
                } else {
                    format!(":{mode}")
                };
                let quote = &document.text[node.start..node.start + 1];
                let quote = if quote == "\"" || quote == "'" {
                    quote
                } else {
                    ""
                };
                let changed = format!("{quote}{prefix}{owner}{mode}{quote}");
                work.edits.replace(node.start..node.end, changed);
            }
        }
        aliases(work, service);
    }
}

/// The service whose container has this name.
pub fn owner<'a>(model: &'a Model, container: &str) -> Option<&'a str> {
    let services = model.services.keys();
    services
        .map(String::as_str)
        .find(|name| model.container_name(name) == container)
}

fn aliases(work: &mut Work<'_>, service: &Node) {
    let document = work.document;
    let Some((_, networks)) = document.member(service, "networks") else {
        return;
    };
    for (key, attachment) in document.resolve(networks).entries() {
        let name = work.model.network_name(key.scalar().unwrap_or_default());
        if name != work.site.shared.network {
            continue;
        }
        let Some((_, aliases)) = document.member(attachment, "aliases") else {
            continue;
        };
        for alias in document.resolve(aliases).items() {
            let known = alias.scalar().filter(|text| {
                let mut renames = work.renames.all.iter();
                renames.any(|one| one.what == What::Shared && one.former == **text)
            });
            if let Some(alias_name) = known {
                let changed = format!("\"{PROJECT}-{alias_name}\"");
                work.edits.replace(alias.start..alias.end, changed);
            }
        }
    }
}

/// Gives a service its container's name, where it has none and is on the shared network.
pub fn give_name(work: &mut Work<'_>, key: &Node, service: &Node) {
    let document = work.document;
    let name = key.scalar().unwrap_or_default();
    let line = format!("container_name: {PROJECT}-{name}");
    if document.is_flow(service) {
        let at = service.start + 1;
        let line = format!("container_name: \"{PROJECT}-{name}\", ");
        work.edits.replace(at..at, line);
        return;
    }
    let Some((first, _)) = service.entries().first() else {
        return;
    };
    let indent = " ".repeat(indent_of(document, first));
    let line_end = document.text[key.end..].find('\n').map(|at| key.end + at);
    if let Some(at) = line_end {
        work.edits.replace(at..at, format!("\n{indent}{line}"));
    }
}

/// The text with every host that has another name in a project called by that.
pub fn followed(work: &Work<'_>, variable: &str, text: &str, project: &str) -> String {
    let place = Place {
        way: vec![variable.to_owned()],
        ..Place::default()
    };
    let mut result = String::new();
    let mut at = 0;
    while at < text.len() {
        let rename = work
            .renames
            .all
            .iter()
            .find(|one| is_host(&place, text, at, one));
        match rename {
            Some(rename) => {
                result.push_str(&rename.in_project(project));
                at += rename.former.len();
            }
            None => {
                let character = text[at..].chars().next().unwrap_or_default();
                result.push(character);
                at += character.len_utf8();
            }
        }
    }
    result
}

/// True where `new` is `old` with names changed as the split changes them, in a project.
pub fn differs_by_names(renames: &Renames, project: &str, old: &str, new: &str) -> bool {
    let (mut old, mut new) = (old, new);
    'text: loop {
        for rename in &renames.all {
            let Some(rest) = old.strip_prefix(rename.former.as_str()) else {
                continue;
            };
            let alias = format!("{project}-{}", rename.former);
            let alias = (rename.what == What::Shared).then_some(alias);
            let names = std::iter::once(rename.in_project(project)).chain(alias);
            let changed = names.filter_map(|name| new.strip_prefix(name.as_str()));
            if let Some(new_rest) = changed.min_by_key(|rest| rest.len()) {
                (old, new) = (rest, new_rest);
                continue 'text;
            }
        }
        match (old.chars().next(), new.chars().next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b => {
                (old, new) = (&old[a.len_utf8()..], &new[b.len_utf8()..]);
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rename(former: &str) -> Rename {
        Rename {
            former: former.into(),
            now: "${COMPOSE_PROJECT_NAME}-db".into(),
            what: What::Container,
        }
    }

    #[test]
    fn names_may_change_and_nothing_else() {
        let renames = Renames {
            all: vec![rename("app_db")],
            ..Renames::default()
        };
        let same = |old: &str, new: &str| differs_by_names(&renames, "p", old, new);
        assert!(same("http://app_db:1/app_db", "http://p-db:1/app_db"));
        assert!(!same("http://app_db:1", "http://q-db:1"));
        assert!(!same("a", "ab"));
    }
}
