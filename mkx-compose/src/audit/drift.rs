//! Whether what runs is what the files say.
//!
//! Each difference is a finding of its own, at the line that says otherwise. Values of variables
//! and labels are never told: any may be a secret.

use std::collections::{BTreeMap, BTreeSet};

use mkx_contract::{Environment, Record, Result, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::inspect;
use super::mounted;
use super::{Side, live};
use crate::docker;
use crate::finding::{Evidence, Finding};
use crate::model::{Port, Service};
use crate::rules::broken;
use mkx_contract::EnvironmentName;
use mkx_contract::tool::compose::Compose;

/// The answer of `drift`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Drift {
    /// The environments that were looked at.
    pub environments: Vec<EnvironmentName>,
    /// How many services the files name.
    pub services: u64,
    /// Each difference between the files and the containers.
    pub findings: Vec<Finding>,
    /// True where there is none.
    pub ok: bool,
}

impl Record for Drift {
    const RECORD: &'static str = "mkx.compose.drift/1";
}

/// Compares the containers of the environments with their files.
///
/// # Errors
/// Exit 3 where the files can not be resolved, exit 4 where the engine can not be reached.
pub fn compare(site: &Site, compose: &Compose, environments: &[EnvironmentName]) -> Result<Drift> {
    let images = docker::images()?;
    let mut drift = Drift {
        environments: environments.to_vec(),
        services: 0,
        findings: Vec::new(),
        ok: true,
    };
    for name in environments {
        let environment: &Environment = site.environment(*name);
        let written = Side::read(site, environment, compose)?;
        let containers = docker::containers(&environment.project)?;
        let running = live::running(&written, &containers, &live::names_by_id(&containers));
        drift.services += written.model.services.len() as u64;
        let ended = inspect::ended(&containers);
        drift
            .findings
            .extend(rules(&written, &running, &ended, &images));
    }
    drift.ok = drift.findings.is_empty();
    Ok(drift)
}

/// What differs between the files and the containers; `ended` are services that did what they
/// were there for, `images` the engine's images by name.
pub fn rules(
    written: &Side<'_>,
    live: &Side<'_>,
    ended: &BTreeSet<String>,
    images: &BTreeMap<String, String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, service) in &written.model.services {
        match live.model.services.get(name) {
            Some(running) => {
                let mut pair = Compared {
                    written,
                    live,
                    name,
                    findings: &mut findings,
                };
                pair.image(service, running, images);
                pair.texts(service, running);
                pair.limits(service, running);
                pair.ports(service, running);
                pair.networks(service, running);
                pair.confinement(service, running);
                pair.mounts(service, running);
            }
            None if ended.contains(name) || !written.is_active(name) => {}
            None => findings.push(broken(
                "not-running",
                format!("{name} of {} does not run", written.name),
                vec![written.place(&["services", name])],
            )),
        }
    }
    for name in live.model.services.keys() {
        if !written.model.services.contains_key(name) {
            findings.push(broken(
                "drift",
                format!("{name} of {} runs, and no file names it", written.name),
                vec![
                    Evidence {
                        line: None,
                        ..written.place(&["services"])
                    },
                    live.place(&["services", name]),
                ],
            ));
        }
    }
    findings
}

/// A service as it is written, and as it runs.
struct Compared<'a, 'b> {
    written: &'a Side<'b>,
    live: &'a Side<'b>,
    name: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Compared<'_, '_> {
    fn differs(&mut self, way: &[&str], what: &str) {
        let way = [&["services", self.name], way].concat();
        self.findings.push(broken(
            "drift",
            format!("{} of {} {what}", self.name, self.written.name),
            vec![self.written.place(&way), self.live.place(&way)],
        ));
    }

    fn image(&mut self, written: &Service, running: &Service, images: &BTreeMap<String, String>) {
        let built = format!("{}-{}", self.written.model.name, self.name);
        let name = written.image.as_ref().unwrap_or(&built);
        let runs = running.image.as_deref().unwrap_or_default();
        if runs != name {
            let what = format!("runs the image {runs}, and the files say {name}");
            self.differs(&["image"], &what);
        } else if let (Some(here), Some(running)) =
            (images.get(&docker::full_name(name)), &running.image_id)
            && here != running
        {
            let what = format!("runs another image than the one that {name} now is");
            self.differs(&["image"], &what);
        }
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
        let expected = self.written.model.container_name(self.name);
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
            self.differs(&way, &what);
        }
        let memory = |service: &Service| service.limit_memory_bytes().unwrap_or_default();
        if memory(written) != memory(running) {
            let (is, said) = (memory(running) >> 20, memory(written) >> 20);
            let what = format!("may take {is} MiB, and the files say {said} MiB (0 is no limit)");
            self.differs(&way, &what);
        }
    }

    fn ports(&mut self, written: &Service, running: &Service) {
        let (said, is) = (published(written), published(running));
        for port in is.difference(&said) {
            let what = format!("publishes {port}, and the files do not say so");
            self.differs(&["ports"], &what);
        }
        for port in said.difference(&is) {
            let what = format!("does not publish {port}, as the files say");
            self.differs(&["ports"], &what);
        }
    }

    fn networks(&mut self, written: &Service, running: &Service) {
        if written.network_mode.is_some() {
            return;
        }
        let names = |side: &Side<'_>, service: &Service| -> BTreeMap<String, BTreeSet<String>> {
            let networks = service.networks.iter();
            networks
                .map(|(key, attachment)| {
                    let aliases = attachment.iter().flat_map(|one| one.aliases.clone());
                    (side.model.network_name(key), aliases.collect())
                })
                .collect()
        };
        let (said, is) = (names(self.written, written), names(self.live, running));
        for network in is.keys().filter(|network| !said.contains_key(*network)) {
            let what = format!("is on the network {network}, and the files do not say so");
            self.differs(&["networks"], &what);
        }
        for (network, aliases) in &said {
            let what = match is.get(network) {
                Some(running) if running == aliases => continue,
                Some(_) => format!("has other aliases on {network} than the files say"),
                None => format!("is not on the network {network}, as the files say"),
            };
            self.differs(&["networks"], &what);
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
            self.differs(&["volumes"], &what);
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
