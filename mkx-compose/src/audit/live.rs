//! The same rules on what runs: real paths, real limits, the values that containers hold; and
//! whether it is what the files say.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use indexmap::IndexMap;
use mkx_contract::Result;
use serde_json::{Value, json};

use super::{Pair, Side, on_models};
use crate::docker;
use crate::finding::{Evidence, Finding};
use crate::model::{Attachment, Limits, Model, Mount, Port, Resource, Service};
use crate::rules::broken;

/// Applies the rules to the running containers of both environments.
///
/// # Errors
/// Exit 4 where the engine can not be reached.
pub fn rules(files: &Pair<'_>) -> Result<Vec<Finding>> {
    let ea_containers = docker::containers(&files.ea.environment.project)?;
    let eb_containers = docker::containers(&files.eb.environment.project)?;
    let names = names_by_id(ea_containers.iter().chain(&eb_containers));
    let ea = running(&files.ea, &ea_containers, &names);
    let eb = running(&files.eb, &eb_containers, &names);
    let mut findings = Vec::new();
    for (written, live) in [(&files.ea, &ea), (&files.eb, &eb)] {
        findings.extend(drift(written, live));
    }
    let pair = Pair {
        site: files.site,
        ea,
        eb,
    };
    findings.extend(same_inodes(&pair));
    findings.extend(on_models(&pair));
    Ok(findings)
}

fn running<'a>(
    written: &Side<'a>,
    containers: &[Value],
    names: &BTreeMap<String, String>,
) -> Side<'a> {
    let mut model = model(&written.environment.project, containers);
    for service in model.services.values_mut() {
        for mode in [
            &mut service.network_mode,
            &mut service.pid,
            &mut service.ipc,
        ] {
            let joined = mode
                .as_deref()
                .and_then(|mode| mode.strip_prefix("container:"));
            if let Some(name) = joined.and_then(|id| names.get(id)) {
                *mode = Some(format!("container:{name}"));
            }
        }
    }
    Side {
        name: written.name,
        environment: written.environment,
        model,
        unfilled: json!({}),
        values: written.values.clone(),
        documents: Vec::new(),
    }
}

/// The engine notes joined containers by id.
fn names_by_id<'a>(containers: impl Iterator<Item = &'a Value>) -> BTreeMap<String, String> {
    containers
        .filter_map(|container| {
            let name = container["Name"].as_str()?.trim_start_matches('/');
            Some((container["Id"].as_str()?.to_owned(), name.to_owned()))
        })
        .collect()
}

/// What `docker inspect` says, in the form that Docker Compose resolves files to.
pub fn model(project: &str, containers: &[Value]) -> Model {
    let mut model = Model {
        name: project.to_owned(),
        services: IndexMap::new(),
        networks: IndexMap::new(),
        volumes: IndexMap::new(),
    };
    for container in containers {
        let labels = &container["Config"]["Labels"];
        let one_off = labels["com.docker.compose.oneoff"].as_str() == Some("True");
        let Some(name) = labels["com.docker.compose.service"].as_str() else {
            continue;
        };
        if one_off || container["State"]["Running"].as_bool() != Some(true) {
            continue;
        }
        let service = service(name, container);
        for network in service.networks.keys() {
            model.networks.insert(network.clone(), external(network));
        }
        for mount in service
            .volumes
            .iter()
            .filter(|mount| mount.kind == "volume")
        {
            if let Some(volume) = &mount.source {
                model.volumes.insert(volume.clone(), external(volume));
            }
        }
        model.services.insert(name.to_owned(), service);
    }
    model
}

fn external(name: &str) -> Resource {
    Resource {
        name: name.to_owned(),
        external: true,
    }
}

fn service(name: &str, container: &Value) -> Service {
    let (config, host) = (&container["Config"], &container["HostConfig"]);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let container_name =
        text(&container["Name"]).map(|name| name.trim_start_matches('/').to_owned());
    let id = text(&container["Id"]).unwrap_or_default();
    let environment = strings(&config["Env"])
        .filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            Some((name.to_owned(), Some(value.to_owned())))
        })
        .collect();
    let labels = config["Labels"].as_object().into_iter().flatten();
    let labels = labels
        .filter(|(label, _)| !label.starts_with("com.docker."))
        .filter_map(|(label, value)| Some((label.clone(), value.as_str()?.to_owned())))
        .collect();
    let networks = container["NetworkSettings"]["Networks"].as_object();
    let networks = networks
        .into_iter()
        .flatten()
        .map(|(network, attachment)| {
            let aliases = strings(&attachment["Aliases"])
                .filter(|alias| {
                    *alias != name
                        && Some(*alias) != container_name.as_deref()
                        && !id.starts_with(alias)
                })
                .map(str::to_owned)
                .collect();
            (network.clone(), Some(Attachment { aliases }))
        })
        .collect();
    let limits = Limits {
        cpus: host["NanoCpus"].as_f64().map(|nano| json!(nano / 1e9)),
        memory: Some(host["Memory"].clone()),
    };
    Service {
        container_name: container_name.clone(),
        image: text(&config["Image"]),
        environment,
        ports: ports(&host["PortBindings"]),
        volumes: mounts(&container["Mounts"]),
        networks,
        labels,
        mem_limit: limits.memory,
        cpus: limits.cpus,
        command: Some(strings(&config["Cmd"]).map(str::to_owned).collect()),
        network_mode: text(&host["NetworkMode"]),
        pid: text(&host["PidMode"]),
        ipc: text(&host["IpcMode"]),
        privileged: host["Privileged"].as_bool().unwrap_or(false),
        ..Service::default()
    }
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

fn ports(bindings: &Value) -> Vec<Port> {
    let mut ports = Vec::new();
    for (target, hosts) in bindings.as_object().into_iter().flatten() {
        let (number, protocol) = target.split_once('/').unwrap_or((target, "tcp"));
        for host in hosts.as_array().into_iter().flatten() {
            ports.push(Port {
                host_ip: host["HostIp"].as_str().map(str::to_owned),
                published: host["HostPort"].as_str().map(str::to_owned),
                target: number.parse().unwrap_or_default(),
                protocol: Some(protocol.to_owned()),
            });
        }
    }
    ports
}

fn mounts(mounts: &Value) -> Vec<Mount> {
    mounts
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|mount| {
            let kind = mount["Type"].as_str()?;
            let source = match kind {
                "volume" => mount["Name"].as_str()?.to_owned(),
                _ => real(mount["Source"].as_str()?),
            };
            Some(Mount {
                kind: kind.to_owned(),
                source: Some(source),
                target: mount["Destination"].as_str()?.to_owned(),
                read_only: !mount["RW"].as_bool().unwrap_or(true),
            })
        })
        .collect()
}

fn real(path: &str) -> String {
    match Path::new(path).canonicalize() {
        Ok(real) => real.display().to_string(),
        Err(_) => path.to_owned(),
    }
}

/// Folders with different paths that are one: a bind mount of the host's.
fn same_inodes(pair: &Pair<'_>) -> Vec<Finding> {
    let identities = |side: &Side<'_>| -> Vec<((u64, u64), String, String, bool)> {
        let services = side.model.services.iter();
        services
            .flat_map(|(name, service)| service.volumes.iter().map(move |mount| (name, mount)))
            .filter(|(_, mount)| mount.kind == "bind")
            .filter_map(|(name, mount)| {
                let source = mount.source.clone()?;
                let metadata = std::fs::metadata(&source).ok()?;
                let identity = (metadata.dev(), metadata.ino());
                Some((identity, name.clone(), source, mount.read_only))
            })
            .collect()
    };
    let mut findings = Vec::new();
    let (ea, eb) = (identities(&pair.ea), identities(&pair.eb));
    for (identity, service, source, read_only) in &eb {
        for (other, other_service, other_source, other_read_only) in &ea {
            let edge_reads = *other_service == pair.site.shared.edge.service && *other_read_only;
            if identity == other
                && source != other_source
                && !edge_reads
                && !(*read_only && *other_read_only)
            {
                findings.push(broken(
                    "bind-source",
                    format!("{source} of eb is {other_source} of ea by another path"),
                    vec![
                        pair.ea.place(&["services", other_service, "volumes"]),
                        pair.eb.place(&["services", service, "volumes"]),
                    ],
                ));
            }
        }
    }
    findings
}

/// What differs between the files and the containers.
fn drift(written: &Side<'_>, live: &Side<'_>) -> Vec<Finding> {
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
