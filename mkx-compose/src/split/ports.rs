//! Host ports: production's stay, development gets its own.

use mkx_contract::{Environment, Site};
use url::Url;

use super::{Variable, Work, reference};
use crate::model::{Model, Port};
use crate::yaml::{Kind, Node};

/// Ports that either environment has already.
pub fn taken(site: &Site, model: &Model) -> Vec<u16> {
    let mut taken: Vec<u16> = model
        .services
        .values()
        .flat_map(|service| &service.ports)
        .filter_map(|port| port.published.as_deref()?.parse().ok())
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

/// Development's `ports:` of a service, from what the original resolves to.
pub fn develop(work: &mut Work<'_>, name: &str) {
    // Ports that were changed in place are the base's, with development's numbers as variables.
    if !work
        .moved
        .get(name)
        .is_some_and(|lines| lines.contains("ports:"))
    {
        return;
    }
    let Some(service) = work.model.services.get(name) else {
        return;
    };
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
        _ => "",
    };
    let Some(published) = port.published.as_deref() else {
        return format!("127.0.0.1::{}{protocol}", port.target);
    };
    let Ok(number) = published.parse() else {
        return format!("127.0.0.1::{}{protocol}", port.target);
    };
    let own = other(work, number);
    // Only players reach development from outside without the edge.
    let address = match &port.host_ip {
        None if Some(number) == known(&work.site.environments.ea)[0] => String::new(),
        Some(ip) if ip != "0.0.0.0" && ip != "::" && !ip.is_empty() => format!("{ip}:"),
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
        let (node, number, target) = match &item.kind {
            Kind::Scalar { value, .. } => match short(value) {
                Some((number, target)) => (item, number, target.to_owned()),
                None => continue,
            },
            Kind::Mapping(_) => {
                let member = |key: &str| work.document.member(item, key).map(|(_, node)| node);
                let (Some(published), Some(target)) = (member("published"), member("target"))
                else {
                    continue;
                };
                let number = published.scalar().and_then(|text| text.parse().ok());
                let (Some(number), Some(target)) = (number, target.scalar()) else {
                    continue;
                };
                (published, number, target.to_owned())
            }
            _ => continue,
        };
        let word = |text: &str| text.to_ascii_uppercase().replace(['-', '.'], "_");
        let variable = format!("{}_{}_PORT", word(service), word(&target));
        let text = &work.document.text[node.start..node.end];
        let digits = number.to_string();
        let reference = reference(&variable);
        let changed = match text.contains(&format!("{digits}:")) {
            true => text.replacen(&format!("{digits}:"), &format!("{reference}:"), 1),
            false => text.replacen(&digits, &reference, 1),
        };
        let quoted = changed.starts_with(['"', '\'']);
        let changed = if quoted {
            changed
        } else {
            format!("\"{changed}\"")
        };
        work.edits.replace(node.start..node.end, changed);
        let eb = other(work, number).to_string();
        work.variables.insert(variable, Variable { ea: digits, eb });
    }
}

/// The host's port and the container's of `5432:5432`, `127.0.0.1:5432:5432/tcp`.
fn short(text: &str) -> Option<(u16, &str)> {
    let text = text.split('/').next()?;
    let mut parts = text.rsplitn(3, ':');
    let target = parts.next()?;
    let published = parts.next()?;
    Some((published.parse().ok()?, target))
}
