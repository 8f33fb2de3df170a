//! What both environments would claim on one engine: containers, ports, volumes, folders,
//! networks, images.

use std::path::Path;

use mkx_contract::record::finding::{Evidence, Finding, Rule as _};

use super::{Pair, Side};
use crate::model::{Mount, Port};
use crate::rules::Rule;

/// All of them.
pub fn rules(pair: &Pair<'_>) -> Vec<Finding> {
    let mut findings = containers(pair);
    findings.extend(ports(pair));
    findings.extend(volumes(pair));
    findings.extend(binds(pair));
    findings.extend(networks(pair));
    findings.extend(images(pair));
    findings
}

fn containers(pair: &Pair<'_>) -> Vec<Finding> {
    let named = |side: &Side<'_>| -> Vec<(String, Evidence)> {
        let names = side.model.services.keys();
        names
            .map(|service| {
                let place = side.place(&["services", service, "container_name"]);
                (side.model.container_name(service), place)
            })
            .collect()
    };
    let doing = "both environments name a container";
    both(Rule::ContainerName, doing, named(&pair.ea), named(&pair.eb))
}

/// A finding for each name that both have; `doing` is what they do with it.
fn both(
    rule: Rule,
    doing: &str,
    ea: Vec<(String, Evidence)>,
    eb: Vec<(String, Evidence)>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, place) in eb {
        if let Some((_, other)) = ea.iter().find(|(other, _)| *other == name) {
            let finding = rule.finding(&name, format!("{doing} {name}"));
            findings.push(finding.at(other.clone()).at(place));
        }
    }
    findings
}

fn ports(pair: &Pair<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (service, port) in published(&pair.eb) {
        for (other_service, other) in published(&pair.ea) {
            let Some(number) = overlap(port, other) else {
                continue;
            };
            let place = |side: &Side<'_>, service: &str, port: &Port| {
                let needle = port.published.clone().unwrap_or_default();
                side.place_of_item(&["services", service, "ports"], &needle)
            };
            let message = format!("both environments publish port {number} of the host");
            findings.push(
                Rule::HostPort
                    .finding(number.to_string(), message)
                    .at(place(&pair.ea, other_service, other))
                    .at(place(&pair.eb, service, port)),
            );
        }
    }
    findings
}

fn published<'a>(side: &'a Side<'_>) -> impl Iterator<Item = (&'a str, &'a Port)> {
    side.model.services.iter().flat_map(|(name, service)| {
        service
            .ports
            .iter()
            .filter(|port| port.published.is_some())
            .map(move |port| (name.as_str(), port))
    })
}

/// The first port that both take on one address.
pub fn overlap(a: &Port, b: &Port) -> Option<u16> {
    let all = |port: &Port| {
        port.host_ip
            .as_deref()
            .is_none_or(|ip| matches!(ip, "" | "0.0.0.0" | "::"))
    };
    let same_address = all(a) || all(b) || a.host_ip == b.host_ip;
    let protocol = |port: &Port| port.protocol.clone().unwrap_or_else(|| "tcp".into());
    if !same_address || protocol(a) != protocol(b) {
        return None;
    }
    let ((from, to), (other_from, other_to)) = (range(a)?, range(b)?);
    let first = from.max(other_from);
    (first <= to.min(other_to)).then_some(first)
}

fn range(port: &Port) -> Option<(u16, u16)> {
    let text = port.published.as_deref()?;
    match text.split_once('-') {
        Some((from, to)) => Some((from.parse().ok()?, to.parse().ok()?)),
        None => text.parse().ok().map(|one| (one, one)),
    }
    .filter(|(from, _)| *from > 0)
}

fn volumes(pair: &Pair<'_>) -> Vec<Finding> {
    let shared = &pair.site.shared.volumes;
    let used = |side: &Side<'_>| -> Vec<(String, Evidence)> {
        mounts(side, "volume")
            .map(|(service, mount, source)| {
                let place = side.place_of_item(&["services", service, "volumes"], &mount.target);
                (side.model.volume_name(source), place)
            })
            .collect()
    };
    let edge = &pair.site.shared.edge.service;
    let mut findings: Vec<Finding> = mounts(&pair.eb, "volume")
        .map(|(service, mount, source)| (service, mount, pair.eb.model.volume_name(source)))
        .filter(|(service, _, volume)| {
            shared.contains(volume) && pair.eb.model.service_of(service) != edge
        })
        .map(|(service, mount, volume)| {
            let way = ["services", service, "volumes"];
            Rule::SharedVolume
                .finding(&volume, format!("eb mounts {volume}, which is the edge's"))
                .at(pair.eb.place_of_item(&way, &mount.target))
        })
        .collect();
    let own = |side: &Side<'_>| -> Vec<(String, Evidence)> {
        let mut all = used(side);
        all.retain(|(name, _)| !shared.contains(name));
        all
    };
    let doing = "both environments mount the volume";
    findings.extend(both(Rule::Volume, doing, own(&pair.ea), own(&pair.eb)));
    findings
}

fn mounts<'a>(
    side: &'a Side<'_>,
    kind: &'static str,
) -> impl Iterator<Item = (&'a str, &'a Mount, &'a str)> {
    side.model.services.iter().flat_map(move |(name, service)| {
        service
            .volumes
            .iter()
            .filter(move |mount| mount.kind == kind)
            .filter_map(move |mount| Some((name.as_str(), mount, mount.source.as_deref()?)))
    })
}

/// Folders of the system that everybody may read.
pub fn is_systems(path: &str) -> bool {
    [
        "/etc/localtime",
        "/etc/timezone",
        "/etc/ssl/certs",
        "/usr/share",
        "/sys",
        "/proc",
    ]
    .iter()
    .any(|known| Path::new(path).starts_with(known))
        || path.ends_with("/docker.sock")
}

fn binds(pair: &Pair<'_>) -> Vec<Finding> {
    let edge = &pair.site.shared.edge.service;
    let mut findings = Vec::new();
    for (service, mount, source) in mounts(&pair.eb, "bind") {
        for (other_service, other, other_source) in mounts(&pair.ea, "bind") {
            let (inner, outer) = (Path::new(source), Path::new(other_source));
            let touches = inner.starts_with(outer) || outer.starts_with(inner);
            let edge_reads = pair.ea.model.service_of(other_service) == edge && other.read_only;
            if !touches || edge_reads || (is_systems(source) && mount.read_only) {
                continue;
            }
            let rule = match (mount.read_only, other.read_only) {
                (true, true) if is_secret_path(source) => Rule::SharedSecretFile,
                (true, true) => continue,
                _ => Rule::BindSource,
            };
            let place = |side: &Side<'_>, service: &str, mount: &Mount| {
                side.place_of_item(&["services", service, "volumes"], &mount.target)
            };
            findings.push(
                rule.finding(source, format!("both environments mount {source}"))
                    .at(place(&pair.ea, other_service, other))
                    .at(place(&pair.eb, service, mount)),
            );
        }
    }
    findings
}

fn is_secret_path(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    [
        "cert",
        "passw",
        "secret",
        ".key",
        ".pem",
        "htpasswd",
        "credential",
        "ssl",
        "tls",
    ]
    .iter()
    .any(|word| path.contains(word))
}

fn networks(pair: &Pair<'_>) -> Vec<Finding> {
    let shared = &pair.site.shared.network;
    let named = |side: &Side<'_>| -> Vec<(String, Evidence)> {
        let keys = side.model.networks.keys();
        keys.map(|key| (side.model.network_name(key), network_place(side, key)))
            .filter(|(name, _)| name != shared)
            .collect()
    };
    let doing = "both environments are on a network that is not the shared one:";
    let mut findings = both(Rule::Network, doing, named(&pair.ea), named(&pair.eb));
    for side in [&pair.ea, &pair.eb] {
        for (key, network) in &side.model.networks {
            if side.model.network_name(key) == *shared && !network.external {
                let message = format!("the shared network {shared} is made by a project itself");
                findings.push(
                    Rule::NetworkOwner
                        .finding(shared, message)
                        .at(side.place(&["networks", key])),
                );
            }
        }
    }
    findings
}

/// Where a network is written, or a container that is on it where nothing is.
fn network_place(side: &Side<'_>, key: &str) -> Evidence {
    let on_it = side
        .model
        .services
        .iter()
        .find(|(_, service)| service.networks.contains_key(key));
    match on_it {
        Some((service, _)) if side.documents.is_empty() => {
            side.place(&["services", service, "networks"])
        }
        _ => side.place(&["networks", key]),
    }
}

fn images(pair: &Pair<'_>) -> Vec<Finding> {
    let built = |side: &Side<'_>| -> Vec<(String, Evidence)> {
        side.model
            .services
            .iter()
            .filter(|(_, service)| service.build.is_some())
            .filter_map(|(name, service)| {
                let place = side.place(&["services", name, "image"]);
                Some((service.image.clone()?, place))
            })
            .collect()
    };
    let doing = "both environments build the image";
    both(Rule::ImageName, doing, built(&pair.ea), built(&pair.eb))
}
