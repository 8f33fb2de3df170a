//! What the file's values name: production's domains become variables, containers are followed
//! to the names that they have now.

use super::host::{Place, is_host};
use super::renamed::{Rename, What};
use super::{Variable, Work};
use crate::names;
use crate::yaml::{Kind, Node};

/// Below these keys no host is named.
const NAMELESS: [&str; 14] = [
    "container_name",
    "image",
    "volumes",
    "name",
    "context",
    "depends_on",
    "networks",
    "profiles",
    "secrets",
    "configs",
    "hostname",
    "ports",
    "env_file",
    "extends",
];

/// Goes through the whole file.
pub fn all(work: &mut Work<'_>) {
    let document = work.document;
    for (key, value) in document.root.entries() {
        let mut place = Place::default();
        place.way.push(key.scalar().unwrap_or_default().to_owned());
        walk(work, value, false, &mut place);
    }
}

fn walk(work: &mut Work<'_>, node: &Node, in_flow: bool, place: &mut Place) {
    let in_flow = in_flow || work.document.is_flow(node);
    match &node.kind {
        Kind::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                let before = index.checked_sub(1).and_then(|before| items.get(before));
                let word = |node: Option<&Node>| node.and_then(Node::scalar).map(str::to_owned);
                let around = (word(before), word(items.get(index + 1)));
                place.around = around;
                walk(work, item, in_flow, place);
                place.around = (None, None);
            }
        }
        Kind::Mapping(entries) => {
            for (key, value) in entries {
                let name = key.scalar().unwrap_or_default().to_owned();
                if !matches!(
                    name.as_str(),
                    "container_name" | "image" | "volumes" | "name" | "context"
                ) {
                    place.way.push(name);
                    walk(work, value, in_flow, place);
                    place.way.pop();
                }
            }
        }
        Kind::Scalar { plain, .. } => {
            hosts(work, node, in_flow && *plain, place);
            player_port(work, node, &place.way);
        }
        Kind::Alias(_) => {}
    }
}

/// The names that the place may hold: none below keys that name no host; those of the shared
/// network only where that is reached.
fn renames(work: &Work<'_>, way: &[String]) -> Vec<Rename> {
    let is_value = |key: &str| way.iter().any(|name| name == key);
    let member = match way {
        [root, _, member, ..] if root == "services" => member.as_str(),
        [root, ..] if root.starts_with("x-") => "",
        _ => return Vec::new(),
    };
    if NAMELESS.contains(&member) || (member.is_empty() && NAMELESS.iter().any(|key| is_value(key)))
    {
        return Vec::new();
    }
    let on_shared = match way {
        [root, service, ..] if root == "services" => is_on_shared(work, service),
        _ => true,
    };
    // Labels are read by the edge, which is on the shared network.
    let reaches_shared = on_shared || is_value("labels");
    let all = work.renames.all.iter();
    all.filter(|one| one.what != What::Shared || reaches_shared)
        .cloned()
        .collect()
}

/// True where a service is on the shared network.
pub fn is_on_shared(work: &Work<'_>, service: &str) -> bool {
    let service = work.model.services.get(service);
    service.is_some_and(|service| {
        let mut keys = service.networks.keys();
        keys.any(|key| work.model.network_name(key) == work.site.shared.network)
    })
}

fn hosts(work: &mut Work<'_>, node: &Node, needs_quotes: bool, place: &Place) {
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
    let is_label = place.has("labels");
    let is_edges = (place.way.get(1)).is_some_and(|service| work.is_edge(service));
    let renames = renames(work, &place.way);
    let text = &work.document.text[node.start..node.end];
    let mut changed = String::new();
    let mut used = Vec::new();
    let mut is_changed = false;
    let mut at = 0;
    while at < text.len() {
        let found = known.iter().find(|(_, host, _)| {
            names::is_host_at(text, at, host)
                || (is_label && names::is_subdomain_at(text, at, host, &others))
        });
        if let Some((variable, host, other)) = found {
            changed.push_str(&super::reference(variable));
            used.push((*variable, (*host).clone(), (*other).clone()));
            at += host.len();
            is_changed = true;
            continue;
        }
        let served = work
            .served
            .as_ref()
            .filter(|one| is_label && !is_edges && one.is_at(text, at));
        if let Some(served) = served {
            changed.push_str(&super::reference("VAULT_SERVED_PATH"));
            used.push(("VAULT_SERVED_PATH", served.ea.clone(), served.eb.clone()));
            at += served.ea.len();
            is_changed = true;
            continue;
        }
        if let Some(rename) = renames.iter().find(|one| is_host(place, text, at, one)) {
            changed.push_str(&rename.now);
            at += rename.former.len();
            is_changed = true;
            continue;
        }
        let character = text[at..].chars().next().unwrap_or_default();
        changed.push(character);
        at += character.len_utf8();
    }
    if !is_changed {
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
    let changed = text.replacen(&digits, &super::reference(name), 1);
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
