//! `mkx-compose env check|diff|new`: the env files of both environments. No value is shown.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::replace::PRIVATE;
use mkx_contract::tool::{findings, output, step, voice};
use mkx_contract::{Answer, EnvironmentName, Failure, Result, Site};
use serde_json::json;

use crate::audit::given;
use crate::env::check::EnvCheck;
use crate::env::{Values, diff, fresh};
use crate::replace::{self, Files};
use crate::rules::Rule;

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
    Check(findings::Arguments),
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
        match &self.verb {
            Verb::Check(shown) => check(shown, common),
            Verb::Diff => {
                let site = common.site()?;
                let (ea, eb) = both(&site)?;
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
            Verb::New { output, force, .. } => new(&common.site()?, output.as_ref(), *force),
        }
    }
}

fn both(site: &Site) -> Result<(Values, Values)> {
    let (ea, eb) = (&site.environments.ea, &site.environments.eb);
    Ok((Values::read(ea)?, Values::read(eb)?))
}

fn check(shown: &findings::Arguments, common: &Common) -> Result<Answer> {
    if let Some(explained) = shown.explained::<Rule>() {
        return explained;
    }
    let site = common.site()?;
    let (ea, eb) = both(&site)?;
    let check = EnvCheck::of(&site, &ea, &eb);
    shown.print::<Rule>(&check, &check.findings, &[])?;
    Ok(Answer::from(check.ok))
}

/// The template of development's env file, of its own checkout or of production's; empty where
/// there is none.
fn template(site: &Site) -> String {
    let own = site.environments.eb.env_file_paths().pop();
    let Some(own) = own else {
        return String::new();
    };
    let name = own.file_name().unwrap_or_default().to_string_lossy();
    let beside = own.with_file_name(format!("{name}.example"));
    let eas = site.environments.ea.env_file_paths().pop();
    let eas = eas.map(|path| path.with_file_name(format!("{name}.example")));
    let texts = std::iter::once(beside).chain(eas);
    let mut texts = texts.filter_map(|path| std::fs::read_to_string(path).ok());
    texts.next().unwrap_or_default()
}

fn new(site: &Site, output: Option<&PathBuf>, force: bool) -> Result<Answer> {
    let eb = &site.environments.eb;
    let path = output
        .cloned()
        .or_else(|| eb.env_file_paths().last().cloned())
        .ok_or_else(|| {
            Failure::usage("cannot make an env file: eb has no env_files")
                .hint("name one with --output, and in site.json")
        })?;
    // What production's services are given by files of their own, development's are given by this one.
    let mut texts = given::files_of_services(&site.environments.ea)?;
    texts.extend(site.environments.ea.env_file_paths());
    let texts = texts.iter().map(|file| {
        std::fs::read_to_string(file)
            .map_err(|error| Failure::input(format!("cannot read {}: {error}", file.display())))
    });
    let template = template(site);
    let texts = texts.collect::<Result<Vec<_>>>()?;
    let (text, outcome) = fresh::env_file(site, &texts, &template)?;
    let turn = step::noted(&site.state_directory, "mkx-compose env new")?;
    let file = turn.run_plain(EnvironmentName::Eb, json!({ "file": path }), || {
        replace::write(&path, &text, PRIVATE, force)
    })?;
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
