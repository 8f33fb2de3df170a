//! One thing that is not right with a policy.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::PolicyFile;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing is sampled with such a policy.
    Error,
    /// Worth a look.
    Warning,
}

/// What is wrong, where, and what to add.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The rule's name: `unclassified_column`.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The names and indexes that lead to the place in the document.
    pub pointer: Vec<String>,
    /// What is wrong there.
    pub message: String,
    /// Lines to add there, ready to paste, as a guess.
    pub add: Option<String>,
}

impl Problem {
    pub(super) fn error(rule: &'static str, pointer: &[&str], message: &str) -> Problem {
        Problem {
            rule,
            severity: Severity::Error,
            pointer: pointer.iter().map(|name| (*name).to_owned()).collect(),
            message: message.to_owned(),
            add: None,
        }
    }

    /// `policy.json:61:7: tables.users.columns: MESSAGE; add LINE`.
    pub fn text(&self, file: &PolicyFile) -> String {
        let (line, column) = file.line_and_column(&self.pointer);
        let add = match &self.add {
            Some(add) if add.contains('\n') => format!("; add\n{add}"),
            Some(add) => format!("; add {add}"),
            None => String::new(),
        };
        format!(
            "{}:{line}:{column}: {}: {}{add}",
            file.name,
            self.pointer.join("."),
            self.message
        )
    }
}
