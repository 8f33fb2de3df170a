//! What an audit finds: a rule that is broken, where, why it matters, and what to do.

use std::path::PathBuf;

use mkx_contract::EnvironmentName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The environments are not isolated, or will not be.
    Error,
    /// It should be looked at.
    Warning,
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule's id; `mkx-compose audit --explain ID` says more.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// What was found; no secret.
    pub message: String,
    /// Where, in both environments where both have a part in it.
    pub evidence: Vec<Evidence>,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub fix: String,
}

/// A place that shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Whose place it is.
    pub environment: EnvironmentName,
    /// The file; null where it is a running container.
    pub file: Option<PathBuf>,
    /// The line, from 1; null where the file as a whole is meant.
    pub line: Option<u64>,
    /// The running container; null where it is a file.
    pub container: Option<String>,
    /// What is there: `services.db.ports`.
    pub what: String,
}
