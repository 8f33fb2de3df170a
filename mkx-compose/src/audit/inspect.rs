//! `docker inspect` in the form that Docker Compose resolves files to, with real paths.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::Side;
use crate::model::{Attachment, Limits, Model, Mount, Port, Resource, Service};

/// An environment as it runs.
pub fn running<'a>(
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
        values: written.values.clone(),
        documents: Vec::new(),
        active: None,
    }
}

/// The engine notes joined containers by id.
pub fn names_by_id<'a>(
    containers: impl IntoIterator<Item = &'a Value>,
) -> BTreeMap<String, String> {
    containers
        .into_iter()
        .filter_map(|container| {
            let name = container["Name"].as_str()?.trim_start_matches('/');
            Some((container["Id"].as_str()?.to_owned(), name.to_owned()))
        })
        .collect()
}

/// What `docker inspect` says, in the form that Docker Compose resolves files to.
fn model(project: &str, containers: &[Value]) -> Model {
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
        read_only: host["ReadonlyRootfs"].as_bool().unwrap_or(false),
        cap_add: Some(strings(&host["CapAdd"]).map(str::to_owned).collect()),
        entrypoint: Some(strings(&config["Entrypoint"]).map(str::to_owned).collect()),
        user: text(&config["User"]),
        restart: Some(restart(&host["RestartPolicy"])),
        image_id: text(&container["Image"]),
        ..Service::default()
    }
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
pub fn ended(containers: &[Value]) -> BTreeSet<String> {
    containers
        .iter()
        .filter(|container| {
            let state = &container["State"];
            state["Status"].as_str() == Some("exited")
                && state["ExitCode"].as_u64() == Some(0)
                && matches!(
                    container["HostConfig"]["RestartPolicy"]["Name"].as_str(),
                    None | Some("" | "no" | "on-failure")
                )
        })
        .filter_map(|container| {
            let service = &container["Config"]["Labels"]["com.docker.compose.service"];
            service.as_str().map(str::to_owned)
        })
        .collect()
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
            json!({
                "Config": {"Labels": {"com.docker.compose.service": service}},
                "State": {"Status": "exited", "ExitCode": code},
                "HostConfig": {"RestartPolicy": {"Name": policy, "MaximumRetryCount": count}},
            })
        };
        let ended = ended(&[
            container("once", 0, "no", 0),
            container("tried", 0, "on-failure", 0),
            container("tried-thrice", 0, "on-failure", 3),
            container("failed", 1, "on-failure", 3),
            container("stopped", 0, "always", 0),
        ]);
        let expected = ["once", "tried", "tried-thrice"];
        assert_eq!(ended, BTreeSet::from(expected.map(str::to_owned)));
    }
}
