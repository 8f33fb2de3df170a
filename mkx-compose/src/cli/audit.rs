//! `mkx-compose audit`: whether the environments are isolated.

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::findings;
use mkx_contract::{Answer, Result};

use crate::audit;
use crate::rules::Rule;

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
    #[command(flatten)]
    shown: findings::Arguments,
}

impl Audit {
    /// Applies the rules; exit 1 where one of the errors is broken, 3 or 4 where something could not
    /// be looked at and nothing else is wrong.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        if let Some(explained) = self.shown.explained::<Rule>() {
            return explained;
        }
        let audit = audit::Audit::of(&common.site()?, self.live)?;
        self.shown
            .print::<Rule>(&audit, &audit.findings, &audit.unseen)?;
        if audit.errors == 0 {
            audit.check_whole()?;
        }
        Ok(Answer::from(audit.ok))
    }
}
