//! The model that Docker Compose resolves an environment to: the parts that matter here.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use mkx_contract::{Failure, Result};
use serde::Deserialize;
use serde_json::Value;

/// A project.
#[derive(Debug, Clone, Deserialize)]
pub struct Model {
    /// The project's name.
    pub name: String,
    /// Its services.
    #[serde(default)]
    pub services: IndexMap<String, Service>,
    /// Its networks.
    #[serde(default)]
    pub networks: IndexMap<String, Resource>,
    /// Its named volumes.
    #[serde(default)]
    pub volumes: IndexMap<String, Resource>,
}

/// A network or a named volume.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Resource {
    /// What the engine calls it.
    #[serde(default)]
    pub name: String,
    /// True where the project only uses it.
    #[serde(default)]
    pub external: bool,
}

/// A service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Service {
    /// A fixed name for its container.
    pub container_name: Option<String>,
    /// Its image.
    pub image: Option<String>,
    /// How its image is built.
    pub build: Option<Build>,
    /// Its environment, env files included.
    pub environment: IndexMap<String, Option<String>>,
    /// What it publishes on the host.
    pub ports: Vec<Port>,
    /// What is mounted into it.
    pub volumes: Vec<Mount>,
    /// The networks that it is on.
    pub networks: IndexMap<String, Option<Attachment>>,
    /// Its labels.
    pub labels: IndexMap<String, String>,
    /// Limits, as `deploy.resources.limits`.
    pub deploy: Option<Deploy>,
    /// A limit of memory in bytes, as `mem_limit`.
    pub mem_limit: Option<Value>,
    /// A limit of processors, as `cpus`.
    pub cpus: Option<Value>,
    /// Its command.
    pub command: Option<Vec<String>>,
    /// The services that it waits for.
    pub depends_on: IndexMap<String, Value>,
    /// `host`, `container:NAME`, `service:NAME`.
    pub network_mode: Option<String>,
    /// `host`, `container:NAME`, `service:NAME`.
    pub pid: Option<String>,
    /// `host`, `container:NAME`, `service:NAME`, `shareable`.
    pub ipc: Option<String>,
    /// Containers and services whose mounts it has: `container:NAME`, `SERVICE:ro`.
    pub volumes_from: Vec<String>,
    /// True where it may do anything on the host.
    pub privileged: bool,
    /// True where its own file system can not be written to.
    pub read_only: bool,
    /// What the kernel lets it do beyond the ordinary.
    pub cap_add: Option<Vec<String>>,
    /// What its command is handed to.
    pub entrypoint: Option<Vec<String>>,
    /// Who it runs as.
    pub user: Option<String>,
    /// `no`, `always`, `unless-stopped`, `on-failure:N`.
    pub restart: Option<String>,
    /// The profiles that it waits for; none: it is always there.
    pub profiles: Vec<String>,
    /// Files that Docker Compose mounts for it.
    pub configs: Vec<GivenFile>,
    /// Files that Docker Compose mounts for it.
    pub secrets: Vec<GivenFile>,
    /// How many containers it has, as `scale`.
    pub scale: Option<Value>,
    /// The image that its container runs; no file says this.
    #[serde(skip)]
    pub image_id: Option<String>,
    /// What it is where it runs beside its service's first container; no file says this.
    #[serde(skip)]
    pub beside: Option<Beside>,
}

/// A further container of a service.
#[derive(Debug, Clone)]
pub struct Beside {
    /// Its service.
    pub service: String,
    /// Its number; none: `docker compose run` made it.
    pub number: Option<String>,
}

/// A file that Docker Compose mounts into a service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct GivenFile {
    /// Its key in the compose file.
    pub source: String,
    /// Where it is in the container.
    pub target: Option<String>,
}

/// How an image is built.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Build {
    /// The folder.
    pub context: String,
    /// What is baked into the image.
    pub args: IndexMap<String, Option<String>>,
}

/// A published port.
#[derive(Debug, Clone, Deserialize)]
pub struct Port {
    /// The address on the host; absent: all.
    #[serde(default)]
    pub host_ip: Option<String>,
    /// The port on the host, or a range of them; absent: any free one.
    #[serde(default)]
    pub published: Option<String>,
    /// The port in the container.
    pub target: u16,
    /// `tcp` or `udp`.
    #[serde(default)]
    pub protocol: Option<String>,
}

/// A mount.
#[derive(Debug, Clone, Deserialize)]
pub struct Mount {
    /// `bind`, `volume`, `tmpfs`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The host's path, or the volume's key.
    #[serde(default)]
    pub source: Option<String>,
    /// Where it is in the container.
    pub target: String,
    /// True where the container can not write to it.
    #[serde(default)]
    pub read_only: bool,
}

/// A service on a network.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Attachment {
    /// Further names that it answers to there.
    pub aliases: Vec<String>,
    /// True where the container does not answer to its service's name; no file says this.
    #[serde(skip)]
    pub nameless: bool,
}

/// `deploy`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Deploy {
    /// How many containers it has.
    pub replicas: Option<Value>,
    /// `deploy.resources`.
    pub resources: Resources,
}

/// `deploy.resources`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// `deploy.resources.limits`.
    pub limits: Option<Limits>,
}

/// `deploy.resources.limits`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Processors.
    pub cpus: Option<Value>,
    /// Memory in bytes.
    pub memory: Option<Value>,
}

impl Model {
    /// Types what `docker compose config --format json` printed.
    ///
    /// # Errors
    /// Exit 4 where its form is not known.
    pub fn parse(mut value: Value) -> Result<Model> {
        single_dollars(&mut value);
        serde_path_to_error::deserialize(value).map_err(|error| {
            Failure::peer(format!("cannot read what Docker Compose resolved: {error}"))
        })
    }

    /// What the engine calls the network of this key.
    pub fn network_name(&self, key: &str) -> String {
        self.resource_name(&self.networks, key)
    }

    /// What the engine calls the volume of this key.
    pub fn volume_name(&self, key: &str) -> String {
        self.resource_name(&self.volumes, key)
    }

    fn resource_name(&self, resources: &IndexMap<String, Resource>, key: &str) -> String {
        match resources.get(key) {
            Some(resource) if !resource.name.is_empty() => resource.name.clone(),
            _ => format!("{}_{key}", self.name),
        }
    }

    /// What the engine calls the container of this service.
    pub fn container_name(&self, service: &str) -> String {
        self.services
            .get(service)
            .and_then(|service| service.container_name.clone())
            .unwrap_or_else(|| format!("{}-{service}-1", self.name))
    }

    /// The service that a key of what runs stands for.
    pub fn service_of<'a>(&'a self, key: &'a str) -> &'a str {
        let beside = self.services.get(key).and_then(|one| one.beside.as_ref());
        beside.map_or(key, |beside| &beside.service)
    }

    /// These services and those that they wait for.
    pub fn with_dependencies(&self, services: &[&str]) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        let mut open: Vec<&str> = services.to_vec();
        while let Some(name) = open.pop() {
            if let Some(service) = self.services.get(name)
                && all.insert(name.to_owned())
            {
                open.extend(service.depends_on.keys().map(String::as_str));
            }
        }
        all
    }

    /// Takes all other services out, and what only they used.
    pub fn keep(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.services.retain(|name, _| is_kept(name));
        let services = self.services.values();
        let networks: BTreeSet<&String> = services
            .clone()
            .flat_map(|one| one.networks.keys())
            .collect();
        let volumes: BTreeSet<&String> = services
            .flat_map(|one| one.volumes.iter().filter_map(|mount| mount.source.as_ref()))
            .collect();
        self.networks.retain(|key, _| networks.contains(key));
        self.volumes.retain(|key, _| volumes.contains(key));
    }
}

impl Service {
    /// How many containers it has.
    pub fn replicas(&self) -> u64 {
        let replicas = self.deploy.as_ref().and_then(|one| one.replicas.as_ref());
        let count = number(replicas).or_else(|| number(self.scale.as_ref()));
        count.map_or(1, |count| count as u64)
    }

    /// True where it has more containers than one, which can not have one name.
    pub fn is_replicated(&self) -> bool {
        self.replicas() > 1
    }

    /// Its limit of processors.
    pub fn limit_cpus(&self) -> Option<f64> {
        number(self.limits().and_then(|limits| limits.cpus.as_ref()))
            .or_else(|| number(self.cpus.as_ref()))
            .filter(|cpus| *cpus > 0.0)
    }

    /// Its limit of memory in bytes.
    pub fn limit_memory_bytes(&self) -> Option<u64> {
        number(self.limits().and_then(|limits| limits.memory.as_ref()))
            .or_else(|| number(self.mem_limit.as_ref()))
            .filter(|bytes| *bytes > 0.0)
            .map(|bytes| bytes as u64)
    }

    fn limits(&self) -> Option<&Limits> {
        self.deploy.as_ref()?.resources.limits.as_ref()
    }
}

/// `config` doubles every dollar sign, for a reader that fills variables in.
fn single_dollars(value: &mut Value) {
    match value {
        Value::String(text) if text.contains("$$") => *text = text.replace("$$", "$"),
        Value::Array(items) => items.iter_mut().for_each(single_dollars),
        Value::Object(fields) => fields.values_mut().for_each(single_dollars),
        _ => {}
    }
}

fn number(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    }
}
