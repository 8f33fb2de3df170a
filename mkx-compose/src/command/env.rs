//! `mkx-compose env check|diff|new`: the env files of both environments. No value is shown.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::{output, voice};
use mkx_contract::{Answer, EnvironmentName, Failure, Result};

use crate::env::check::{self, EnvCheck};
use crate::env::{Values, diff, fresh};
use crate::finding::Severity;
use crate::replace::{self, Files};

/// `env`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-compose env check | jq '.findings[].message'
  mkx-compose env diff | jq -r '.variables[] | select(.same) | .name'
  mkx-compose env new eb")]
pub struct Env {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Hold both env files against the site's variables; exit 1 where one is not right
    Check,
    /// List both environments' variables, without their values
    Diff,
    /// Make development's env file from production's
    New {
        /// The environment: eb
        environment: EnvironmentName,
        /// Where to write [default: the last of the environment's env_files]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Replace a file that is there, and keep it beside the new one
        #[arg(long)]
        force: bool,
    },
}

impl Env {
    /// Runs the verb.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let site = common.site()?;
        let ea = Values::read(&site.environments.ea)?;
        match &self.verb {
            Verb::Check => {
                let eb = Values::read(&site.environments.eb)?;
                let findings = check::check(&site, &ea, &eb);
                let ok = findings.iter().all(|one| one.severity != Severity::Error);
                let variables = (ea.variables.len() + eb.variables.len()) as u64;
                output::stdout().document(&EnvCheck {
                    findings,
                    variables,
                    ok,
                })?;
                Ok(Answer::from(ok))
            }
            Verb::Diff => {
                let eb = Values::read(&site.environments.eb)?;
                output::stdout().document(&diff::diff(&site, &ea, &eb))?;
                Ok(Answer::Yes)
            }
            Verb::New {
                environment: EnvironmentName::Ea,
                ..
            } => Err(Failure::usage(
                "cannot make an env file for ea: production's is where it comes from",
            )
            .hint("mkx-compose env new eb")),
            Verb::New { output, force, .. } => {
                let eb = &site.environments.eb;
                let path = output
                    .clone()
                    .or_else(|| eb.env_file_paths().last().cloned())
                    .ok_or_else(|| {
                        Failure::usage("cannot make an env file: eb has no env_files")
                            .hint("name one with --output, and in site.json")
                    })?;
                let texts = ea
                    .files
                    .iter()
                    .map(|file| {
                        std::fs::read_to_string(file).map_err(|error| {
                            Failure::input(format!("cannot read {}: {error}", file.display()))
                        })
                    })
                    .collect::<Result<Vec<_>>>()?;
                let (text, outcome) = fresh::env_file(&site, &texts)?;
                let file = replace::write(&path, &text, 0o600, *force)?;
                voice::say(format!("wrote {}", path.display()));
                for name in &outcome.fresh {
                    voice::say(format!("{name} has a secret of its own now"));
                }
                for name in &outcome.ask {
                    voice::say(format!("{name} waits for you: see the file"));
                }
                output::stdout().document(&Files { files: vec![file] })?;
                Ok(Answer::Yes)
            }
        }
    }
}
