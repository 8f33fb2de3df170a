//! `docker inspect` in the form that Docker Compose resolves files to, with real paths.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::Side;
use crate::engine::Container;
use crate::model::{Attachment, Beside, Limits, Model, Mount, Port, Resource, Service};

/// An environment as it runs.
pub fn running<'a>(
    written: &Side<'a>,
    containers: &[&Container],
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
        for source in &mut service.volumes_from {
            let id = source.trim_start_matches("container:");
            let (id, only) = match id.strip_suffix(":ro") {
                Some(id) => (id, ":ro"),
                None => (id, ""),
            };
            if let Some(name) = names.get(id) {
                *source = format!("container:{name}{only}");
            }
        }
    }
    Side {
        name: written.name,
        environment: written.environment,
        model,
        values: written.values.clone(),
        documents: Vec::new(),
        active: None,
    }
}

/// The engine notes joined containers by id.
pub fn names_by_id<'a>(
    containers: impl IntoIterator<Item = &'a Container>,
) -> BTreeMap<String, String> {
    let containers = containers.into_iter();
    containers
        .map(|one| (one.id().to_owned(), one.name().to_owned()))
        .collect()
}

/// What `docker inspect` says, in the form that Docker Compose resolves files to. The first
/// container of a service stands for it, any other for itself, by its own name.
fn model(project: &str, containers: &[&Container]) -> Model {
    let mut model = Model {
        name: project.to_owned(),
        services: IndexMap::new(),
        networks: IndexMap::new(),
        volumes: IndexMap::new(),
    };
    let mut running: Vec<(&str, &Container)> = (containers.iter())
        .filter(|one| one.is_running())
        .filter_map(|one| Some((one.service()?, *one)))
        .collect();
    let number = |one: &Container| one.number().and_then(|text| text.parse::<u64>().ok());
    running.sort_by_key(|(name, one)| (*name, one.is_one_off(), number(one), one.name()));
    for (name, container) in running {
        let mut service = service(name, container);
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
        let key = if container.is_one_off() || model.services.contains_key(name) {
            let number = container.number().unwrap_or_default().to_owned();
            service.beside = Some(Beside {
                service: name.to_owned(),
                number: (!container.is_one_off()).then_some(number),
            });
            container.name()
        } else {
            name
        };
        model.services.insert(key.to_owned(), service);
    }
    model
}

fn external(name: &str) -> Resource {
    Resource {
        name: name.to_owned(),
        external: true,
    }
}

fn service(name: &str, inspected: &Container) -> Service {
    let container = &inspected.0;
    let (config, host) = (&container["Config"], &container["HostConfig"]);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let container_name = Some(inspected.name().to_owned());
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
    let networks = inspected.answers().into_iter();
    let networks = networks
        .map(|(network, names)| {
            let others = names
                .iter()
                .filter(|alias| **alias != name && Some(**alias) != container_name.as_deref());
            let attachment = Attachment {
                aliases: others.map(|alias| (*alias).to_owned()).collect(),
                nameless: !names.contains(&name),
            };
            (network.to_owned(), Some(attachment))
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
        read_only: host["ReadonlyRootfs"].as_bool().unwrap_or(false),
        volumes_from: strings(&host["VolumesFrom"]).map(volumes_from).collect(),
        cap_add: Some(strings(&host["CapAdd"]).map(str::to_owned).collect()),
        entrypoint: Some(strings(&config["Entrypoint"]).map(str::to_owned).collect()),
        user: text(&config["User"]),
        restart: Some(restart(&host["RestartPolicy"])),
        image_id: text(&container["Image"]),
        ..Service::default()
    }
}

/// The engine says `NAME:rw`, and means a container.
fn volumes_from(source: &str) -> String {
    format!("container:{}", source.trim_end_matches(":rw"))
}

/// A restart policy as it is written in a compose file.
fn restart(policy: &Value) -> String {
    let name = policy["Name"].as_str().unwrap_or_default();
    match (name, policy["MaximumRetryCount"].as_u64()) {
        ("", _) => "no".into(),
        ("on-failure", Some(count)) if count > 0 => format!("on-failure:{count}"),
        (name, _) => name.to_owned(),
    }
}

/// Services whose container did what it was there for: it ended well, and nothing starts it again.
pub fn ended(containers: &[&Container]) -> BTreeSet<String> {
    containers
        .iter()
        .filter(|container| {
            container.status() == "exited"
                && container.0["State"]["ExitCode"].as_u64() == Some(0)
                && matches!(
                    container.0["HostConfig"]["RestartPolicy"]["Name"].as_str(),
                    None | Some("" | "no" | "on-failure")
                )
        })
        .filter_map(|container| container.service().map(str::to_owned))
        .collect()
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

pub fn ports(bindings: &Value) -> Vec<Port> {
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

/// The path without symlinks, where it is there.
pub fn real(path: &str) -> String {
    match Path::new(path).canonicalize() {
        Ok(real) => real.display().to_string(),
        Err(_) => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_ended_well_has_done_what_it_was_there_for() {
        let container = |service: &str, code: u64, policy: &str, count: u64| {
            Container(json!({
                "Config": {"Labels": {"com.docker.compose.service": service}},
                "State": {"Status": "exited", "ExitCode": code},
                "HostConfig": {"RestartPolicy": {"Name": policy, "MaximumRetryCount": count}},
            }))
        };
        let containers = [
            container("once", 0, "no", 0),
            container("tried", 0, "on-failure", 0),
            container("tried-thrice", 0, "on-failure", 3),
            container("failed", 1, "on-failure", 3),
            container("stopped", 0, "always", 0),
        ];
        let ended = ended(&containers.iter().collect::<Vec<_>>());
        let expected = ["once", "tried", "tried-thrice"];
        assert_eq!(ended, BTreeSet::from(expected.map(str::to_owned)));
    }
}
