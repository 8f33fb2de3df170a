//! Both environments' variables side by side, without a value.

use std::collections::BTreeSet;

use mkx_contract::record::site::Rule;
use mkx_contract::{Record, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Values;
use crate::secrecy;

/// The answer of `env diff`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnvDiff {
    /// A variable each, by name.
    pub variables: Vec<Compared>,
}

impl Record for EnvDiff {
    const RECORD: &'static str = "mkx.compose.env_diff/1";
}

/// One variable in both environments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Compared {
    /// Its name.
    pub name: String,
    /// How EA has it.
    pub ea: Presence,
    /// How EB has it.
    pub eb: Presence,
    /// True where both have the same value.
    pub same: bool,
    /// True where the value is secret.
    pub secret: bool,
    /// How the site says that they relate; null where it says nothing.
    pub rule: Option<Rule>,
}

/// How an environment has a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// With a value.
    Set,
    /// With an empty value.
    Empty,
    /// Not at all.
    Unset,
}

/// Compares.
pub fn diff(site: &Site, ea: &Values, eb: &Values) -> EnvDiff {
    let names: BTreeSet<&String> = ea
        .variables
        .keys()
        .chain(eb.variables.keys())
        .chain(site.variables.keys())
        .collect();
    let is_secret = |name: &String| {
        let values = [ea, eb].map(|values| values.get(name).unwrap_or_default());
        secrecy::is_secret_name(site, name)
            || values
                .iter()
                .any(|value| secrecy::is_secret(site, name, value))
    };
    let variables = names
        .into_iter()
        .map(|name| Compared {
            name: name.clone(),
            ea: presence(ea, name),
            eb: presence(eb, name),
            same: ea.get(name).is_some() && ea.get(name) == eb.get(name),
            secret: is_secret(name),
            rule: site.variables.get(name).map(|variable| variable.rule),
        })
        .collect();
    EnvDiff { variables }
}

fn presence(values: &Values, name: &str) -> Presence {
    match values.variables.get(name) {
        None => Presence::Unset,
        Some(variable) if variable.value.expose().is_empty() => Presence::Empty,
        Some(_) => Presence::Set,
    }
}
