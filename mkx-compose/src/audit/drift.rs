//! Whether what runs is what the files say.
//!
//! Each difference is a finding of its own, at the line that says otherwise. Values of variables
//! and labels are never told: any may be a secret.

use std::collections::{BTreeMap, BTreeSet};

use mkx_contract::record::finding::{Accepted, Evidence, Finding, Findings, Rule as _};
use mkx_contract::tool::compose::Compose;
use mkx_contract::{EnvironmentName, Record, Result, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Side, inspect, mounted};
use crate::docker;
use crate::engine::Container;
use crate::model::{Beside, Port, Service};
use crate::rules::{DRIFT, Rule};

/// The answer of `drift`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Drift {
    /// The environments that were looked at.
    pub environments: Vec<EnvironmentName>,
    /// How many services the files name.
    pub services: u64,
    /// Each difference between the files and the containers.
    pub findings: Findings,
    /// What could not be looked at.
    pub unseen: Vec<String>,
    /// True where there is none that the site does not live with.
    pub ok: bool,
}

impl Record for Drift {
    const RECORD: &'static str = "mkx.compose.drift/2";
}

/// Compares the containers of the environments with their files.
///
/// # Errors
/// Exit 3 where the files can not be resolved, exit 4 where the engine can not be reached.
pub fn compare(site: &Site, compose: &Compose, environments: &[EnvironmentName]) -> Result<Drift> {
    let images = docker::images()?;
    let (mut services, mut found, mut unseen) = (0, Vec::new(), Vec::new());
    for name in environments {
        let written = Side::read(site, *name, compose)?;
        let containers = docker::containers(&written.environment.project)?;
        let containers: Vec<&Container> = containers.iter().collect();
        let names = inspect::names_by_id(containers.iter().copied());
        let running = inspect::running(&written, &containers, &names);
        services += written.model.services.len() as u64;
        let ended = inspect::ended(&containers);
        found.extend(rules(&written, &running, &ended, &images, &mut unseen));
    }
    // Where one environment is looked at, nothing is said of what is accepted in the other.
    let both = environments.len() > 1;
    let is_found = |entry: &&Accepted| {
        let same = |one: &Finding| one.rule == entry.rule && one.subject == entry.subject;
        both || found.iter().any(same)
    };
    let accepted: Vec<Accepted> = site.accepted.iter().filter(is_found).cloned().collect();
    let findings = Findings::gather(found, &accepted, &DRIFT);
    Ok(Drift {
        environments: environments.to_vec(),
        services,
        ok: findings.errors() + findings.warnings() == 0,
        findings,
        unseen,
    })
}

/// What differs between the files and the containers; `ended` are services that did what they
/// were there for, `images` the engine's images by name. `unseen` grows by what can not be told.
pub fn rules(
    written: &Side<'_>,
    live: &Side<'_>,
    ended: &BTreeSet<String>,
    images: &BTreeMap<String, String>,
    unseen: &mut Vec<String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, service) in &written.model.services {
        let containers = containers_of(live, name);
        for key in &containers {
            let mut pair = Compared {
                written,
                live,
                name,
                key,
                findings: &mut findings,
            };
            unseen.extend(pair.all(service, &live.model.services[*key], images));
        }
        let (runs, said) = (containers.len() as u64, service.replicas());
        if runs == 0 {
            if said > 0 && !ended.contains(name) && written.is_active(name) {
                let message = format!("{name} of {} does not run", written.name);
                findings.push(
                    Rule::NotRunning
                        .finding(written.model.container_name(name), message)
                        .at(written.place(&["services", name])),
                );
            }
        } else if runs != said {
            let message = format!(
                "{name} of {} runs {runs} times, and the files say {said}",
                written.name
            );
            let places = containers.iter().map(|key| live.place(&["services", key]));
            findings.push(
                Rule::Drift
                    .finding(
                        format!("{} scale", written.model.container_name(name)),
                        message,
                    )
                    .at(written.place(&["services", name]))
                    .at_all(places),
            );
        }
    }
    for (key, running) in &live.model.services {
        let name = live.model.service_of(key);
        if !written.model.services.contains_key(name) {
            let message = match &running.beside {
                Some(Beside { number: None, .. }) => {
                    format!(
                        "{key} of {} runs, and no file names its service {name}",
                        written.name
                    )
                }
                _ => format!("{name} of {} runs, and no file names it", written.name),
            };
            let services = Evidence {
                line: None,
                ..written.place(&["services"])
            };
            findings.push(
                Rule::Drift
                    .finding(live.model.container_name(key), message)
                    .at(services)
                    .at(live.place(&["services", key])),
            );
        }
    }
    findings
}

/// The keys of a service's containers, but for those that `docker compose run` made: what these
/// run is the choice of who typed it.
fn containers_of<'a>(live: &'a Side<'_>, service: &str) -> Vec<&'a str> {
    let all = live.model.services.iter();
    all.filter(|(key, running)| match &running.beside {
        Some(beside) => beside.service == service && beside.number.is_some(),
        None => *key == service,
    })
    .map(|(key, _)| key.as_str())
    .collect()
}

/// Further names on a network, and whether the service's own is missing.
type Answers = (BTreeSet<String>, bool);

/// A service as it is written, and as it runs.
struct Compared<'a, 'b> {
    written: &'a Side<'b>,
    live: &'a Side<'b>,
    name: &'a str,
    /// The container among those that run.
    key: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Compared<'_, '_> {
    /// Every difference; what can not be told.
    fn all(
        &mut self,
        written: &Service,
        running: &Service,
        images: &BTreeMap<String, String>,
    ) -> Option<String> {
        let unseen = self.image(written, running, images);
        self.texts(written, running);
        self.limits(written, running);
        self.ports(written, running);
        self.networks(written, running);
        self.confinement(written, running);
        self.mounts(written, running);
        unseen
    }

    fn differs(&mut self, way: &[&str], what: &str) {
        self.item_differs(way, "", what);
    }

    /// Each member, and each item of a list, is a cause of its own.
    fn item_differs(&mut self, way: &[&str], item: &str, what: &str) {
        let container = self.live.model.container_name(self.key);
        let subject = format!("{container} {} {item}", way.join("."));
        let place = |side: &Side<'_>, name| side.place(&[&["services", name], way].concat());
        let who = match self.live.model.services[self.key].beside {
            Some(_) => self.key,
            None => self.name,
        };
        let message = format!("{who} of {} {what}", self.written.name);
        self.findings.push(
            Rule::Drift
                .finding(subject.trim_end(), message)
                .at(place(self.written, self.name))
                .at(place(self.live, self.key)),
        );
    }

    /// Where the engine does not have the image by its name, nobody knows whether it was built
    /// anew since.
    fn image(
        &mut self,
        written: &Service,
        running: &Service,
        images: &BTreeMap<String, String>,
    ) -> Option<String> {
        let built = format!("{}-{}", self.written.model.name, self.name);
        let name = written.image.as_ref().unwrap_or(&built);
        let runs = running.image.as_deref().unwrap_or_default();
        if runs != name {
            let what = format!("runs the image {runs}, and the files say {name}");
            self.differs(&["image"], &what);
            return None;
        }
        match images.get(&docker::full_name(name)) {
            Some(here) if running.image_id.as_ref().is_some_and(|id| id != here) => {
                let what = format!("runs another image than the one that {name} now is");
                self.differs(&["image"], &what);
            }
            // A digest names one image for good.
            None if !name.contains('@') => {
                let container = self.live.model.container_name(self.key);
                return Some(format!(
                    "the engine has no image {name} to hold {container} against"
                ));
            }
            _ => {}
        }
        None
    }

    fn texts(&mut self, written: &Service, running: &Service) {
        for (variable, value) in &written.environment {
            if value.is_some() && running.environment.get(variable) != Some(value) {
                let what = format!("runs with another {variable} than the files say");
                self.differs(&["environment", variable], &what);
            }
        }
        for (label, value) in &written.labels {
            if running.labels.get(label) != Some(value) {
                let what = format!("runs with another label {label} than the files say");
                self.differs(&["labels", label], &what);
            }
        }
        for (member, written, running) in [
            ("command", &written.command, &running.command),
            ("entrypoint", &written.entrypoint, &running.entrypoint),
        ] {
            if written.as_ref().is_some_and(|words| !words.is_empty()) && written != running {
                let what = format!("runs with another {member} than the files say");
                self.differs(&[member], &what);
            }
        }
        for (member, written, running) in [
            ("user", &written.user, &running.user),
            ("restart", &written.restart, &running.restart),
        ] {
            if let Some(written) = written
                && running.as_ref() != Some(written)
            {
                let runs = running.as_deref().unwrap_or_default();
                let what = format!("runs with {member} {runs:?}, and the files say {written:?}");
                self.differs(&[member], &what);
            }
        }
        let number = running.beside.as_ref().and_then(|one| one.number.as_ref());
        let expected = match (&written.container_name, number) {
            (None, Some(number)) => format!("{}-{}-{number}", self.written.model.name, self.name),
            _ => self.written.model.container_name(self.name),
        };
        if running.container_name.as_ref() != Some(&expected) {
            let what = format!("is not called {expected}, as the files say");
            self.differs(&["container_name"], &what);
        }
    }

    fn limits(&mut self, written: &Service, running: &Service) {
        let way = ["deploy", "resources", "limits"];
        let cpus = |service: &Service| service.limit_cpus().unwrap_or_default();
        if (cpus(written) - cpus(running)).abs() > 5e-4 {
            let (is, said) = (cpus(running), cpus(written));
            let what =
                format!("may take {is} processors, and the files say {said} (0 is no limit)");
            self.item_differs(&way, "cpus", &what);
        }
        let memory = |service: &Service| service.limit_memory_bytes().unwrap_or_default();
        if memory(written) != memory(running) {
            let (is, said) = (memory(running) >> 20, memory(written) >> 20);
            let what = format!("may take {is} MiB, and the files say {said} MiB (0 is no limit)");
            self.item_differs(&way, "memory", &what);
        }
    }

    fn ports(&mut self, written: &Service, running: &Service) {
        let (said, is) = (published(written), published(running));
        for port in is.difference(&said) {
            let what = format!("publishes {port}, and the files do not say so");
            self.item_differs(&["ports"], port, &what);
        }
        for port in said.difference(&is) {
            let what = format!("does not publish {port}, as the files say");
            self.item_differs(&["ports"], port, &what);
        }
    }

    fn networks(&mut self, written: &Service, running: &Service) {
        if written.network_mode.is_some() {
            return;
        }
        let called = self.written.model.container_name(self.name);
        let names = |side: &Side<'_>, service: &Service| -> BTreeMap<String, Answers> {
            let networks = service.networks.iter();
            networks
                .map(|(key, attachment)| {
                    let attachment = attachment.clone().unwrap_or_default();
                    let mut aliases = BTreeSet::from_iter(attachment.aliases);
                    // A container that was renamed answers to its former name too.
                    aliases.remove(&called);
                    (side.model.network_name(key), (aliases, attachment.nameless))
                })
                .collect()
        };
        let (said, is) = (names(self.written, written), names(self.live, running));
        for network in is.keys().filter(|network| !said.contains_key(*network)) {
            let what = format!("is on the network {network}, and the files do not say so");
            self.item_differs(&["networks"], network, &what);
        }
        for (network, (aliases, _)) in &said {
            let what = match is.get(network) {
                Some((_, true)) => {
                    format!(
                        "does not answer to {} on {network}, as the files say",
                        self.name
                    )
                }
                Some((running, _)) if running == aliases => continue,
                Some(_) => format!("has other aliases on {network} than the files say"),
                None => format!("is not on the network {network}, as the files say"),
            };
            self.item_differs(&["networks"], network, &what);
        }
    }

    /// How far it is kept from the host.
    fn confinement(&mut self, written: &Service, running: &Service) {
        let of_host = |mode: &Option<String>| mode.as_deref() == Some("host");
        let capabilities = |service: &Service| -> BTreeSet<String> {
            let names = service.cap_add.iter().flatten();
            names
                .map(|name| name.to_ascii_uppercase().replace("CAP_", ""))
                .collect()
        };
        let members = [
            ("privileged", written.privileged == running.privileged),
            ("read_only", written.read_only == running.read_only),
            ("pid", of_host(&written.pid) == of_host(&running.pid)),
            ("ipc", of_host(&written.ipc) == of_host(&running.ipc)),
            (
                "network_mode",
                of_host(&written.network_mode) == of_host(&running.network_mode),
            ),
            ("cap_add", capabilities(written) == capabilities(running)),
        ];
        for (member, _) in members.iter().filter(|(_, same)| !same) {
            let what = format!("runs with another {member} than the files say");
            self.differs(&[member], &what);
        }
    }

    fn mounts(&mut self, written: &Service, running: &Service) {
        let compared = mounted::compare(&self.written.model, written, running);
        for (mount, is) in compared {
            let what = if is {
                format!("mounts {mount}, and the files do not say so")
            } else {
                format!("does not mount {mount}, as the files say")
            };
            self.item_differs(&["volumes"], &mount, &what);
        }
    }
}

/// What is published under a number that is known beforehand.
fn published(service: &Service) -> BTreeSet<String> {
    let number = |port: &Port| {
        let published = port.published.clone()?;
        (!matches!(published.as_str(), "" | "0")).then_some(published)
    };
    service
        .ports
        .iter()
        .filter_map(|port| {
            let address = match port.host_ip.as_deref() {
                None | Some("" | "0.0.0.0") => String::new(),
                Some(other) => format!("{other}:"),
            };
            let protocol = port.protocol.as_deref().unwrap_or("tcp");
            Some(format!(
                "{address}{}:{}/{protocol}",
                number(port)?,
                port.target
            ))
        })
        .collect()
}
