//! A service's own lines: its container's name, its ports and env files; and the project's name.

use super::edits::{indent_of, member_lines, reindented};
use super::{Variable, Work, ports, reference, renamed, values, vault};
use crate::yaml::{Document, Kind, Node, contains};

/// The env file that development's services are given instead of production's.
pub const DEVELOPMENTS_ENV_FILE: &str = ".env.dev";

/// Goes through all services.
pub fn all(work: &mut Work<'_>) {
    let document = work.document;
    project_name(work);
    let Some((_, services)) = document.member(&document.root, "services") else {
        return;
    };
    // What moves is taken as changed: names first, moves after.
    values::all(work);
    for (key, service) in services.entries() {
        let Some(name) = key.scalar() else { continue };
        container_name(work, name, service);
        if work.renames.named.contains(name) {
            renamed::give_name(work, key, service);
        }
    }
    for (service, cause) in work.renames.unnamed.clone() {
        work.notes.push(format!(
            "{service} has no container_name, since {cause}: who asks for {service} on {} reaches either environment's",
            work.site.shared.network
        ));
    }
    renamed::joined(work);
    vault::mount(work);
    for (key, service) in services.entries() {
        let Some(name) = key.scalar() else { continue };
        if work.is_edge(name) && !document.is_flow(services) {
            if is_tied(document, service) {
                work.edge_stays = true;
                work.develop(
                    name,
                    "# The edge is production's alone.\nprofiles: [disabled]",
                );
            } else {
                whole(work, key, service);
            }
            continue;
        }
        if member(work, name, service, "ports", ports::in_place) == Some(Moved::Away) {
            ports::develop(work, name);
        }
        if member(work, name, service, "env_file", env_file_in_place) == Some(Moved::Away) {
            work.develop(name, &given_env_file(DEVELOPMENTS_ENV_FILE));
        }
    }
    networks(work);
}

/// Development's override's line for an env file.
pub fn given_env_file(path: &str) -> String {
    format!("env_file: [{path}]")
}

/// `name:` goes: each override has the project's own.
fn project_name(work: &mut Work<'_>) {
    let is_refusal = |value: &Node| {
        let text = value.scalar();
        text.is_some_and(|text| text.starts_with("${COMPOSE_PROJECT_NAME:?"))
    };
    if let Some((key, value)) = work.document.member(&work.document.root, "name")
        && !is_refusal(value)
    {
        if work.document.is_flow(&work.document.root) {
            let text = "\"${COMPOSE_PROJECT_NAME:?give an override as --file too}\"";
            work.edits.replace(value.start..value.end, text);
            return;
        }
        let range = member_lines(work.document, key, value);
        let comments: String = work.document.text[range.clone()]
            .lines()
            .filter(|line| line.trim_start().starts_with('#'))
            .map(|line| format!("{line}\n"))
            .collect();
        work.edits.replace(range, comments);
    }
}

fn container_name(work: &mut Work<'_>, name: &str, service: &Node) {
    let own = service
        .entries()
        .iter()
        .find(|(key, _)| key.scalar() == Some("container_name"));
    let Some((_, value)) = own else { return };
    let wanted = format!("${{COMPOSE_PROJECT_NAME}}-{name}");
    if value
        .scalar()
        .is_some_and(|text| text.contains("${COMPOSE_PROJECT_NAME}"))
    {
        return;
    }
    let in_flow = work.document.is_flow(service);
    let text = if in_flow {
        format!("\"{wanted}\"")
    } else {
        wanted
    };
    work.edits.replace(value.start..value.end, text);
}

/// True where a part of the file is written with what only this file has: an alias leads to an
/// anchor of it, or another part leads here.
fn is_tied(document: &Document, node: &Node) -> bool {
    contains(node, &|node| {
        matches!(node.kind, Kind::Alias(_)) || document.is_referred_to(node.anchor)
    })
}

/// The edge is production's alone.
fn whole(work: &mut Work<'_>, key: &Node, service: &Node) {
    let mut range = member_lines(work.document, key, service);
    let lines = work.edits.within(&work.document.text, range.clone());
    work.moved_services
        .push_str(&reindented(&lines, indent_of(work.document, key), 2));
    if work.document.text[range.end..].starts_with('\n') {
        range.end += 1;
    }
    work.edits.replace(range, "");
}

/// Where a member went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    /// To production's override.
    Away,
    /// It was changed where it is.
    InPlace,
}

/// Moves a member's lines to production's override, or changes it where it is when others depend
/// on the place: anchors, aliases, braces, services that merge or extend this one.
fn member(
    work: &mut Work<'_>,
    name: &str,
    service: &Node,
    member: &str,
    in_place: fn(&mut Work<'_>, &str, &Node),
) -> Option<Moved> {
    let document = work.document;
    let own = service
        .entries()
        .iter()
        .find(|(key, _)| key.scalar() == Some(member));
    let Some((key, value)) = own else {
        let (_, merged) = document.member(service, member)?;
        in_place(work, name, document.resolve(merged));
        return Some(Moved::InPlace);
    };
    let tied = document.is_flow(service)
        || document.member(service, "extends").is_some()
        || renamed::is_extended(document, name)
        || document.is_referred_to(service.anchor)
        || merges(service, member, document)
        || contains(value, &|node| {
            node.anchor > 0 || matches!(node.kind, Kind::Alias(_))
        });
    if tied {
        in_place(work, name, document.resolve(value));
        return Some(Moved::InPlace);
    }
    let range = member_lines(document, key, value);
    let lines = work.edits.within(&document.text, range.clone());
    let lines = reindented(&lines, indent_of(work.document, key), 4);
    work.move_lines(name, &lines);
    work.edits.replace(range, "");
    Some(Moved::Away)
}

/// True where the service would get the member from what it merges, were it not for its own.
fn merges(service: &Node, member: &str, document: &Document) -> bool {
    let merged = service
        .entries()
        .iter()
        .filter(|(key, _)| key.scalar() == Some("<<"));
    merged.into_iter().any(|(_, value)| match &value.kind {
        Kind::Sequence(items) => items
            .iter()
            .any(|item| document.member(item, member).is_some()),
        _ => document.member(value, member).is_some(),
    })
}

fn env_file_in_place(work: &mut Work<'_>, _: &str, value: &Node) {
    let document = work.document;
    let items = match &value.kind {
        Kind::Sequence(items) => items.as_slice(),
        _ => std::slice::from_ref(value),
    };
    for item in items {
        let item = document.resolve(item);
        let node = document.member(item, "path").map_or(item, |(_, path)| path);
        let Some(path) = node.scalar().filter(|path| !path.contains('$')) else {
            continue;
        };
        // A file has one variable, wherever it is given.
        let names = (0..).map(|index| match index {
            0 => "APP_ENV_FILE".to_owned(),
            n => format!("APP_ENV_FILE_{n}"),
        });
        let mut names =
            names.filter(|name| work.variables.get(name).is_none_or(|one| one.ea == path));
        let variable = names.next().unwrap_or_default();
        let changed = format!("\"{}\"", reference(&variable));
        if work.edits.replace(node.start..node.end, changed) {
            let (ea, eb) = (path.to_owned(), DEVELOPMENTS_ENV_FILE.into());
            work.variables.insert(variable, Variable { ea, eb });
        }
    }
}

/// The shared network is made once, outside; others carry the project's name.
fn networks(work: &mut Work<'_>) {
    let document = work.document;
    let Some((_, networks)) = document.member(&document.root, "networks") else {
        return;
    };
    for (key, value) in networks.entries() {
        let Some(name) = key.scalar() else { continue };
        let is_shared = work.model.network_name(name) == work.site.shared.network;
        let resolved = work.model.networks.get(name);
        let external = resolved.is_some_and(|network| network.external);
        let stated = value
            .entries()
            .iter()
            .find(|(key, _)| key.scalar() == Some("external"));
        if let (true, false, Some((_, stated))) = (is_shared, external, stated) {
            work.edits.replace(stated.start..stated.end, "true");
        } else if is_shared && !external {
            let line = format!(
                "external: true\n{}  name: {}",
                " ".repeat(indent_of(work.document, key)),
                work.site.shared.network
            );
            if value.entries().is_empty() {
                let indent = " ".repeat(indent_of(work.document, key) + 2);
                work.edits
                    .replace(key.end + 1..key.end + 1, format!("\n{indent}{line}"));
            } else if !document.is_flow(value) {
                let first = &value.entries()[0].0;
                let indent = " ".repeat(indent_of(work.document, first));
                work.edits.replace(
                    first.start..first.start,
                    format!("external: true\n{indent}"),
                );
            }
        }
        if is_shared && !external {
            work.notes.push(format!(
                "the network {name} is shared: make it once with docker network create {}",
                work.site.shared.network
            ));
        }
        let own = value
            .entries()
            .iter()
            .find(|(key, _)| key.scalar() == Some("name"));
        if let Some((_, own)) = own
            && !is_shared
            && !external
            && own
                .scalar()
                .is_some_and(|text| !text.contains("${COMPOSE_PROJECT_NAME}"))
        {
            let text = format!("${{COMPOSE_PROJECT_NAME}}_{name}");
            let text = if document.is_flow(value) {
                format!("\"{text}\"")
            } else {
                text
            };
            work.edits.replace(own.start..own.end, text);
        }
    }
}
