//! `mkx-caddy check`: whether a configuration that is there keeps what the site promises.

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::output;
use mkx_contract::{Answer, Kind, Result};

use super::source::Source;
use crate::check::{self, Report};
use crate::route::Configuration;

/// `check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-caddy check --live | jq -r '.findings[].message'
  mkx-caddy check --caddyfile deploy/stack/caddy/Caddyfile.global
  curl --silent http://127.0.0.1:2019/config/ > now.json && mkx-caddy check --json now.json

Exit 1: there are findings.")]
pub struct Check {
    #[command(flatten)]
    source: Source,
}

impl Check {
    /// Looks and reports.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let site = common.site()?;
        let found = self.source.find(common)?;
        let mut report = Report {
            configuration: found.name.clone(),
            asked: 0,
            findings: check::labels(&found.containers),
            left_out: Vec::new(),
            ok: true,
        };
        match self.source.adapt(&found) {
            Ok(json) => {
                let configuration =
                    Configuration::new(json, self.source.program.version()).mounted(&site);
                check::configuration(&site, &configuration, &mut report)?;
            }
            Err(failure) if failure.kind == Kind::Input => {
                report.findings.push(check::refused(&failure));
            }
            Err(failure) => return Err(failure),
        }
        report.ok = report.findings.is_empty();
        output::stdout().document(&report)?;
        Ok(Answer::from(report.ok))
    }
}
