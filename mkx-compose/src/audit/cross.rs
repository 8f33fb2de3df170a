//! Values that lead from one environment into the other: names of the other's, and cookies.

use std::collections::BTreeSet;

use mkx_contract::EnvironmentName;
use mkx_contract::record::finding::{Finding, Rule as _};
use mkx_contract::record::site::Rule as Relation;

use super::ambiguous::refers;
use super::{Pair, Side, side::environments};
use crate::names;
use crate::rules::Rule;

/// All of them.
pub fn rules(pair: &Pair<'_>) -> Vec<Finding> {
    let mut findings = names_of_the_other(pair);
    findings.extend(cookies(pair));
    findings
}

/// Values, build arguments, commands and bind mounts that name what is the other environment's.
fn names_of_the_other(pair: &Pair<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for side in [&pair.ea, &pair.eb] {
        let other = side.name.other();
        let theirs_alone = names_of_one(pair, other);
        let listed = |name: &str| {
            let variable = pair.site.variables.get(name);
            variable.is_some_and(|variable| variable.rule != Relation::Differ)
        };
        for (service, model) in &side.model.services {
            // The edge serves both.
            if side.model.service_of(service) == pair.site.shared.edge.service {
                continue;
            }
            let mut found = |way: &[&str], text: &str| {
                let named = names::first_name_of(pair.site, other, text).or_else(|| {
                    let variable = way.last().copied().unwrap_or_default();
                    theirs_alone.named_in(variable, text)
                });
                if let Some(name) = named {
                    findings.push(theirs(side, "is given", &name).at(side.place(way)));
                }
            };
            for (name, value) in &model.environment {
                if !listed(name) {
                    let way = ["services", service, "environment", name];
                    found(&way, value.as_deref().unwrap_or_default());
                }
            }
            let arguments = model.build.iter().flat_map(|build| &build.args);
            for (name, value) in arguments {
                let way = ["services", service, "build", "args", name];
                found(&way, value.as_deref().unwrap_or_default());
            }
            for word in model.command.iter().flatten() {
                found(&["services", service, "command"], word);
            }
            for (name, value) in &model.labels {
                found(&["services", service, "labels", name], value);
            }
            for mount in &model.volumes {
                let source = mount.source.as_deref().unwrap_or_default();
                if mount.kind == "bind" && names::first_name_of(pair.site, other, source).is_some()
                {
                    let way = ["services", service, "volumes"];
                    let place = side.place_of_item(&way, &mount.target);
                    findings.push(theirs(side, "mounts", source).at(place));
                }
            }
            let modes = [&model.network_mode, &model.pid, &model.ipc];
            let joined = modes.into_iter().flatten().chain(&model.volumes_from);
            for mode in joined {
                if let Some(container) = mode.strip_prefix("container:")
                    && theirs_alone
                        .containers
                        .contains(container.trim_end_matches(":ro"))
                {
                    let place = side.place(&["services", service]);
                    findings.push(theirs(side, "joins", container).at(place));
                }
            }
        }
    }
    findings
}

/// What the engine calls by a name that one environment alone has.
struct Resources {
    containers: BTreeSet<String>,
    others: BTreeSet<String>,
    project: String,
}

/// Containers, volumes and networks that `environment` has and the other one has not.
fn names_of_one(pair: &Pair<'_>, environment: EnvironmentName) -> Resources {
    let (own, other) = match environment {
        EnvironmentName::Ea => (&pair.ea, &pair.eb),
        EnvironmentName::Eb => (&pair.eb, &pair.ea),
    };
    let containers = |side: &Side<'_>| -> BTreeSet<String> {
        let services = side.model.services.keys();
        services.map(|one| side.model.container_name(one)).collect()
    };
    let others = |side: &Side<'_>| -> BTreeSet<String> {
        let model = &side.model;
        let volumes = model.volumes.keys().map(|key| model.volume_name(key));
        let networks = model.networks.keys().map(|key| model.network_name(key));
        volumes.chain(networks).collect()
    };
    // What a service of one's own answers to is one's own.
    let mut known = containers(other);
    for (name, service) in &other.model.services {
        known.insert(name.clone());
        let attachments = service.networks.values().flatten();
        known.extend(attachments.flat_map(|one| one.aliases.iter().cloned()));
    }
    let edge = pair.ea.model.container_name(&pair.site.shared.edge.service);
    let mut containers = &containers(own) - &known;
    containers.remove(&edge);
    let mut others = &others(own) - &others(other);
    others.retain(|name| {
        *name != pair.site.shared.network && !pair.site.shared.volumes.contains(name)
    });
    Resources {
        containers,
        others,
        project: own.environment.project.clone(),
    }
}

impl Resources {
    /// The first of them that a variable's or a command's text names. A plain word is a container
    /// only where a host stands; a name that carries the project is one everywhere.
    fn named_in(&self, variable: &str, text: &str) -> Option<String> {
        let carries = |name: &str| {
            let rest = name.strip_prefix(self.project.as_str());
            rest.is_some_and(|rest| rest.starts_with(['-', '_']))
        };
        let whole = self.containers.iter().chain(&self.others);
        let mut whole = whole.filter(|name| carries(name) && names::has_resource(text, name));
        let mut hosts = self
            .containers
            .iter()
            .filter(|name| refers(variable, text, name));
        whole.next().or_else(|| hosts.next()).cloned()
    }
}

fn theirs(side: &Side<'_>, doing: &str, name: &str) -> Finding {
    let (own, other) = (side.name, side.name.other());
    Rule::PointsAtOther.finding(name, format!("{own} {doing} {name}, which is {other}'s"))
}

/// A cookie of EB's that a browser would send to EA.
fn cookies(pair: &Pair<'_>) -> Vec<Finding> {
    let ea = &pair.site.environments.ea.domain;
    environments(&pair.eb)
        .filter(|(_, name, _)| {
            let name = name.to_ascii_uppercase();
            name.contains("COOKIE_DOMAIN") || name.contains("SESSION_DOMAIN")
        })
        .filter(|(_, _, value)| {
            let domain = value.trim_start_matches('.');
            !domain.is_empty() && (ea == domain || ea.ends_with(&format!(".{domain}")))
        })
        .map(|(service, name, _)| {
            Rule::CookieDomain
                .finding(name, format!("{name} of eb covers {ea} too"))
                .at(pair.eb.place(&["services", service, "environment", name]))
        })
        .collect()
}
