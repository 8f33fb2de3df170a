//! `mkx-compose logs|exec`: what the containers print is the user's, as it stands.

use std::ffi::OsString;
use std::io::IsTerminal;

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::compose::Compose;
use mkx_contract::tool::step::End;
use mkx_contract::tool::{confirm, step, voice};
use mkx_contract::{Answer, EnvironmentName, Result};
use serde_json::json;

/// `logs`.
#[derive(Debug, Args)]
pub struct Logs {
    /// The environment
    environment: EnvironmentName,
    /// Services; none: all
    services: Vec<String>,
    /// Go on as the containers do
    #[arg(long, short)]
    follow: bool,
    /// The last lines of each container only
    #[arg(long, value_name = "LINES")]
    tail: Option<u64>,
}

impl Logs {
    /// Hands the containers' lines through.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let site = common.site()?;
        let mut arguments: Vec<OsString> = vec!["logs".into()];
        if self.follow {
            arguments.push("--follow".into());
        }
        if let Some(lines) = self.tail {
            arguments.extend(["--tail".into(), lines.to_string().into()]);
        }
        arguments.extend(self.services.iter().map(OsString::from));
        let code = Compose::find()?.pass(site.environment(self.environment), &arguments)?;
        Ok(Answer::from(code == Some(0)))
    }
}

/// `exec`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-compose exec eb api alembic current
  mkx-compose exec eb db psql --username owner makapix < query.sql
  mkx-compose exec --confirm makapix.club ea api python -m app.backfill")]
pub struct Exec {
    /// Production's domain, to run something in production
    #[arg(long, value_name = "DOMAIN")]
    confirm: Option<String>,
    /// The environment
    environment: EnvironmentName,
    /// The service
    service: String,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

impl Exec {
    /// Runs the command in the service's container; exit 1 where the command fails.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let site = common.site()?;
        let environment = site.environment(self.environment);
        let compose = Compose::find()?;
        let doing = format!("run a command in {}", environment.project);
        confirm::change(&site, self.environment, self.confirm.as_deref(), &doing)?;
        let mut arguments: Vec<OsString> = vec!["exec".into()];
        if !std::io::stdin().is_terminal() {
            arguments.push("--no-TTY".into());
        }
        arguments.push(self.service.clone().into());
        arguments.extend_from_slice(&self.command);
        // An open shell must not stop a refresh; nor may the arguments be noted, which may hold a
        // secret.
        let turn = step::unlocked(&site.state_directory, "mkx-compose exec")?;
        let detail = json!({ "service": self.service });
        let code = turn.run(self.environment, detail, || {
            let code = compose.pass(environment, &arguments)?;
            Ok((code, End::Done(json!({ "exit_code": code }))))
        })?;
        if code != Some(0) {
            voice::say(match code {
                Some(code) => format!("the command ended with exit code {code}"),
                None => "the command was ended by a signal".into(),
            });
        }
        Ok(Answer::from(code == Some(0)))
    }
}
