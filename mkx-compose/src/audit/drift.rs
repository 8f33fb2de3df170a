//! Whether what runs is what the files say.

use std::collections::BTreeSet;

use super::Side;
use super::inspect::real;
use crate::finding::{Evidence, Finding};
use crate::model::{Mount, Service};
use crate::rules::broken;

/// What differs between the files and the containers.
pub fn rules(written: &Side<'_>, live: &Side<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, service) in &written.model.services {
        let Some(running) = live.model.services.get(name) else {
            findings.push(broken(
                "not-running",
                format!("{name} of {} does not run", written.name),
                vec![written.place(&["services", name])],
            ));
            continue;
        };
        let differences = differences(written, name, service, running);
        if !differences.is_empty() {
            findings.push(broken(
                "drift",
                format!(
                    "{name} of {} runs with another {}",
                    written.name,
                    differences.into_iter().collect::<Vec<_>>().join(", ")
                ),
                vec![
                    written.place(&["services", name]),
                    live.place(&["services", name]),
                ],
            ));
        }
    }
    for name in live.model.services.keys() {
        if !written.model.services.contains_key(name) {
            findings.push(broken(
                "drift",
                format!("{name} of {} runs, and no file names it", written.name),
                vec![
                    live.place(&["services", name]),
                    Evidence {
                        line: None,
                        ..written.place(&["services"])
                    },
                ],
            ));
        }
    }
    findings
}

fn differences(
    side: &Side<'_>,
    name: &str,
    written: &Service,
    running: &Service,
) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (variable, value) in &written.environment {
        if value.is_some() && running.environment.get(variable) != Some(value) {
            found.insert(format!("environment.{variable}"));
        }
    }
    for (label, value) in &written.labels {
        if running.labels.get(label) != Some(value) {
            found.insert(format!("labels.{label}"));
        }
    }
    if written.image.is_some() && written.image != running.image {
        found.insert("image".into());
    }
    if written.command.is_some() && written.command != running.command {
        found.insert("command".into());
    }
    let cpus = |service: &Service| (service.limit_cpus().unwrap_or_default() * 1000.0).round();
    if cpus(written) != cpus(running)
        || written.limit_memory_bytes() != running.limit_memory_bytes()
    {
        found.insert("limits".into());
    }
    if published(written) != published(running) {
        found.insert("ports".into());
    }
    let networks: BTreeSet<String> = written
        .networks
        .keys()
        .map(|key| side.model.network_name(key))
        .collect();
    if !networks.is_empty() && networks != running.networks.keys().cloned().collect() {
        found.insert("networks".into());
    }
    let mounted = |mount: &Mount| {
        let source = mount.source.clone().unwrap_or_default();
        let source = match mount.kind.as_str() {
            "volume" => side.model.volume_name(&source),
            _ => real(&source),
        };
        (mount.target.clone(), source, mount.read_only)
    };
    let present: BTreeSet<_> = running
        .volumes
        .iter()
        .map(|mount| {
            (
                mount.target.clone(),
                mount.source.clone().unwrap_or_default(),
                mount.read_only,
            )
        })
        .collect();
    if !written
        .volumes
        .iter()
        .filter(|mount| matches!(mount.kind.as_str(), "bind" | "volume"))
        .all(|mount| present.contains(&mounted(mount)))
    {
        found.insert("volumes".into());
    }
    let expected = side.model.container_name(name);
    if running.container_name.as_deref() != Some(expected.as_str()) {
        found.insert("container_name".into());
    }
    found
}

fn published(service: &Service) -> BTreeSet<(String, String, u16)> {
    service
        .ports
        .iter()
        .filter_map(|port| {
            let address = match port.host_ip.as_deref() {
                None | Some("" | "0.0.0.0") => "",
                Some(other) => other,
            };
            Some((address.to_owned(), port.published.clone()?, port.target))
        })
        .collect()
}
