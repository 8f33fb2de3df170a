//! Containers of neither environment that stand where one of an environment's does, or hold what
//! is an environment's.
//!
//! Whose a container is, the engine says: its project and service, never its name. What is an
//! environment's, its files say and its own containers.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use mkx_contract::record::finding::{Evidence, Finding, Rule as _};
use mkx_contract::{EnvironmentName, Site};

use super::collide::{is_systems, overlap};
use super::inspect::{ports, real};
use super::{Pair, Side};
use crate::engine::{Container, Engine, Held};
use crate::model::Port;
use crate::rules::Rule;

/// Networks that the engine brings: no name is answered to on them.
const BUILT_IN: [&str; 3] = ["bridge", "host", "none"];

/// What every stranger does to either environment. A container that does not run does nothing yet:
/// it is a warning.
pub fn rules(files: &Pair<'_>, live: &Pair<'_>, engine: &Engine) -> Vec<Finding> {
    let site = files.site;
    let homes = [
        Home::of(site, &files.ea, &live.ea, engine),
        Home::of(site, &files.eb, &live.eb, engine),
    ];
    let projects = [&files.ea, &files.eb].map(|side| side.environment.project.as_str());
    let strangers = engine.containers.iter().filter(|one| {
        let is_own = projects.iter().any(|project| one.is_of(project));
        !is_own && !matches!(one.status(), "removing" | "dead")
    });
    let mut findings = Vec::new();
    for container in strangers {
        let edge = &site.shared.edge.service;
        let stranger = Stranger {
            container,
            engine,
            shared: &site.shared.volumes,
            is_edge: container.service() == Some(edge) || container.name() == edge,
        };
        for home in &homes {
            findings.extend(stranger.socket(home));
            findings.extend(stranger.names(home));
            findings.extend(stranger.networks(home));
            findings.extend(stranger.mounts(home));
            findings.extend(stranger.joins(home));
            findings.extend(stranger.ports(home));
        }
    }
    findings
}

/// What is an environment's.
struct Home<'a> {
    name: EnvironmentName,
    /// What is answered to, and by which service.
    names: BTreeMap<String, String>,
    /// What its containers are called, and their service.
    containers: BTreeMap<String, String>,
    /// The networks that its services are on; true where nobody else has business there.
    networks: BTreeMap<String, bool>,
    volumes: BTreeSet<String>,
    folders: Vec<Folder>,
    /// Its containers, by the engine's ids and names.
    own: BTreeMap<String, String>,
    /// What services that do not run publish.
    ports: Vec<(&'a str, &'a Port)>,
}

/// A folder of an environment's.
struct Folder {
    what: String,
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl Folder {
    fn new(what: impl Into<String>, path: &Path) -> Folder {
        let path = PathBuf::from(real(&path.display().to_string()));
        Folder {
            what: what.into(),
            identity: identity(&path),
            path,
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

impl<'a> Home<'a> {
    fn of(site: &Site, written: &'a Side<'_>, live: &Side<'_>, engine: &Engine) -> Home<'a> {
        let mut home = Home {
            name: written.name,
            names: BTreeMap::new(),
            containers: BTreeMap::new(),
            networks: BTreeMap::new(),
            volumes: BTreeSet::new(),
            folders: Vec::new(),
            own: BTreeMap::new(),
            ports: Vec::new(),
        };
        let project = &written.environment.project;
        for side in [written, live] {
            home.takes(site, side, engine);
        }
        for container in engine.of(project) {
            for key in [container.id(), container.name()] {
                home.own.insert(key.into(), container.name().into());
            }
        }
        for (name, service) in &written.model.services {
            let stands = |key: &String| live.model.service_of(key) == name;
            if written.is_active(name) && !live.model.services.keys().any(stands) {
                home.ports
                    .extend(service.ports.iter().map(|port| (name.as_str(), port)));
            }
        }
        home.lies(site, written, live, engine);
        home
    }

    /// What the services of a side answer to, are on, and mount.
    fn takes(&mut self, site: &Site, side: &Side<'_>, engine: &Engine) {
        let model = &side.model;
        let project = side.environment.project.as_str();
        let active = model.services.iter().filter(|(key, _)| side.is_active(key));
        for (key, service) in active {
            let name = model.service_of(key);
            let container = model.container_name(key);
            self.names.insert(name.into(), name.into());
            self.names.insert(container.clone(), name.into());
            self.containers.insert(container, name.into());
            for (network, attachment) in &service.networks {
                for alias in attachment.iter().flat_map(|one| &one.aliases) {
                    self.names.insert(alias.clone(), name.into());
                }
                let makes = (model.networks.get(network)).is_some_and(|one| !one.external);
                let network = model.network_name(network);
                if BUILT_IN.contains(&network.as_str()) {
                    continue;
                }
                let is_own = makes || engine.network_project(&network) == Some(project);
                let is_shared = network == site.shared.network;
                let alone = self.networks.entry(network).or_default();
                *alone |= is_own && !is_shared;
            }
            for mount in &service.volumes {
                if let ("volume", Some(source)) = (mount.kind.as_str(), &mount.source) {
                    let volume = model.volume_name(source);
                    if !site.shared.volumes.contains(&volume) {
                        self.volumes.insert(volume);
                    }
                }
            }
        }
    }

    /// Where on the host it has its files.
    fn lies(&mut self, site: &Site, written: &Side<'_>, live: &Side<'_>, engine: &Engine) {
        let (name, environment) = (self.name, written.environment);
        let folders = &mut self.folders;
        if let Some(vault) = &environment.vault {
            folders.push(Folder::new(format!("the vault of {name}"), &vault.path));
        }
        let checkout = format!("the checkout of {name}");
        folders.push(Folder::new(checkout, &environment.directory));
        for volume in &self.volumes {
            let known = engine.volumes.get(volume);
            for path in known.iter().flat_map(|one| &one.folders) {
                let what = format!("the volume {volume} of {name}");
                folders.push(Folder::new(what, path));
            }
        }
        for side in [written, live] {
            for (key, service) in &side.model.services {
                // What the shared edge has is not one environment's.
                if side.model.service_of(key) == site.shared.edge.service || !side.is_active(key) {
                    continue;
                }
                for mount in &service.volumes {
                    let source = Path::new(mount.source.as_deref().unwrap_or_default());
                    // `/srv` is whose it is, `/` nobody's.
                    let known = source.components().count() > 2 && !is_systems(&real_of(source));
                    if mount.kind == "bind" && !mount.read_only && known {
                        let what = format!("{}, to which {key} of {name} writes", source.display());
                        folders.push(Folder::new(what, source));
                    }
                }
            }
        }
    }
}

fn real_of(path: &Path) -> String {
    real(&path.display().to_string())
}

/// A container of neither environment.
struct Stranger<'a> {
    container: &'a Container,
    engine: &'a Engine,
    shared: &'a [String],
    is_edge: bool,
}

impl Stranger<'_> {
    fn finding(&self, home: EnvironmentName, what: &str, does: &str) -> Finding {
        let name = self.container.name();
        let mut who = self.container.words();
        if !self.container.is_running() {
            who = format!("{who}, {},", self.container.status());
        }
        let finding = Rule::Stranger
            .finding(format!("{name} {what}"), format!("{who} {does}"))
            .at(Evidence::container(home, name).what(what));
        match self.container.is_running() {
            true => finding,
            false => finding.warning(),
        }
    }

    /// It bears a name of the environment's, or answers to one where the environment asks.
    fn names(&self, home: &Home<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let own = self.container.name();
        if let Some(service) = home.containers.get(own) {
            let does = format!(
                "is called as the container of {service} of {} is",
                home.name
            );
            findings.push(self.finding(home.name, own, &does));
        }
        for (network, answers) in self.container.answers() {
            if !home.networks.contains_key(network) {
                continue;
            }
            for name in answers {
                let said = name == own && home.containers.contains_key(own);
                if let (Some(service), false) = (home.names.get(name), said) {
                    let does = format!(
                        "answers to {name} on {network}, as {service} of {} does",
                        home.name
                    );
                    findings.push(self.finding(home.name, name, &does));
                }
            }
        }
        findings
    }

    /// It is where only the environment's own containers are.
    fn networks(&self, home: &Home<'_>) -> Vec<Finding> {
        let answers = self.container.answers();
        let networks = answers.keys();
        networks
            .filter(|network| home.networks.get(**network) == Some(&true))
            .map(|network| {
                let does = format!(
                    "is on {network}, which is the network of {} alone",
                    home.name
                );
                self.finding(home.name, network, &does)
            })
            .collect()
    }

    /// It holds files of the environment's.
    fn mounts(&self, home: &Home<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for held in self.container.mounts() {
            let shared = held
                .volume
                .is_some_and(|name| self.shared.iter().any(|one| one == name));
            let systems = held.volume.is_none() && is_systems(held.source);
            if shared || is_socket(&held) || (systems && held.read_only) {
                continue;
            }
            // The edge serves both vaults.
            if self.is_edge && held.read_only {
                continue;
            }
            let (what, place) = match held.volume {
                Some(name) if home.volumes.contains(name) => {
                    (name, format!("the volume {name} of {}", home.name))
                }
                _ => match self.touched(&held, home) {
                    Some(folder) => (held.volume.unwrap_or(held.source), folder),
                    None => continue,
                },
            };
            let does = match held.read_only {
                true => format!("reads {place}"),
                false => format!("can write to {place}"),
            };
            let finding = self.finding(home.name, what, &does);
            findings.push(match held.read_only {
                true => finding.warning(),
                false => finding,
            });
        }
        findings
    }

    /// The first folder of the environment's that the mount is, holds, or lies in.
    fn touched(&self, held: &Held<'_>, home: &Home<'_>) -> Option<String> {
        for path in self.engine.folders(held) {
            let mounted = Folder::new("", &path);
            let touched = home.folders.iter().find(|own| {
                own.path.starts_with(&mounted.path)
                    || mounted.path.starts_with(&own.path)
                    || (own.identity.is_some() && own.identity == mounted.identity)
            });
            if let Some(own) = touched {
                let path = mounted.path.display();
                return Some(match mounted.path == own.path {
                    true => own.what.clone(),
                    false if own.path.starts_with(&mounted.path) => {
                        format!("{path}, which holds {}", own.what)
                    }
                    false if mounted.path.starts_with(&own.path) => {
                        format!("{path}, which lies in {}", own.what)
                    }
                    false => format!("{path}, which is {} by another path", own.what),
                });
            }
        }
        None
    }

    /// It is in a namespace of one of the environment's containers, or has its mounts.
    fn joins(&self, home: &Home<'_>) -> Vec<Finding> {
        let host = &self.container.0["HostConfig"];
        let modes = ["NetworkMode", "PidMode", "IpcMode"].map(|mode| {
            let joined = host[mode]
                .as_str()
                .and_then(|mode| mode.strip_prefix("container:"));
            (joined, mode.trim_end_matches("Mode").to_lowercase())
        });
        let joined = modes
            .into_iter()
            .filter_map(|(id, what)| Some((id?, format!("is in the {what} namespace of"))));
        let from = host["VolumesFrom"].as_array().into_iter().flatten();
        let from = from.filter_map(|source| {
            let id = source.as_str()?.split(':').next()?;
            Some((id, "has the mounts of".to_owned()))
        });
        joined
            .chain(from)
            .filter_map(|(id, does)| {
                let container = home.own.get(id)?;
                let does = format!("{does} {container} of {}", home.name);
                Some(self.finding(home.name, container, &does))
            })
            .collect()
    }

    /// It holds a port that a service of the environment's needs when it starts.
    fn ports(&self, home: &Home<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for theirs in ports(&self.container.0["HostConfig"]["PortBindings"]) {
            for (service, port) in &home.ports {
                if let Some(number) = overlap(port, &theirs) {
                    let does = format!(
                        "publishes port {number}, which {service} of {} needs to start",
                        home.name
                    );
                    findings.push(self.finding(home.name, &number.to_string(), &does));
                }
            }
        }
        findings
    }

    /// Who holds the engine's socket holds every container. Another application's proxy that neither
    /// environment reaches is that application's matter.
    fn socket(&self, home: &Home<'_>) -> Option<Finding> {
        let held = self.container.mounts().find(is_socket)?;
        let answers = self.container.answers();
        let is_reached = answers.keys().any(|one| home.networks.contains_key(*one));
        if self.is_edge || (self.container.project().is_some() && !is_reached) {
            return None;
        }
        let does = "holds the engine's socket, and with it every container";
        Some(self.finding(home.name, held.source, does).warning())
    }
}

fn is_socket(held: &Held<'_>) -> bool {
    held.volume.is_none() && held.source.ends_with("/docker.sock")
}
