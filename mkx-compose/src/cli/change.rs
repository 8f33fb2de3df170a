//! `mkx-compose up|down|build|restart`: Docker Compose with the right files, env files and
//! project. Production's need `--confirm`.

use std::ffi::OsString;
use std::time::Instant;

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::compose::{Compose, Profiles};
use mkx_contract::tool::{confirm, output, step};
use mkx_contract::{Answer, EnvironmentName, Result, Site};
use serde_json::json;

use crate::audit;
use crate::change::{self, Change, Owners};
use crate::docker;
use crate::model::Model;

/// The arguments of a verb that changes an environment.
#[derive(Debug, Args)]
pub struct Target {
    /// The environment
    environment: EnvironmentName,
    /// Services; none: all
    services: Vec<String>,
    /// Production's domain, to change production
    #[arg(long, value_name = "DOMAIN")]
    confirm: Option<String>,
    /// Further flags for Docker Compose
    #[arg(last = true)]
    flags: Vec<OsString>,
}

/// What the verb is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Makes and starts containers.
    Up,
    /// Stops and removes containers and own networks.
    Down,
    /// Builds images.
    Build,
    /// Stops and starts containers.
    Restart,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Verb::Up => "up",
            Verb::Down => "down",
            Verb::Build => "build",
            Verb::Restart => "restart",
        }
    }

    fn doing(self) -> &'static str {
        match self {
            Verb::Up => "start",
            Verb::Down => "take down",
            Verb::Build => "build",
            Verb::Restart => "restart",
        }
    }
}

/// Worked examples of `up`.
pub const UP_EXAMPLES: &str = "\
Examples:
  mkx-compose up eb
  mkx-compose up eb api worker -- --build --wait
  mkx-compose up ea api --confirm makapix.club";

impl Target {
    /// Guards, journals and runs the verb.
    pub fn run(&self, verb: Verb, common: &Common) -> Result<Answer> {
        let site = common.site()?;
        let compose = Compose::find()?;
        self.guard(verb, &site, &compose)?;
        let record = self.change(verb, &site, &compose)?;
        output::stdout().document(&record)?;
        Ok(Answer::Yes)
    }

    fn guard(&self, verb: Verb, site: &Site, compose: &Compose) -> Result<()> {
        let environment = site.environment(self.environment);
        let doing = format!("{} {}", verb.doing(), environment.project);
        confirm::change(site, self.environment, self.confirm.as_deref(), &doing)?;
        let is_development = self.environment == EnvironmentName::Eb;
        if !is_development && verb != Verb::Up {
            return Ok(());
        }
        let touched = change::touched(compose, environment, &self.words())?;
        if is_development {
            change::check_shared(site, &touched.whole)?;
        }
        if is_development && matches!(verb, Verb::Up | Verb::Build) {
            audit::check_development_starts_apart(site, compose)?;
        }
        let engine = docker::engine()?;
        if is_development {
            let ea = &site.environments.ea;
            let production = compose.config(ea, Profiles::All).and_then(Model::parse);
            let owners = Owners {
                site,
                production: production.as_ref().ok(),
                engine: &engine,
            };
            owners.check(&touched.whole, verb != Verb::Down)?;
        }
        match verb {
            Verb::Up => change::check_nobody_writes(site, environment, &touched.started, &engine),
            _ => Ok(()),
        }
    }

    /// What may name a service: among the flags too.
    fn words(&self) -> Vec<&str> {
        let flags = self.flags.iter().filter_map(|flag| flag.to_str());
        let services = self.services.iter().map(String::as_str);
        services.chain(flags).collect()
    }

    fn change(&self, verb: Verb, site: &Site, compose: &Compose) -> Result<Change> {
        let environment = site.environment(self.environment);
        let mut arguments: Vec<OsString> = vec![verb.name().into()];
        if verb == Verb::Up {
            arguments.push("--detach".into());
        }
        arguments.extend_from_slice(&self.flags);
        arguments.extend(self.services.iter().map(OsString::from));
        let name = format!("mkx-compose {}", verb.name());
        let turn = step::lock(&site.state_directory, &name)?;
        let started = Instant::now();
        let detail = json!({ "project": environment.project, "services": self.services });
        turn.run_plain(self.environment, detail, || {
            compose.change(environment, &arguments)
        })?;
        Ok(Change {
            verb: verb.name().into(),
            environment: self.environment,
            project: environment.project.clone(),
            services: self.services.clone(),
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }
}
