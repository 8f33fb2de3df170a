//! Values that lead from one environment into the other: names of the other's, and cookies.

use mkx_contract::record::finding::{Finding, Rule as _};
use mkx_contract::record::site::Rule as Relation;

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
        let listed = |name: &str| {
            let variable = pair.site.variables.get(name);
            variable.is_some_and(|variable| variable.rule != Relation::Differ)
        };
        for (service, model) in &side.model.services {
            // The edge serves both.
            if *service == pair.site.shared.edge.service {
                continue;
            }
            let mut found = |way: &[&str], text: &str| {
                if let Some(name) = names::first_name_of(pair.site, other, text) {
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
            for mode in [&model.network_mode, &model.pid, &model.ipc] {
                let mode = mode.as_deref().unwrap_or_default();
                if let Some(container) = mode.strip_prefix("container:")
                    && names::first_name_of(pair.site, other, container).is_some()
                {
                    let place = side.place(&["services", service]);
                    findings.push(theirs(side, "joins", container).at(place));
                }
            }
        }
    }
    findings
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
