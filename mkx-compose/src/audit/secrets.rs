//! Secrets of production's that development's containers hold.

use std::collections::BTreeMap;

use mkx_contract::EnvironmentName;
use mkx_contract::record::finding::{Finding, Rule as _};
use mkx_contract::record::site::Rule as Relation;

use super::{Pair, side::environments};
use crate::rules::Rule;
use crate::secrecy;

/// A shorter secret would be found by chance.
const SHORTEST_SECRET: usize = 8;

/// A secret of EA's that a container of EB is given, under whatever name.
pub fn rules(pair: &Pair<'_>) -> Vec<Finding> {
    let is_secret = |name: &str, value: &str| secrecy::is_secret(pair.site, name, value);
    let is_common = |name: &str| {
        let variable = pair.site.variables.get(name);
        variable.is_some_and(|variable| variable.rule != Relation::Differ)
    };
    let mut secrets: BTreeMap<&str, (&str, Option<&str>)> = BTreeMap::new();
    for (name, variable) in &pair.ea.values.variables {
        let value = variable.value.expose();
        if is_secret(name, value) && !is_common(name) {
            secrets.insert(value, (name, None));
        }
    }
    for (service, name, value) in environments(&pair.ea) {
        if is_secret(name, value) && !is_common(name) {
            secrets.entry(value).or_insert((name, Some(service)));
        }
    }
    let mut findings = Vec::new();
    for (service, name, value) in environments(&pair.eb) {
        let found = parts(value).find_map(|part| Some((part, secrets.get(part)?)));
        let Some((part, (theirs, holder))) = found else {
            continue;
        };
        let by_chance = secrecy::is_common_word(part) && !is_secret(name, value);
        if is_common(name) || by_chance {
            continue;
        }
        let other = match holder {
            Some(service) => pair.ea.place(&["services", service, "environment", theirs]),
            None => crate::env::check::place(EnvironmentName::Ea, &pair.ea.values, theirs),
        };
        findings.push(
            Rule::SecretValue
                .finding(*theirs, format!("eb is given production's {theirs}"))
                .at(other)
                .at(pair.eb.place(&["services", service, "environment", name])),
        );
    }
    findings
}

/// A value, and what it is made of where it is a URL or a list; too short ones left out.
fn parts(value: &str) -> impl Iterator<Item = &str> {
    std::iter::once(value)
        .chain(value.split([':', '@', '/', '?', '&', '=', ',', ';', ' ']))
        .filter(|part| part.len() >= SHORTEST_SECRET)
}
