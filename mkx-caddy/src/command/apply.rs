//! `mkx-caddy apply`: makes the running edge that of the site.

use std::time::Duration;

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::{output, voice};
use mkx_contract::{Answer, Result};

use super::probe::Target;
use crate::apply::{self, Permissions};

/// Certificates that are new take their time.
const PATIENCE: Duration = Duration::from_secs(15);

/// `apply`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-caddy apply                              # what differs is development's alone
  mkx-caddy apply --confirm makapix.club       # production's part may change too
  mkx-caddy users add tester --generate && mkx-caddy apply

Exit 1: the edge did not work as the site promises, and the former configuration is back.
Exit 4: somebody else changed the configuration meanwhile; run it again.
Exit 5: production would change without --confirm, WebSockets of it would be closed, or it is so
busy that connections which have just been made would be.")]
pub struct Apply {
    /// Production's domain: its part of the edge may change
    #[arg(long, value_name = "DOMAIN")]
    confirm: Option<String>,
    /// Close open WebSockets of production where the running Caddy can not keep them
    #[arg(long)]
    close_streams: bool,
    /// Change a busy edge though the running Caddy closes connections that have just been made
    #[arg(long)]
    close_connections: bool,
    #[command(flatten)]
    target: Target,
}

impl Apply {
    /// Applies and reports.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let site = common.site()?;
        let prober = self
            .target
            .prober(&site)?
            .patient(PATIENCE)
            .giving_up_after(2);
        let permissions = Permissions {
            confirm: self.confirm.as_deref(),
            close_streams: self.close_streams,
            close_connections: self.close_connections,
        };
        let report = apply::apply(&site, &prober, &permissions)?;
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
