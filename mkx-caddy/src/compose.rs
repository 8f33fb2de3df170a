//! The labels of compose files, resolved by Docker Compose itself.

use std::path::PathBuf;

use duct::cmd;
use mkx_contract::record::site::Environment;
use mkx_contract::{Failure, Result};
use serde_json::Value;

use crate::docker_proxy::Container;

/// A compose project: what `docker compose` is told on its command line.
pub struct Project {
    /// `--project-name`.
    pub name: String,
    /// `--file`, in order.
    pub files: Vec<PathBuf>,
    /// `--env-file`, in order.
    pub env_files: Vec<PathBuf>,
}

impl Project {
    /// The project of an environment of the site.
    pub fn of(environment: &Environment) -> Project {
        Project {
            name: environment.project.clone(),
            files: environment.compose_files.clone(),
            env_files: environment.env_file_paths(),
        }
    }

    /// Its services' labels.
    ///
    /// # Errors
    /// Exit 3 where Compose does not accept the files; exit 4 where there is no Compose.
    pub fn containers(&self) -> Result<Vec<Container>> {
        let resolved = self.resolve()?;
        let Some(services) = resolved["services"].as_object() else {
            return Ok(Vec::new());
        };
        Ok(services
            .iter()
            .map(|(service, definition)| {
                let name = definition["container_name"]
                    .as_str()
                    .map_or_else(|| format!("{}-{service}", self.name), str::to_owned);
                let labels = definition["labels"].as_object();
                let labels = labels.into_iter().flatten().map(|(label, value)| {
                    // Compose doubles `$` again in what it prints, so that it can be read again.
                    let value = value.as_str().unwrap_or_default().replace("$$", "$");
                    (label.clone(), value)
                });
                Container {
                    name,
                    labels: labels.collect(),
                }
            })
            .collect())
    }

    fn resolve(&self) -> Result<Value> {
        let mut words: Vec<std::ffi::OsString> = vec![
            "compose".into(),
            "--project-name".into(),
            self.name.clone().into(),
        ];
        for (option, files) in [("--env-file", &self.env_files), ("--file", &self.files)] {
            for file in files {
                words.extend([option.into(), file.into()]);
            }
        }
        words.extend(["config", "--format", "json"].map(Into::into));
        let output = cmd("docker", words)
            .stdin_null()
            .stdout_capture()
            .stderr_capture()
            .unchecked()
            .run()
            .map_err(|error| Failure::peer(format!("cannot run docker compose: {error}")))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let cause = said.lines().last().unwrap_or("it did not say why");
            return Err(Failure::input(format!(
                "cannot resolve the compose files of {}: {cause}",
                self.name
            )));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| {
            Failure::peer(format!("cannot read what docker compose wrote: {error}"))
        })
    }
}
