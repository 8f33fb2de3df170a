//! Whether the env files of the two environments are what the site says they must be.

use indexmap::IndexMap;
use mkx_contract::record::finding::{Evidence, Finding, Findings, Rule as _};
use mkx_contract::record::site::{Rule as Relation, Variable};
use mkx_contract::{EnvironmentName, Record, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Values;
use crate::rules::Rule;

/// The answer of `env check`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnvCheck {
    /// What is not right.
    pub findings: Findings,
    /// How many variables were looked at.
    pub variables: u64,
    /// True without an error that the site does not live with.
    pub ok: bool,
}

impl Record for EnvCheck {
    const RECORD: &'static str = "mkx.compose.env_check/2";
}

/// The rules that are applied here.
const RULES: [Rule; 6] = [
    Rule::VariableMissing,
    Rule::VariableEqual,
    Rule::VariableDiffers,
    Rule::VariableValue,
    Rule::VariablePlaceholder,
    Rule::EnvFileMode,
];

impl EnvCheck {
    /// Holds the site's variables against both env files.
    pub fn of(site: &Site, ea: &Values, eb: &Values) -> EnvCheck {
        let findings = Findings::gather(check(site, ea, eb), &site.accepted, &RULES);
        EnvCheck {
            variables: (ea.variables.len() + eb.variables.len()) as u64,
            ok: findings.ok(),
            findings,
        }
    }
}

/// What stands in a new env file where only a person can provide the value.
pub const PLACEHOLDER: &str = "CHANGE_ME";

/// What is not right with the variables and the files.
pub fn check(site: &Site, ea: &Values, eb: &Values) -> Vec<Finding> {
    let both = [(EnvironmentName::Ea, ea), (EnvironmentName::Eb, eb)];
    let mut findings = Vec::new();
    for (name, variable) in &site.variables {
        findings.extend(of_each(name, variable, both));
        findings.extend(between(name, variable, both));
    }
    findings.extend(placeholders(both));
    for (environment, values) in both {
        findings.extend(modes(environment, values));
    }
    findings
}

type Both<'a> = [(EnvironmentName, &'a Values); 2];

/// What one variable is in each environment, beside what it should be.
fn of_each(name: &str, variable: &Variable, both: Both<'_>) -> Vec<Finding> {
    let (mut other, mut missing) = (Vec::new(), Vec::new());
    for (environment, values) in both {
        let wanted = match environment {
            EnvironmentName::Ea => variable.ea.as_deref(),
            EnvironmentName::Eb => variable.eb.as_deref(),
        };
        let place = place(environment, values, name);
        match (wanted, values.get(name)) {
            (Some(""), Some(_)) => {
                other.push((
                    format!("{name} is set in {environment} and must not be"),
                    place,
                ));
            }
            (Some(wanted), Some(value)) if wanted != value => {
                other.push((format!("{name} in {environment} is not {wanted:?}"), place));
            }
            (wanted, None) if variable.required && wanted != Some("") => {
                missing.push((format!("{name} is not set in {environment}"), place));
            }
            _ => {}
        }
    }
    let other = told(Rule::VariableValue, name, other);
    other
        .into_iter()
        .chain(told(Rule::VariableMissing, name, missing))
        .collect()
}

/// The finding of a variable that is not right in one environment, or in each in its own way.
fn told(rule: Rule, name: &str, found: Vec<(String, Evidence)>) -> Option<Finding> {
    let (messages, places): (Vec<String>, Vec<Evidence>) = found.into_iter().unzip();
    (!places.is_empty()).then(|| rule.finding(name, messages.join("; ")).at_all(places))
}

/// How a variable's two values should relate.
fn between(name: &str, variable: &Variable, both: Both<'_>) -> Option<Finding> {
    let [a, b] = both.map(|(_, values)| values.get(name));
    let (a, b) = (a?, b?);
    let (rule, message) = match variable.rule {
        Relation::Differ if a == b => (Rule::VariableEqual, "is the same in both environments"),
        Relation::Equal if a != b => (
            Rule::VariableDiffers,
            "differs, and must be the same in both environments",
        ),
        _ => return None,
    };
    let places = both.map(|(environment, values)| place(environment, values, name));
    Some(
        rule.finding(name, format!("{name} {message}"))
            .at_all(places),
    )
}

fn placeholders(both: Both<'_>) -> Vec<Finding> {
    let mut waiting: IndexMap<&str, Vec<(String, Evidence)>> = IndexMap::new();
    for (environment, values) in both {
        for (name, variable) in &values.variables {
            if variable.value.expose().starts_with(PLACEHOLDER) {
                let message = format!("{name} in {environment} still waits for its value");
                let place = place(environment, values, name);
                waiting.entry(name).or_default().push((message, place));
            }
        }
    }
    waiting
        .into_iter()
        .filter_map(|(name, found)| told(Rule::VariablePlaceholder, name, found))
        .collect()
}

fn modes(environment: EnvironmentName, values: &Values) -> Vec<Finding> {
    use std::os::unix::fs::PermissionsExt;
    let readable = |file: &&std::path::PathBuf| {
        std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
    };
    let files = values.files.iter().filter(readable);
    files
        .map(|file| {
            let name = file.display().to_string();
            let message = format!("{name} is readable by others");
            Rule::EnvFileMode
                .finding(name, message)
                .at(Evidence::file(environment, file, None).what("mode"))
        })
        .collect()
}

/// Where a variable is set; the last file where it is not.
pub fn place(environment: EnvironmentName, values: &Values, name: &str) -> Evidence {
    let variable = values.variables.get(name);
    Evidence {
        environment: Some(environment),
        file: variable
            .map(|variable| variable.file.clone())
            .or_else(|| values.files.last().cloned()),
        line: variable.map(|variable| variable.line),
        what: name.to_owned(),
        ..Evidence::default()
    }
}
