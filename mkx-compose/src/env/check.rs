//! Whether the env files of the two environments are what the site says they must be.

use mkx_contract::record::site::Rule;
use mkx_contract::{EnvironmentName, Record, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Values;
use crate::finding::{Evidence, Finding};
use crate::rules;

/// The answer of `env check`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnvCheck {
    /// What is not right.
    pub findings: Vec<Finding>,
    /// How many variables were looked at.
    pub variables: u64,
    /// True where no finding is an error.
    pub ok: bool,
}

impl Record for EnvCheck {
    const RECORD: &'static str = "mkx.compose.env_check/1";
}

/// What stands in a new env file where only a person can provide the value.
pub const PLACEHOLDER: &str = "CHANGE_ME";

/// Holds the site's variables against both env files.
pub fn check(site: &Site, ea: &Values, eb: &Values) -> Vec<Finding> {
    let mut findings = Vec::new();
    let both = [(EnvironmentName::Ea, ea), (EnvironmentName::Eb, eb)];
    for (name, variable) in &site.variables {
        for (environment, values) in both {
            let wanted = match environment {
                EnvironmentName::Ea => variable.ea.as_deref(),
                EnvironmentName::Eb => variable.eb.as_deref(),
            };
            let value = values.get(name);
            match (wanted, value) {
                (Some(""), Some(_)) => findings.push(rules::broken(
                    "variable-value",
                    format!("{name} is set in {environment} and must not be"),
                    vec![place(environment, values, name)],
                )),
                (Some(wanted), Some(value)) if wanted != value => findings.push(rules::broken(
                    "variable-value",
                    format!("{name} in {environment} is not {wanted:?}"),
                    vec![place(environment, values, name)],
                )),
                (wanted, None) if variable.required && wanted != Some("") => {
                    findings.push(rules::broken(
                        "variable-missing",
                        format!("{name} is not set in {environment}"),
                        vec![place(environment, values, name)],
                    ));
                }
                _ => {}
            }
        }
        let (Some(a), Some(b)) = (ea.get(name), eb.get(name)) else {
            continue;
        };
        let evidence = || {
            vec![
                place(EnvironmentName::Ea, ea, name),
                place(EnvironmentName::Eb, eb, name),
            ]
        };
        if variable.rule == Rule::Differ && a == b {
            findings.push(rules::broken(
                "variable-equal",
                format!("{name} is the same in both environments"),
                evidence(),
            ));
        }
        if variable.rule == Rule::Equal && a != b {
            findings.push(rules::broken(
                "variable-differs",
                format!("{name} differs, and must be the same in both environments"),
                evidence(),
            ));
        }
    }
    for (environment, values) in both {
        findings.extend(placeholders(environment, values));
        findings.extend(modes(environment, values));
    }
    findings
}

fn placeholders(environment: EnvironmentName, values: &Values) -> Vec<Finding> {
    let waiting = values
        .variables
        .iter()
        .filter(|(_, variable)| variable.value.expose().starts_with(PLACEHOLDER));
    waiting
        .map(|(name, _)| {
            rules::broken(
                "variable-placeholder",
                format!("{name} in {environment} still waits for its value"),
                vec![place(environment, values, name)],
            )
        })
        .collect()
}

fn modes(environment: EnvironmentName, values: &Values) -> Vec<Finding> {
    use std::os::unix::fs::PermissionsExt;
    let readable = |file: &&std::path::PathBuf| {
        std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
    };
    values
        .files
        .iter()
        .filter(readable)
        .map(|file| {
            rules::broken(
                "env-file-mode",
                format!("{} is readable by others", file.display()),
                vec![Evidence {
                    environment,
                    file: Some(file.clone()),
                    line: None,
                    container: None,
                    what: "mode".into(),
                }],
            )
        })
        .collect()
}

/// Where a variable is set; the last file where it is not.
pub fn place(environment: EnvironmentName, values: &Values, name: &str) -> Evidence {
    let variable = values.variables.get(name);
    Evidence {
        environment,
        file: variable
            .map(|variable| variable.file.clone())
            .or_else(|| values.files.last().cloned()),
        line: variable.map(|variable| variable.line),
        container: None,
        what: name.to_owned(),
    }
}
