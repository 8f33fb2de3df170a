//! What an environment's env files set, and where.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use mkx_contract::record::site::env_file;
use mkx_contract::{Environment, Failure, Result, Secret};

/// One variable, as the last file that sets it says.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its value; every value is held as a secret here.
    pub value: Secret,
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u64,
}

/// The variables of an environment.
#[derive(Debug, Clone, Default)]
pub struct Values {
    /// By name, in the order of the files.
    pub variables: IndexMap<String, Variable>,
    /// The files.
    pub files: Vec<PathBuf>,
}

impl Values {
    /// Reads the environment's env files.
    ///
    /// # Errors
    /// Exit 3 where one can not be read.
    pub fn read(environment: &Environment) -> Result<Values> {
        let mut values = Values::default();
        let directory = &environment.directory;
        if !directory.is_dir() {
            return Err(Failure::input(format!(
                "cannot look at {}: its checkout {} is not there",
                environment.project,
                directory.display()
            ))
            .hint("make it (git clone, or cp -a of the other), or correct `directory` in the site document"));
        }
        for file in environment.env_file_paths() {
            let text = std::fs::read_to_string(&file).map_err(|error| {
                Failure::input(format!("cannot read {}: {error}", file.display()))
                    .hint("mkx-compose env new eb makes development's from production's")
            })?;
            values.add(&file, &text);
        }
        Ok(values)
    }

    /// Adds a file's variables, which win over those that are there.
    pub fn add(&mut self, file: &Path, text: &str) {
        for entry in env_file::entries(text) {
            let variable = Variable {
                value: Secret::new(entry.value),
                file: file.to_owned(),
                line: entry.line,
            };
            self.variables.insert(entry.name.to_owned(), variable);
        }
        self.files.push(file.to_owned());
    }

    /// The value, where it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(|variable| variable.value.expose())
            .filter(|value| !value.is_empty())
    }
}
