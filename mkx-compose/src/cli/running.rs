//! `mkx-compose ps|stats`: what runs, and what it uses.

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::output;
use mkx_contract::{Answer, EnvironmentName, Result};

use crate::containers::{Container, Containers, EnvironmentStats, Stats, Usage};
use crate::{docker, limits};

/// `ps`.
#[derive(Debug, Args)]
pub struct Ps {
    /// The environment
    environment: EnvironmentName,
}

impl Ps {
    /// Prints the environment's containers.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let site = common.site()?;
        let project = &site.environment(self.environment).project;
        let mut containers: Vec<Container> = docker::containers(project)?
            .iter()
            .map(|one| Container::of(&one.0))
            .collect();
        containers.sort_by(|a, b| a.name.cmp(&b.name));
        output::stdout().document(&Containers {
            environment: self.environment,
            project: project.clone(),
            containers,
        })?;
        Ok(Answer::Yes)
    }
}

/// Prints what both environments use, beside their shares.
pub fn stats(common: &Common) -> Result<Answer> {
    let site = common.site()?;
    let mut environments = Vec::new();
    for name in [EnvironmentName::Ea, EnvironmentName::Eb] {
        let environment = site.environment(name);
        let mut containers: Vec<Usage> = docker::usage(&environment.project)?
            .iter()
            .filter_map(Usage::of)
            .collect();
        containers.sort_by(|a, b| a.name.cmp(&b.name));
        let (share_cpus, share_memory_bytes) = limits::share_of(&site.host(), &environment.share);
        environments.push(EnvironmentStats {
            environment: name,
            share_cpus,
            share_memory_bytes,
            cpus: containers.iter().map(|one| one.cpus).sum(),
            memory_bytes: containers.iter().map(|one| one.memory_bytes).sum(),
            containers,
        });
    }
    output::stdout().document(&Stats { environments })?;
    Ok(Answer::Yes)
}
