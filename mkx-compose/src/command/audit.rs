//! `mkx-compose audit`: whether the environments are isolated.

use clap::{Args, ValueEnum};
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::compose::Compose;
use mkx_contract::tool::output;
use mkx_contract::{Answer, Failure, Result};

use crate::audit::{self, live, sarif};
use crate::rules;

/// `audit`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-compose audit | jq '.findings[] | select(.severity==\"error\")'
  mkx-compose audit --live >/dev/null && echo isolated
  mkx-compose audit --format sarif > audit.sarif
  mkx-compose audit --explain ambiguous-name")]
pub struct Audit {
    /// Look at the running containers too
    #[arg(long)]
    live: bool,
    /// What to print
    #[arg(long, default_value = "json")]
    format: Format,
    /// Say what a rule is about, and do nothing else
    #[arg(long, value_name = "RULE")]
    explain: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Sarif,
}

impl Audit {
    /// Applies the rules; exit 1 where one of the errors is broken.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        if let Some(id) = &self.explain {
            return explain(id);
        }
        let site = common.site()?;
        let (mut findings, pair) = audit::on_files(&site, &Compose::find()?)?;
        if self.live
            && let Some(pair) = &pair
        {
            findings.extend(live::rules(pair)?);
        }
        let audit = audit::Audit::of(findings, self.live);
        match self.format {
            Format::Json => output::stdout().document(&audit)?,
            Format::Sarif => output::stdout().json(&sarif::log(&audit))?,
        }
        Ok(Answer::from(audit.ok))
    }
}

fn explain(id: &str) -> Result<Answer> {
    let rule = rules::find(id).ok_or_else(|| {
        let ids: Vec<&str> = rules::RULES.iter().map(|rule| rule.id).collect();
        Failure::usage(format!("cannot explain {id:?}: there is no such rule"))
            .hint(format!("the rules are {}", ids.join(", ")))
    })?;
    output::stdout().document(&rule.explanation())?;
    Ok(Answer::Yes)
}
