//! `mkx-caddy apply`: makes the running edge that of the site.

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::{output, voice};
use mkx_contract::{Answer, Result};

use super::probe::Target;
use crate::running::apply::{self, Permissions};

/// `apply`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-caddy apply                              # what differs is development's alone
  mkx-caddy apply --confirm example.org        # production's part may change too
  mkx-caddy users add tester --generate && mkx-caddy apply

Exit 1: the edge did not work as the site promises, and the former configuration is back.
Exit 4: somebody else changed the configuration meanwhile; run it again.
Exit 5: production would change without --confirm, WebSockets of it would be closed, or it is so
busy that connections which have just been made would be.")]
pub struct Apply {
    #[command(flatten)]
    permissions: Permissions,
    #[command(flatten)]
    target: Target,
}

impl Apply {
    /// Applies and reports.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let site = common.site()?;
        let prober = self.target.prober(&site)?.after_a_change();
        let report = apply::apply(&site, &prober, &self.permissions)?;
        if report.undone {
            voice::warn(format!(
                "the edge was accepted but does not work ({} of {} requests): the former one is back",
                report.failed.len(),
                report.asked
            ));
        }
        output::stdout().document(&report)?;
        Ok(Answer::from(report.applied))
    }
}
