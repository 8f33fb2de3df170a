//! A service's own lines: its container's name, its ports and env files; and the project's name.

use super::edits::member_lines;
use super::{Variable, Work, ports};
use crate::names;
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
    for (_, value) in document.root.entries() {
        domains(work, value, false, &mut Vec::new());
    }
    for (name, service) in services.entries() {
        let Some(name) = name.scalar() else { continue };
        container_name(work, name, service);
    }
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
        member(work, name, service, "ports", ports::in_place);
        ports::develop(work, name);
        member(work, name, service, "env_file", env_file_in_place);
        if document.member(service, "env_file").is_some() {
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
    if let Some((key, value)) = work.document.member(&work.document.root, "name") {
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
        .push_str(&reindented(&lines, indent_of(work, key), 2));
    if work.document.text[range.end..].starts_with('\n') {
        range.end += 1;
    }
    work.edits.replace(range, "");
}

fn indent_of(work: &Work<'_>, node: &Node) -> usize {
    let before = &work.document.text[..node.start];
    node.start - before.rfind('\n').map_or(0, |newline| newline + 1)
}

/// Lines of a file with another indentation, as the overrides have it.
fn reindented(lines: &str, from: usize, to: usize) -> String {
    if from == to {
        return lines.to_owned();
    }
    lines
        .split_inclusive('\n')
        .map(|line| match line.get(..from) {
            Some(indent) if indent.trim().is_empty() => {
                format!("{}{}", " ".repeat(to), &line[from..])
            }
            _ => line.to_owned(),
        })
        .collect()
}

/// Moves a member's lines to production's override, or changes it where it is when others depend
/// on the place: anchors, aliases, braces, services that merge this one.
fn member(
    work: &mut Work<'_>,
    name: &str,
    service: &Node,
    member: &str,
    in_place: fn(&mut Work<'_>, &str, &Node),
) {
    let document = work.document;
    let own = service
        .entries()
        .iter()
        .find(|(key, _)| key.scalar() == Some(member));
    let Some((key, value)) = own else { return };
    let tied = document.is_flow(service)
        || document.is_referred_to(service.anchor)
        || merges(service, member, document)
        || contains(value, &|node| {
            node.anchor > 0 || matches!(node.kind, Kind::Alias(_))
        });
    if tied {
        in_place(work, name, document.resolve(value));
        return;
    }
    let range = member_lines(document, key, value);
    let lines = work.edits.within(&document.text, range.clone());
    let lines = reindented(&lines, indent_of(work, key), 4);
    work.move_lines(name, &lines);
    work.edits.replace(range, "");
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
    let scalars: Vec<&Node> = match &value.kind {
        Kind::Sequence(items) => items.iter().collect(),
        _ => vec![value],
    };
    for (index, node) in scalars.into_iter().enumerate() {
        let Some(path) = node.scalar().filter(|path| !path.contains("${")) else {
            continue;
        };
        let variable = match index {
            0 => "APP_ENV_FILE".to_owned(),
            n => format!("APP_ENV_FILE_{n}"),
        };
        work.edits
            .replace(node.start..node.end, format!("\"${{{variable}}}\""));
        work.variables.insert(
            variable,
            Variable {
                ea: path.to_owned(),
                eb: DEVELOPMENTS_ENV_FILE.into(),
            },
        );
    }
}

/// Production's host names in values become variables.
fn domains(work: &mut Work<'_>, node: &Node, in_flow: bool, way: &mut Vec<String>) {
    let in_flow = in_flow || work.document.is_flow(node);
    match &node.kind {
        Kind::Sequence(items) => {
            for item in items {
                domains(work, item, in_flow, way);
            }
        }
        Kind::Mapping(entries) => {
            for (key, value) in entries {
                way.push(key.scalar().unwrap_or_default().to_owned());
                if !matches!(
                    way.last().map(String::as_str),
                    Some("container_name" | "image" | "volumes" | "name" | "context")
                ) {
                    domains(work, value, in_flow, way);
                }
                way.pop();
            }
        }
        Kind::Scalar { plain, .. } => {
            domains_in(work, node, in_flow && *plain, way);
            player_port(work, node, way);
        }
        Kind::Alias(_) => {}
    }
}

fn domains_in(work: &mut Work<'_>, node: &Node, needs_quotes: bool, way: &[String]) {
    let (ea, eb) = (&work.site.environments.ea, &work.site.environments.eb);
    let vaults = ea.vault.as_ref().zip(eb.vault.as_ref());
    let brokers = ea.mqtt.as_ref().zip(eb.mqtt.as_ref());
    let known: Vec<(&str, &String, &String)> = vaults
        .map(|(ea, eb)| ("VAULT_DOMAIN", &ea.domain, &eb.domain))
        .into_iter()
        .chain([("SITE_DOMAIN", &ea.domain, &eb.domain)])
        .chain(brokers.map(|(ea, eb)| ("BROKER_DOMAIN", &ea.public_host, &eb.public_host)))
        .collect();
    let mut others = vec![eb.domain.as_str()];
    others.extend(eb.vault.as_ref().map(|vault| vault.domain.as_str()));
    // What the edge serves can be served for one environment only, `www.` included.
    let is_label = way.iter().any(|name| name == "labels");
    let text = &work.document.text[node.start..node.end];
    let mut changed = String::new();
    let mut used = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let found = known.iter().find(|(_, host, _)| {
            names::is_host_at(text, at, host)
                || (is_label && names::is_subdomain_at(text, at, host, &others))
        });
        match found {
            Some((variable, host, other)) => {
                changed.push_str(&format!("${{{variable}}}"));
                used.push((*variable, (*host).clone(), (*other).clone()));
                at += host.len();
            }
            None => {
                let character = text[at..].chars().next().unwrap_or_default();
                changed.push(character);
                at += character.len_utf8();
            }
        }
    }
    if used.is_empty() {
        return;
    }
    if needs_quotes {
        changed = format!("\"{changed}\"");
    }
    work.edits.replace(node.start..node.end, changed);
    for (variable, ea, eb) in used {
        work.variables
            .insert(variable.to_owned(), Variable { ea, eb });
    }
}

/// The port that devices are told.
fn player_port(work: &mut Work<'_>, node: &Node, way: &[String]) {
    let environments = &work.site.environments;
    let (Some(ea), Some(eb)) = (&environments.ea.mqtt, &environments.eb.mqtt) else {
        return;
    };
    let digits = ea.port.to_string();
    // The variable is called as the service calls it.
    let name = match way.last() {
        Some(name) if name.contains("PORT") && node.scalar() == Some(&digits) => name,
        _ => return,
    };
    let text = &work.document.text[node.start..node.end];
    let quoted = text.starts_with(['"', '\'']);
    let changed = text.replacen(&digits, &format!("${{{name}}}"), 1);
    let changed = if quoted {
        changed
    } else {
        format!("\"{changed}\"")
    };
    work.edits.replace(node.start..node.end, changed);
    work.variables.insert(
        name.clone(),
        Variable {
            ea: digits,
            eb: eb.port.to_string(),
        },
    );
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
                " ".repeat(indent_of(work, key)),
                work.site.shared.network
            );
            if value.entries().is_empty() {
                let indent = " ".repeat(indent_of(work, key) + 2);
                work.edits
                    .replace(key.end + 1..key.end + 1, format!("\n{indent}{line}"));
            } else if !document.is_flow(value) {
                let first = &value.entries()[0].0;
                let indent = " ".repeat(indent_of(work, first));
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
