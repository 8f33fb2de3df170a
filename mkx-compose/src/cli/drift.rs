//! `mkx-compose drift`: whether what runs is what the files say.

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::compose::Compose;
use mkx_contract::tool::findings;
use mkx_contract::{Answer, EnvironmentName, Result};

use crate::audit::drift;
use crate::rules::Rule;

/// `drift`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-compose drift | jq --raw-output '.findings[].message'
  mkx-compose drift ea --quiet >/dev/null || echo 'production was changed by hand'

Images, environments, commands, limits, ports, networks, mounts and labels are compared, and that
every service runs and no other does. `audit --live` holds what runs against the rules too.")]
pub struct Drift {
    /// The environment; none: both
    environment: Option<EnvironmentName>,
    #[command(flatten)]
    shown: findings::Arguments,
}

impl Drift {
    /// Compares; exit 1 where anything differs.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        if let Some(explained) = self.shown.explained::<Rule>() {
            return explained;
        }
        let site = common.site()?;
        let both = [EnvironmentName::Ea, EnvironmentName::Eb];
        let environments = match &self.environment {
            Some(one) => std::slice::from_ref(one),
            None => &both[..],
        };
        let drift = drift::compare(&site, &Compose::find()?, environments)?;
        self.shown
            .print::<Rule>(&drift, &drift.findings, &drift.unseen)?;
        Ok(Answer::from(drift.ok))
    }
}
