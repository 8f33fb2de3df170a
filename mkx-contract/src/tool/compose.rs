//! Docker Compose: the only module that starts it.
//!
//! Resolution (interpolation, merging, extends, profiles) is Docker Compose's own. What the
//! shell has exported does not reach it, since it would win over the environment's env files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use duct::Expression;
use serde_json::Value;

use super::process::{cannot_start, last_words, run, scrubbed};
use super::{interrupt, voice};
use crate::record::secret::{HIDDEN, is_secret_name};
use crate::record::site::env_file;
use crate::{Environment, Failure, Result};

/// Docker Compose v2, as the host has it.
#[derive(Debug, Clone)]
pub struct Compose {
    command: Vec<String>,
    directory: Option<PathBuf>,
}

/// Which of an environment's services are resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profiles {
    /// Those that `up` starts.
    Chosen,
    /// Those too that wait for a profile.
    All,
}

impl Compose {
    /// Docker Compose v2 as Docker's plugin, else as a program of its own.
    ///
    /// # Errors
    /// Exit 4 where there is none, or only the first generation.
    pub fn find() -> Result<Compose> {
        let mut found = None;
        for command in [&["docker", "compose"][..], &["docker-compose"][..]] {
            let asked = scrubbed(command, &["version".into(), "--short".into()]);
            let version = match run(&asked, command[0]) {
                Ok(version) if version.status.success() => version,
                _ => continue,
            };
            let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
            let major = version.trim_start_matches('v').split('.').next();
            if major.and_then(|major| major.parse::<u32>().ok()) >= Some(2) {
                let command = command.iter().map(|&word| word.to_owned()).collect();
                return Ok(Compose {
                    command,
                    directory: None,
                });
            }
            found = Some(format!("{} {version}", command.join(" ")));
        }
        let cause = match found {
            Some(old) => format!("Docker Compose 2 is needed, and only {old} is here"),
            None => "Docker Compose 2 is needed, and there is none here".into(),
        };
        Err(
            Failure::peer(format!("cannot resolve the compose files: {cause}")).hint(
                "install the plugin docker-compose-plugin (Docker's packages) or docker-compose 2 (Debian 13); `docker compose version` must work",
            ),
        )
    }

    /// The same, with relative paths taken from `directory` wherever the files are.
    #[must_use]
    pub fn in_directory(&self, directory: &Path) -> Compose {
        Compose {
            command: self.command.clone(),
            directory: Some(directory.to_owned()),
        }
    }

    /// The environment's model, resolved by Docker Compose. No daemon is needed.
    ///
    /// # Errors
    /// Exit 3 with Docker Compose's own words where a file is not right.
    pub fn config(&self, environment: &Environment, profiles: Profiles) -> Result<Value> {
        self.config_with(environment, profiles, &[])
    }

    /// The environment's model as it would be with further env files, which win.
    ///
    /// # Errors
    /// As [`Compose::config`].
    pub fn config_with(
        &self,
        environment: &Environment,
        profiles: Profiles,
        env_files: &[PathBuf],
    ) -> Result<Value> {
        let mut arguments: Vec<OsString> = Vec::new();
        for file in env_files {
            arguments.extend(["--env-file".into(), file.into()]);
        }
        if profiles == Profiles::All {
            arguments.extend(["--profile".into(), "*".into()]);
        }
        arguments.extend(["config".into(), "--format".into(), "json".into()]);
        let arguments = self.arguments(environment, &arguments);
        self.read_config(&arguments, &environment.project)
    }

    /// The model of loose files, all profiles; without a project it is the one that they name
    /// themselves.
    ///
    /// # Errors
    /// Exit 3 with Docker Compose's own words where a file is not right.
    pub fn config_of_files(
        &self,
        project: Option<&str>,
        files: &[PathBuf],
        env_files: &[PathBuf],
    ) -> Result<Value> {
        let mut arguments = addressed(project, files, env_files);
        arguments.extend(["--profile".into(), "*".into()]);
        arguments.extend(["config".into(), "--format".into(), "json".into()]);
        self.read_config(&arguments, project.unwrap_or("the project"))
    }

    fn read_config(&self, arguments: &[OsString], project: &str) -> Result<Value> {
        let output = run(&self.program(arguments), &self.name())?;
        if !output.status.success() {
            let said = without_secrets(&last_words(&output.stderr), arguments);
            return Err(Failure::input(format!(
                "cannot resolve the compose files of {project}: {said}"
            ))
            .hint("the words after the colon are Docker Compose's own"));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| {
            Failure::peer(format!("cannot read what Docker Compose resolved: {error}"))
        })
    }

    /// Runs a verb of Docker Compose on the environment; what it prints goes to our stderr, with
    /// `--quiet` only its last words where it fails.
    ///
    /// # Errors
    /// Exit 4 where Docker Compose fails.
    pub fn change(&self, environment: &Environment, arguments: &[OsString]) -> Result<()> {
        let program = self.program(&self.arguments(environment, arguments));
        let output = if voice::is_quiet() {
            run(&program, &self.name())?
        } else {
            let shown = program.stdout_to_stderr().unchecked();
            shown
                .run()
                .map_err(|error| cannot_start(&self.name(), &error))?
        };
        if output.status.success() {
            return Ok(());
        }
        interrupt::check()?;
        let verb = arguments.first().map(|verb| verb.to_string_lossy());
        let said = match output.stderr.as_slice() {
            [] => "Docker Compose failed, its own words are above".to_owned(),
            said => last_words(said),
        };
        Err(Failure::peer(format!(
            "cannot {} {}: {said}",
            verb.unwrap_or_default(),
            environment.project
        )))
    }

    /// Runs a verb whose input and output are the user's (`logs`, `exec`); its exit code.
    pub fn pass(&self, environment: &Environment, arguments: &[OsString]) -> Result<Option<i32>> {
        let all = self.arguments(environment, arguments);
        let passed = self.program(&all).unchecked().run();
        let output = passed.map_err(|error| cannot_start(&self.name(), &error))?;
        Ok(output.status.code())
    }

    fn arguments(&self, environment: &Environment, verb: &[OsString]) -> Vec<OsString> {
        let files: Vec<PathBuf> = environment
            .compose_files
            .iter()
            .map(|file| environment.path(file))
            .collect();
        let mut all = addressed(
            Some(&environment.project),
            &files,
            &environment.env_file_paths(),
        );
        all.extend_from_slice(verb);
        all
    }

    fn program(&self, arguments: &[OsString]) -> Expression {
        let mut all: Vec<OsString> = Vec::new();
        if let Some(directory) = &self.directory {
            all.extend(["--project-directory".into(), directory.into()]);
        }
        all.extend_from_slice(arguments);
        scrubbed(&self.command, &all)
    }

    fn name(&self) -> String {
        self.command.join(" ")
    }
}

/// Docker Compose quotes the value that it stumbles over: a secret is not to be told.
fn without_secrets(said: &str, arguments: &[OsString]) -> String {
    let unread = "unterminated quoted value";
    let mut told = match said.find(unread) {
        Some(at) => said[..at + unread.len()].to_owned(),
        None => said.to_owned(),
    };
    let flags = arguments.windows(2).filter(|two| two[0] == "--env-file");
    for text in flags.filter_map(|two| std::fs::read_to_string(&two[1]).ok()) {
        for entry in env_file::entries(&text) {
            if entry.value.len() > 3 && is_secret_name(entry.name) {
                told = told.replace(&entry.value, HIDDEN);
            }
        }
    }
    told
}

fn addressed(project: Option<&str>, files: &[PathBuf], env_files: &[PathBuf]) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    if let Some(project) = project {
        arguments.extend(["--project-name".into(), project.into()]);
    }
    for (flag, paths) in [("--file", files), ("--env-file", env_files)] {
        for path in paths {
            arguments.extend([flag.into(), path.into()]);
        }
    }
    arguments
}
