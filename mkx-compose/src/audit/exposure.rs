//! What can be reached from where it should not: published ports, the engine, the host, admin
//! interfaces and data on the shared network.

use mkx_contract::record::finding::{Finding, Rule as _};

use super::{Pair, Side};
use crate::model::Service;
use crate::rules::Rule;

/// Words in images and commands of servers that hold data.
const STORES: [&str; 10] = [
    "postgres",
    "redis",
    "mysql",
    "mariadb",
    "mongo",
    "memcached",
    "valkey",
    "elasticsearch",
    "rabbitmq",
    "database",
];
/// Words in images of tools that administer them.
const ADMINS: [&str; 8] = [
    "pgadmin",
    "adminer",
    "phpmyadmin",
    "portainer",
    "redis-commander",
    "redisinsight",
    "flower",
    "dozzle",
];

/// All of them.
pub fn rules(pair: &Pair<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for side in [&pair.ea, &pair.eb] {
        findings.extend(published(pair, side));
        findings.extend(on_shared_network(pair, side));
    }
    findings.extend(host_access(&pair.eb));
    findings
}

/// Ports on all addresses: Docker's own rules let them past the host's firewall.
fn published(pair: &Pair<'_>, side: &Side<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, service) in &side.model.services {
        for port in &service.ports {
            let Some(published) = port.published.as_deref() else {
                continue;
            };
            let all = port
                .host_ip
                .as_deref()
                .is_none_or(|ip| matches!(ip, "" | "0.0.0.0" | "::"));
            let mqtt = side.environment.mqtt.as_ref();
            let players = mqtt.is_some_and(|mqtt| published == mqtt.port.to_string());
            let edge = side.model.service_of(name) == pair.site.shared.edge.service
                && matches!(published, "80" | "443");
            if all && !players && !edge {
                let message = format!("port {published} is published on all addresses");
                findings.push(
                    Rule::PublishedPort
                        .finding(published, message)
                        .at(side.place_of_item(&["services", name, "ports"], published)),
                );
            }
        }
    }
    findings
}

fn on_shared_network(pair: &Pair<'_>, side: &Side<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, service) in &side.model.services {
        let on_shared = service
            .networks
            .keys()
            .any(|key| side.model.network_name(key) == pair.site.shared.network);
        if !on_shared {
            continue;
        }
        let network = &pair.site.shared.network;
        for (rule, words) in [
            (Rule::StoreOnSharedNetwork, &STORES[..]),
            (Rule::AdminInterface, &ADMINS[..]),
        ] {
            if mentions(service, words) {
                let finding = rule.finding(name, format!("{name} is on {network}"));
                findings.push(finding.at(side.place(&["services", name, "networks"])));
            }
        }
        for (variable, value) in &service.environment {
            let value = value.as_deref().unwrap_or_default();
            let open = variable == "CADDY_ADMIN"
                && !value.is_empty()
                && !["localhost", "127.", "[::1]", "unix/", "off"]
                    .iter()
                    .any(|start| value.starts_with(start));
            if open {
                let message =
                    format!("every container on {network} reaches the admin interface of {name}");
                findings.push(Rule::AdminInterface.finding(name, message).at(side.place(&[
                    "services",
                    name,
                    "environment",
                    variable,
                ])));
            }
        }
    }
    findings
}

fn mentions(service: &Service, words: &[&str]) -> bool {
    let image = service.image.as_deref().unwrap_or_default();
    let repository = image.split(['@', ':']).next().unwrap_or_default();
    let program = service.command.iter().flatten().next();
    let program = program.map(String::as_str).unwrap_or_default();
    words
        .iter()
        .any(|word| repository.contains(word) || program.contains(word))
}

fn host_access(side: &Side<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, service) in &side.model.services {
        for mount in &service.volumes {
            if mount
                .source
                .as_deref()
                .is_some_and(|path| path.ends_with("/docker.sock"))
            {
                let message = format!("{name} of eb holds the engine's socket");
                findings.push(
                    Rule::DockerSocket
                        .finding(name, message)
                        .at(side.place_of_item(&["services", name, "volumes"], "docker.sock")),
                );
            }
        }
        let host = |mode: &Option<String>| mode.as_deref() == Some("host");
        for (key, given) in [
            ("privileged", service.privileged),
            ("network_mode", host(&service.network_mode)),
            ("pid", host(&service.pid)),
            ("ipc", host(&service.ipc)),
        ] {
            if given {
                let message = format!("{name} of eb is not confined to its container");
                findings.push(
                    Rule::HostAccess
                        .finding(name, message)
                        .at(side.place(&["services", name, key])),
                );
            }
        }
    }
    findings
}
