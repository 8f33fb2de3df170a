//! A policy and the text that it was read from, so that what is wrong has a place.

use std::ops::Deref;
use std::path::Path;

use mkx_contract::record::place::Document;
use mkx_contract::tool::input::Input;
use mkx_contract::{Record, Result};

use super::Policy;

/// A policy with its text.
#[derive(Debug, Clone)]
pub struct PolicyFile {
    /// The policy.
    pub policy: Policy,
    /// What errors call it: the path, or `stdin`.
    pub name: String,
    text: String,
}

impl Deref for PolicyFile {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.policy
    }
}

impl PolicyFile {
    /// Reads a policy document; `-` is stdin.
    ///
    /// # Errors
    /// Exit 3, with line and column.
    pub fn read(path: &Path) -> Result<PolicyFile> {
        let mut input = Input::open(path).map_err(|failure| {
            if failure.hint.is_some() {
                return failure;
            }
            failure.hint("make one: mkx-sample policy init --preset makapix")
        })?;
        let text = input.text()?;
        Self::parse(text, input.name)
    }

    /// Parses a policy document; `name` is what errors call it.
    ///
    /// # Errors
    /// Exit 3, with line and column.
    pub fn parse(text: impl Into<String>, name: impl Into<String>) -> Result<PolicyFile> {
        let (text, name) = (text.into(), name.into());
        let document = Document {
            text: &text,
            name: &name,
        };
        let policy = document.decode(document.parse(Policy::RECORD)?)?;
        Ok(PolicyFile { policy, name, text })
    }

    /// Line and column of a member, from 1.
    pub fn line_and_column(&self, pointer: &[String]) -> (usize, usize) {
        Document {
            text: &self.text,
            name: &self.name,
        }
        .line_and_column(pointer)
    }
}
