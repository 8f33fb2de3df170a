//! Running programs: what they inherit, and what they said when they failed.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::process::Output;

use duct::Expression;

use crate::{Failure, Result};

/// What programs, their plugins and a terminal need from the shell.
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

/// A program with its arguments, which are seen by every user of the host: no secret among them.
/// What the shell has exported does not reach it, but for what every program needs and what
/// Docker reads (`DOCKER_HOST`, …): Docker Compose would fill it into the files.
pub fn scrubbed<A: AsRef<OsStr>>(command: &[A], arguments: &[OsString]) -> Expression {
    full(command, arguments).full_env(kept_environment())
}

/// A program with all that the shell has exported.
pub fn full<A: AsRef<OsStr>>(command: &[A], arguments: &[OsString]) -> Expression {
    let mut words: Vec<OsString> = command[1..].iter().map(Into::into).collect();
    words.extend_from_slice(arguments);
    duct::cmd(command[0].as_ref(), words)
}

/// Runs a program to its end and keeps what it prints; `name` is what errors call it.
///
/// # Errors
/// Exit 4 where it can not be started; how it ended is for the caller to judge.
pub fn run(program: &Expression, name: &str) -> Result<Output> {
    let captured = program.stdout_capture().stderr_capture().unchecked();
    captured.run().map_err(|error| cannot_start(name, &error))
}

/// A program that can not be started.
pub fn cannot_start(name: &str, error: &std::io::Error) -> Failure {
    let failure = Failure::peer(format!("cannot start {name}: {error}"));
    match error.kind() {
        std::io::ErrorKind::NotFound => failure.hint("install it, or put its folder into PATH"),
        _ => failure,
    }
}

/// What a program said at its end, on one line.
pub fn last_words(stderr: &[u8]) -> String {
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

fn kept_environment() -> HashMap<OsString, OsString> {
    std::env::vars_os()
        .filter(|(name, _)| {
            let name = name.to_string_lossy();
            KEPT_VARIABLES.contains(&name.as_ref()) || name.starts_with("DOCKER_")
        })
        .collect()
}
