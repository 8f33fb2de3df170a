//! Docker and Docker Compose: the only module that starts either.
//!
//! Resolution (interpolation, merging, extends, profiles) is Docker Compose's own. What the
//! shell has exported does not reach it, since it would win over the environment's env files.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::PathBuf;

use duct::Expression;
use mkx_contract::{Environment, Failure, Result};
use serde_json::Value;

use crate::model::Model;

/// What Docker itself, its plugins and a terminal need from the shell.
const KEPT_VARIABLES: [&str; 16] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TERM",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "NO_COLOR",
    "SSH_AUTH_SOCK",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "BUILDKIT_PROGRESS",
];

/// Docker Compose v2, as the host has it.
#[derive(Debug, Clone)]
pub struct Compose {
    command: Vec<String>,
}

/// Which of an environment's text Docker Compose fills in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// `${NAME}` becomes its value.
    Variables,
    /// `${NAME}` stays as it is written.
    Nothing,
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
            let version = program(command, &["version".into(), "--short".into()])
                .stdout_capture()
                .stderr_null()
                .unchecked()
                .run();
            let Ok(version) = version else { continue };
            if !version.status.success() {
                continue;
            }
            let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
            let major = version.trim_start_matches('v').split('.').next();
            if major.and_then(|major| major.parse::<u32>().ok()) >= Some(2) {
                let command = command.iter().map(|&word| word.to_owned()).collect();
                return Ok(Compose { command });
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

    /// The environment's model, resolved by Docker Compose. No daemon is needed.
    ///
    /// # Errors
    /// Exit 3 with Docker Compose's own words where a file is not right.
    pub fn config(
        &self,
        environment: &Environment,
        fill: Fill,
        profiles: Profiles,
    ) -> Result<Value> {
        let mut arguments: Vec<OsString> = Vec::new();
        if profiles == Profiles::All {
            arguments.extend(["--profile".into(), "*".into()]);
        }
        arguments.extend(["config".into(), "--format".into(), "json".into()]);
        if fill == Fill::Nothing {
            arguments.push("--no-interpolate".into());
        }
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
        let output = self
            .program(arguments)
            .stdout_capture()
            .stderr_capture()
            .unchecked()
            .run()
            .map_err(|error| self.cannot_start(&error))?;
        if !output.status.success() {
            return Err(Failure::input(format!(
                "cannot resolve the compose files of {project}: {}",
                last_words(&output.stderr)
            ))
            .hint("the words after the colon are Docker Compose's own"));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| {
            Failure::peer(format!("cannot read what Docker Compose resolved: {error}"))
        })
    }

    /// The environment's model with everything filled in, typed: what `up` starts.
    pub fn model(&self, environment: &Environment) -> Result<Model> {
        Model::parse(self.config(environment, Fill::Variables, Profiles::Chosen)?)
    }

    /// Runs a verb of Docker Compose on the environment; what it prints goes to our stderr.
    ///
    /// # Errors
    /// Exit 4 where Docker Compose fails; its own words are on stderr already.
    pub fn change(&self, environment: &Environment, arguments: &[OsString]) -> Result<()> {
        let all = self.arguments(environment, arguments);
        let output = self
            .program(&all)
            .stdout_to_stderr()
            .unchecked()
            .run()
            .map_err(|error| self.cannot_start(&error))?;
        if output.status.success() {
            return Ok(());
        }
        mkx_contract::tool::interrupt::check()?;
        let verb = arguments.first().map(|verb| verb.to_string_lossy());
        Err(Failure::peer(format!(
            "cannot {} {}: Docker Compose failed",
            verb.unwrap_or_default(),
            environment.project
        ))
        .hint("its own words are above"))
    }

    /// Runs a verb whose input and output are the user's (`logs`, `exec`); its exit code.
    pub fn pass(&self, environment: &Environment, arguments: &[OsString]) -> Result<Option<i32>> {
        let all = self.arguments(environment, arguments);
        let output = self
            .program(&all)
            .unchecked()
            .run()
            .map_err(|error| self.cannot_start(&error))?;
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
        let command: Vec<&str> = self.command.iter().map(String::as_str).collect();
        program(&command, arguments)
    }

    fn cannot_start(&self, error: &std::io::Error) -> Failure {
        Failure::peer(format!("cannot start {}: {error}", self.command.join(" ")))
    }
}

/// The containers of a project, running or not, as `docker inspect` shows them.
///
/// # Errors
/// Exit 4 where the engine can not be reached.
pub fn containers(project: &str) -> Result<Vec<Value>> {
    let filter = format!("label=com.docker.compose.project={project}");
    let names = read(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter])?;
    let ids: Vec<&str> = names.split_whitespace().collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = read(&[&["inspect", "--type", "container"][..], &ids].concat())?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::peer(format!("cannot read what Docker inspected: {error}")))
}

/// The images that are here: full name and digest.
///
/// # Errors
/// Exit 4 where the engine can not be reached.
pub fn images() -> Result<BTreeMap<String, String>> {
    let format = "{{.Repository}}:{{.Tag}} {{.ID}}";
    let text = read(&["image", "ls", "--no-trunc", "--format", format])?;
    let images = text.lines().filter_map(|line| line.split_once(' '));
    Ok(images
        .map(|(name, id)| (full_name(name), id.to_owned()))
        .collect())
}

/// An image's name as the engine lists it: without Docker's own registry, with a tag.
pub fn full_name(name: &str) -> String {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains([':', '@']) {
        name.to_owned()
    } else {
        format!("{name}:latest")
    }
}

/// What the running containers of a project use now, a JSON object each.
pub fn usage(project: &str) -> Result<Vec<Value>> {
    let filter = format!("label=com.docker.compose.project={project}");
    let names = read(&["ps", "--quiet", "--no-trunc", "--filter", &filter])?;
    let ids: Vec<&str> = names.split_whitespace().collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let flags = [
        "stats",
        "--no-stream",
        "--no-trunc",
        "--format",
        "{{json .}}",
    ];
    let text = read(&[&flags[..], &ids].concat())?;
    text.lines()
        .map(|line| {
            serde_json::from_str(line).map_err(|error| {
                Failure::peer(format!("cannot read what Docker measured: {error}"))
            })
        })
        .collect()
}

fn read(arguments: &[&str]) -> Result<String> {
    let words: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    let output = program(&["docker"], &words)
        .stdout_capture()
        .stderr_capture()
        .unchecked()
        .run()
        .map_err(|error| Failure::peer(format!("cannot start docker: {error}")))?;
    if !output.status.success() {
        return Err(Failure::peer(format!(
            "cannot ask Docker for {}: {}",
            arguments[0],
            last_words(&output.stderr)
        )));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Failure::peer("cannot read what Docker answered: it is not UTF-8"))
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

fn program(command: &[&str], arguments: &[OsString]) -> Expression {
    let mut words: Vec<OsString> = command[1..].iter().map(OsString::from).collect();
    words.extend_from_slice(arguments);
    duct::cmd(command[0], words).full_env(kept_environment())
}

fn kept_environment() -> HashMap<OsString, OsString> {
    std::env::vars_os()
        .filter(|(name, _)| {
            let name = name.to_string_lossy();
            KEPT_VARIABLES.contains(&name.as_ref()) || name.starts_with("DOCKER_")
        })
        .collect()
}

/// What a program said at its end, on one line. Docker Compose quotes no values of variables.
fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.contains("level=warning"))
        .collect();
    match lines.as_slice() {
        [] => "it gave no reason".into(),
        lines => lines[lines.len().saturating_sub(3)..].join("; "),
    }
}
