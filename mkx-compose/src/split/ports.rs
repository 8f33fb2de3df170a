//! Host ports: production's stay, development gets its own.

use mkx_contract::{Environment, Site};
use url::Url;

use super::{Variable, Work, reference};
use crate::interpolation::references;
use crate::model::{Model, Port};
use crate::yaml::{Kind, Node};

/// Ports that either environment has already.
pub fn taken(site: &Site, model: &Model) -> Vec<u16> {
    let mut taken: Vec<u16> = model
        .services
        .values()
        .flat_map(|service| &service.ports)
        .filter_map(|port| range(port.published.as_deref()?))
        .flat_map(|(first, last)| first..=last)
        .collect();
    for environment in [&site.environments.ea, &site.environments.eb] {
        taken.extend(known(environment).into_iter().flatten());
    }
    taken
}

/// The ports that the site document names: players', the application's on the broker, the
/// database's.
fn known(environment: &Environment) -> [Option<u16>; 3] {
    let mqtt = environment.mqtt.as_ref();
    let database = environment.database.as_ref();
    [
        mqtt.map(|mqtt| mqtt.port),
        mqtt.map(|mqtt| mqtt.plain_port),
        database
            .and_then(|database| Url::parse(&database.url).ok())
            .map(|url| url.port().unwrap_or(5432)),
    ]
}

/// Development's port for one of production's: as the site says, else the next free one.
fn other(work: &mut Work<'_>, port: u16) -> u16 {
    let (ea, eb) = (&work.site.environments.ea, &work.site.environments.eb);
    let mut pairs = known(ea).into_iter().zip(known(eb));
    if let Some((_, Some(other))) = pairs.find(|(own, _)| *own == Some(port)) {
        return other;
    }
    let mut next = port;
    loop {
        next = next.checked_add(1).unwrap_or(1024);
        if !work.ports.contains(&next) {
            work.ports.push(next);
            return next;
        }
    }
}

/// Development's ports for a range of production's: as long, and free.
fn other_range(work: &mut Work<'_>, first: u16, last: u16) -> (u16, u16) {
    if first == last {
        let own = other(work, first);
        return (own, own);
    }
    let length = last - first;
    let mut start = last.checked_add(1).unwrap_or(1024);
    while start.checked_add(length).is_none()
        || (start..=start + length).any(|port| work.ports.contains(&port))
    {
        start = start.checked_add(1).unwrap_or(1024);
    }
    work.ports.extend(start..=start + length);
    (start, start + length)
}

/// `8000` or `8000-8005`.
fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((first.parse().ok()?, last.parse().ok()?)).filter(|(first, last)| first <= last)
}

fn range_text((first, last): (u16, u16)) -> String {
    match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    }
}

/// Development's `ports:` of a service, from what the original resolves to.
pub fn develop(work: &mut Work<'_>, name: &str) {
    let Some(service) = work.model.services.get(name) else {
        return;
    };
    if service.ports.is_empty() {
        return;
    }
    let mut lines = String::from("ports:\n");
    for port in &service.ports {
        let line = developed(work, port);
        lines.push_str(&format!("  - \"{line}\"\n"));
    }
    work.develop(name, &lines);
}

fn developed(work: &mut Work<'_>, port: &Port) -> String {
    let protocol = match port.protocol.as_deref() {
        Some("udp") => "/udp",
        Some("sctp") => "/sctp",
        _ => "",
    };
    let Some(published) = port.published.as_deref().and_then(range) else {
        return format!("127.0.0.1::{}{protocol}", port.target);
    };
    let own = range_text(other_range(work, published.0, published.1));
    // Only players reach development from outside without the edge.
    let address = match &port.host_ip {
        None if Some(published.0) == known(&work.site.environments.ea)[0] => String::new(),
        Some(ip) if ip == "::" => "[::1]:".into(),
        Some(ip) if ip.contains(':') => format!("[{ip}]:"),
        Some(ip) if ip != "0.0.0.0" && !ip.is_empty() => format!("{ip}:"),
        _ => "127.0.0.1:".into(),
    };
    format!("{address}{own}:{}{protocol}", port.target)
}

/// The host's side of each port becomes a variable.
pub fn in_place(work: &mut Work<'_>, service: &str, value: &Node) {
    let items = match &value.kind {
        Kind::Sequence(items) => items.as_slice(),
        _ => return,
    };
    for item in items {
        let item = work.document.resolve(item);
        match &item.kind {
            Kind::Scalar { value, .. } => match short(value) {
                Some((published, target)) => replace(work, service, item, published, target),
                None => by_variable(work, service, value),
            },
            Kind::Mapping(_) => {
                let member = |key: &str| work.document.member(item, key).map(|(_, node)| node);
                let (Some(published), Some(target)) = (member("published"), member("target"))
                else {
                    continue;
                };
                let text = published.scalar().unwrap_or_default();
                if range(text).is_some() {
                    let target = target.scalar().unwrap_or_default();
                    replace(work, service, published, text, target);
                } else {
                    by_variable(work, service, text);
                }
            }
            _ => {}
        }
    }
}

fn replace(work: &mut Work<'_>, service: &str, node: &Node, published: &str, target: &str) {
    let Some(ports) = range(published) else {
        return;
    };
    let word = |text: &str| text.to_ascii_uppercase().replace(['-', '.'], "_");
    let variable = format!("{}_{}_PORT", word(service), word(target));
    let text = &work.document.text[node.start..node.end];
    let reference = reference(&variable);
    // What stands in front of the port is an address, which may have the same digits.
    let at = text
        .rfind(&format!("{published}:{target}"))
        .or_else(|| text.find(published));
    let Some(at) = at else { return };
    let changed = format!(
        "{}{reference}{}",
        &text[..at],
        &text[at + published.len()..]
    );
    let quoted = changed.starts_with(['"', '\'']);
    let changed = if quoted {
        changed
    } else {
        format!("\"{changed}\"")
    };
    if work.edits.replace(node.start..node.end, changed) {
        let eb = range_text(other_range(work, ports.0, ports.1));
        let ea = published.to_owned();
        work.variables.insert(variable, Variable { ea, eb });
    }
}

/// A port that is a variable already: development's value is another.
fn by_variable(work: &mut Work<'_>, service: &str, text: &str) {
    let mut names = references(text);
    let (Some(name), None) = (names.next(), names.next()) else {
        return;
    };
    let target = text.split('/').next().unwrap_or_default();
    let target = target.rsplit(':').next().and_then(|text| text.parse().ok());
    let resolved = work.model.services.get(service);
    let mut ports = resolved.iter().flat_map(|one| &one.ports);
    let published = ports
        .find(|port| target.is_none_or(|target: u16| target == port.target))
        .and_then(|port| range(port.published.as_deref()?));
    if let Some((first, last)) = published
        && !work.variables.contains_key(name)
    {
        let ea = range_text((first, last));
        let eb = range_text(other_range(work, first, last));
        work.variables.insert(name.to_owned(), Variable { ea, eb });
    }
}

/// The host's port and the container's of `5432:5432`, `127.0.0.1:5432:5432/tcp`,
/// `[::1]:8000-8005:80`.
fn short(text: &str) -> Option<(&str, &str)> {
    let text = text.split('/').next()?;
    let mut parts = text.rsplitn(3, ':');
    let target = parts.next()?;
    let published = parts.next()?;
    range(published).map(|_| (published, target))
}
