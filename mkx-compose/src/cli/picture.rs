//! `mkx-compose limits|graph`: what an environment may take, and what is shared.

use clap::{Args, ValueEnum};
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::compose::Compose;
use mkx_contract::tool::output;
use mkx_contract::{Answer, EnvironmentName, Result};

use crate::{docker, graph, limits};

/// `limits`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-compose limits                        # exit 1 where EB has no limits or is over its share
  mkx-compose limits --format yaml          # a part of a compose file, to paste
  mkx-compose limits ea | jq .services")]
pub struct Limits {
    /// The environment
    #[arg(default_value = "eb")]
    environment: EnvironmentName,
    /// What to print
    #[arg(long, default_value = "json")]
    format: LimitsFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LimitsFormat {
    Json,
    Yaml,
}

impl Limits {
    /// Prints the proposal beside what is set.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let site = common.site()?;
        let environment = site.environment(self.environment);
        let model = docker::model(&Compose::find()?, environment)?;
        let limits = limits::compare(self.environment, &site.host(), &environment.share, &model);
        match self.format {
            LimitsFormat::Json => output::stdout().document(&limits)?,
            LimitsFormat::Yaml => {
                let mut stdout = output::stdout();
                stdout.text(&limits::yaml(&limits))?;
                stdout.flush()?;
                return Ok(Answer::Yes);
            }
        }
        Ok(Answer::from(
            limits.within || self.environment == EnvironmentName::Ea,
        ))
    }
}

/// `graph`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-compose graph --format mermaid >> docs/environments.md
  mkx-compose graph --format dot | dot -Tsvg > environments.svg
  mkx-compose graph | jq '.nodes[] | select(.environment == null)'   # what is shared")]
pub struct Graph {
    /// What to print
    #[arg(long, default_value = "json")]
    format: GraphFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GraphFormat {
    Json,
    Mermaid,
    Dot,
}

impl Graph {
    /// Draws both environments and what they share.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let site = common.site()?;
        let compose = Compose::find()?;
        let ea = docker::model(&compose, &site.environments.ea)?;
        let eb = docker::model(&compose, &site.environments.eb)?;
        let graph = graph::draw(&site, &ea, &eb);
        let mut stdout = output::stdout();
        match self.format {
            GraphFormat::Json => stdout.document(&graph)?,
            GraphFormat::Mermaid => stdout.text(&graph::mermaid(&graph))?,
            GraphFormat::Dot => stdout.text(&graph::dot(&graph))?,
        }
        stdout.flush()?;
        Ok(Answer::Yes)
    }
}
