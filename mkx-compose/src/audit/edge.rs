//! EB's edge, where its containers' labels configure it: closed, not indexed, quoted right.

use mkx_contract::record::finding::{Finding, Rule as _};
use mkx_contract::record::site::Access;

use super::{Pair, Side};
use crate::rules::Rule;

/// All of them.
pub fn rules(pair: &Pair<'_>) -> Vec<Finding> {
    let mut findings = closed(pair);
    findings.extend(hosts_of_both(pair));
    for side in [&pair.ea, &pair.eb] {
        findings.extend(quoting(side));
    }
    findings
}

fn closed(pair: &Pair<'_>) -> Vec<Finding> {
    let side = &pair.eb;
    let domain = &side.environment.domain;
    let mut findings = Vec::new();
    for (name, service) in &side.model.services {
        let site = service
            .labels
            .iter()
            .find(|(key, value)| is_site(key) && hosts(value).any(|host| host == *domain));
        let Some((key, _)) = site else { continue };
        let of_site = |word: &str| {
            service
                .labels
                .iter()
                .filter(|(label, _)| label.starts_with(key.as_str()))
                .any(|(label, value)| plain(label).contains(word) || plain(value).contains(word))
        };
        let place = || side.place(&["services", name, "labels", key]);
        let wants_password = matches!(side.environment.access, Access::BasicAuth { .. });
        if wants_password && !of_site("basicauth") {
            let message = format!("{domain} asks nobody for a password");
            findings.push(Rule::EdgeAuth.finding(domain, message).at(place()));
        }
        let hidden = service.labels.iter().any(|(label, value)| {
            let (label, value) = (plain(label), value.to_ascii_lowercase());
            (label.contains("xrobotstag") || plain(&value).contains("xrobotstag"))
                && value.contains("noindex")
        });
        if !hidden {
            let message = format!("{domain} does not say noindex");
            findings.push(Rule::EdgeNoindex.finding(domain, message).at(place()));
        }
    }
    findings
}

/// A host that the edge would serve from either environment.
fn hosts_of_both(pair: &Pair<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (service, label, host) in served(&pair.eb) {
        for (other, other_label, other_host) in served(&pair.ea) {
            if host == other_host {
                let message = format!("both environments tell the edge that they serve {host}");
                findings.push(
                    Rule::EdgeHost
                        .finding(host, message)
                        .at(pair.ea.place(&["services", other, "labels", other_label]))
                        .at(pair.eb.place(&["services", service, "labels", label])),
                );
            }
        }
    }
    findings
}

/// Service, label and host of every site that a side's labels make, for Caddy and Traefik.
fn served<'a>(side: &'a Side<'_>) -> Vec<(&'a str, &'a str, &'a str)> {
    let mut found = Vec::new();
    for (service, model) in &side.model.services {
        for (label, value) in &model.labels {
            if is_site(label) {
                let named = hosts(value).filter(|host| !host.is_empty() && !host.starts_with('('));
                found.extend(named.map(|host| (service.as_str(), label.as_str(), host)));
            }
            if label.starts_with("traefik.") && label.ends_with(".rule") {
                let quoted = value.split('`').skip(1).step_by(2);
                found.extend(
                    quoted
                        .filter(|text| !text.is_empty() && !text.starts_with('/'))
                        .map(|host| (service.as_str(), label.as_str(), host)),
                );
            }
        }
    }
    found
}

fn is_site(label: &str) -> bool {
    label
        .strip_prefix("caddy")
        .is_some_and(|rest| rest.is_empty() || rest.strip_prefix('_').is_some_and(is_number))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}

fn hosts(value: &str) -> impl Iterator<Item = &str> {
    value.split([',', ' ']).map(|host| {
        host.trim_start_matches("https://")
            .trim_start_matches("http://")
    })
}

fn plain(text: &str) -> String {
    text.to_ascii_lowercase().replace(['-', '_'], "")
}

/// The proxy splits a label's value at spaces: a header's value needs quotes of its own.
fn quoting(side: &Side<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, service) in &side.model.services {
        for (label, value) in &service.labels {
            let names_header = label.split('.').collect::<Vec<_>>().windows(2).any(|pair| {
                pair[0].trim_start_matches(|c: char| c.is_ascii_digit() || c == '_') == "header"
            });
            let quoted = (value.starts_with('"') && value.ends_with('"') && value.len() > 1)
                || (value.starts_with('`') && value.ends_with('`') && value.len() > 1);
            if label.starts_with("caddy") && names_header && value.contains([' ', ';']) && !quoted {
                let message = format!("{label} has spaces and no quotes");
                findings.push(
                    Rule::LabelQuoting
                        .finding(label, message)
                        .at(side.place(&["services", name, "labels", label])),
                );
            }
        }
    }
    findings
}
