//! Secrets of production's that development's containers hold, compared by keyed digest.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use mkx_contract::EnvironmentName;
use mkx_contract::record::site::Rule;
use sha2::Sha256;

use super::{Pair, side::environments};
use crate::finding::Finding;
use crate::render;
use crate::rules::broken;

/// A shorter secret would be found by chance.
const SHORTEST_SECRET: usize = 8;

/// A secret of EA's that a container of EB is given, under whatever name.
pub fn rules(pair: &Pair<'_>) -> Vec<Finding> {
    let is_secret = render::secrecy(pair.site);
    let is_common = |name: &str| {
        let variable = pair.site.variables.get(name);
        variable.is_some_and(|variable| variable.rule != Rule::Differ)
    };
    let digest = Digest::new();
    let mut secrets: BTreeMap<[u8; 32], (&str, Option<&str>)> = BTreeMap::new();
    for (name, variable) in &pair.ea.values.variables {
        if is_secret(name) && !is_common(name) {
            secrets.insert(digest.of(variable.value.expose()), (name, None));
        }
    }
    for (service, name, value) in environments(&pair.ea) {
        if is_secret(name) && !is_common(name) {
            secrets
                .entry(digest.of(value))
                .or_insert((name, Some(service)));
        }
    }
    let mut findings = Vec::new();
    for (service, name, value) in environments(&pair.eb) {
        let found = parts(value).find_map(|part| secrets.get(&digest.of(part)));
        let Some((theirs, holder)) = found else {
            continue;
        };
        if is_common(name) {
            continue;
        }
        let other = match holder {
            Some(service) => pair.ea.place(&["services", service, "environment", theirs]),
            None => crate::env::check::place(EnvironmentName::Ea, &pair.ea.values, theirs),
        };
        findings.push(broken(
            "secret-value",
            format!("{service} of eb is given production's {theirs} as {name}"),
            vec![
                other,
                pair.eb.place(&["services", service, "environment", name]),
            ],
        ));
    }
    findings
}

/// A value, and what it is made of where it is a URL or a list; too short ones left out.
fn parts(value: &str) -> impl Iterator<Item = &str> {
    std::iter::once(value)
        .chain(value.split([':', '@', '/', '?', '&', '=', ',', ';', ' ']))
        .filter(|part| part.len() >= SHORTEST_SECRET)
}

/// Secrets are compared by digests under a key that nobody keeps.
struct Digest(Hmac<Sha256>);

impl Digest {
    fn new() -> Digest {
        let mut key = [0; 32];
        // Without random bytes the digests are still equal where the secrets are.
        let _ = getrandom::fill(&mut key);
        Digest(Hmac::new_from_slice(&key).expect("HMAC takes a key of any length"))
    }

    fn of(&self, value: &str) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(value.as_bytes());
        mac.finalize().into_bytes().into()
    }
}
