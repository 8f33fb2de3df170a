//! The caddy program: nothing else runs it. Adaptation is Caddy's own.

use std::ffi::OsString;
use std::path::Path;

use duct::Expression;
use mkx_contract::tool::process;
use mkx_contract::{Failure, Result};
use serde_json::Value;

use crate::edge::Version;

/// The program, by the name or command that the user gave.
pub struct Caddy {
    command: Vec<String>,
}

impl Caddy {
    /// `command` is a program, or words in front of it: `docker exec -i CONTAINER caddy`.
    pub fn new(command: &str) -> Caddy {
        Caddy {
            command: command.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// What configurations for it are written for; nothing where it does not run or does not
    /// tell.
    pub fn version(&self) -> Option<Version> {
        let said = self
            .expression(&["version"])
            .ok()?
            .stderr_null()
            .read()
            .ok()?;
        let mut numbers = said
            .trim()
            .trim_start_matches('v')
            .split('.')
            .map(str::parse::<u32>);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some(if (major, minor) >= (2, 8) {
            Version::V2_8
        } else {
            Version::V2_6
        })
    }

    /// Adapts a Caddyfile's text to JSON.
    pub fn adapt(&self, caddyfile: &str) -> Result<Value> {
        self.run_adapt("/dev/stdin", caddyfile, "the configuration")
    }

    /// Adapts a Caddyfile where it lies, so that its imports are found.
    pub fn adapt_file(&self, path: &Path) -> Result<Value> {
        let name = path.display().to_string();
        self.run_adapt(&name, "", &name)
    }

    fn run_adapt(&self, config: &str, stdin: &str, what: &str) -> Result<Value> {
        let arguments = ["adapt", "--config", config, "--adapter", "caddyfile"];
        let program = self.expression(&arguments)?.stdin_bytes(stdin);
        let output = process::run(&program, &self.command.join(" ")).map_err(|failure| {
            failure.hint("scripts/setup installs caddy; --caddy names another")
        })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let cause = said
                .lines()
                .rev()
                .find(|line| !line.trim().is_empty() && !line.starts_with('{'))
                .unwrap_or("caddy did not say why")
                .trim_start_matches("Error: ");
            return Err(Failure::input(format!("cannot adapt {what}: {cause}")));
        }
        serde_json::from_slice(&output.stdout)
            .map_err(|error| Failure::peer(format!("cannot read what caddy adapted: {error}")))
    }

    /// What the shell has exported reaches it: a Caddyfile may use it.
    fn expression(&self, arguments: &[&str]) -> Result<Expression> {
        if self.command.is_empty() {
            return Err(Failure::usage("cannot run caddy: --caddy is empty"));
        }
        let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
        Ok(process::full(&self.command, &arguments))
    }
}
