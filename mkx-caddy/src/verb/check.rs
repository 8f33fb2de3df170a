//! `mkx-caddy check`: whether a configuration that is there keeps what the site promises.

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::findings;
use mkx_contract::{Answer, Kind, Result};

use crate::matrix::check;
use crate::route::Configuration;
use crate::rule::Rule;
use crate::source::Source;

/// `check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-caddy check --live | jq -r '.findings[].message'
  mkx-caddy check --caddyfile deploy/stack/caddy/Caddyfile.global
  curl --silent http://127.0.0.1:2019/config/ > now.json && mkx-caddy check --json now.json
  mkx-caddy check --explain header

Exit 1: there are findings that the site does not live with.")]
pub struct Check {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    findings: findings::Arguments,
}

impl Check {
    /// Looks and reports.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        if let Some(explained) = self.findings.explained::<Rule>() {
            return explained;
        }
        let site = common.site()?;
        let found = self.source.find(common)?;
        let mut check = check::Check::default();
        check.labels(&found.containers);
        match found.json {
            Ok(json) => {
                let version = self.source.program.version();
                let configuration = Configuration::new(json, version).mounted(&site);
                check.configuration(&site, &configuration)?;
            }
            Err(failure) if failure.kind == Kind::Input => {
                check.refused(&found.name, &failure.message);
            }
            Err(failure) => return Err(failure),
        }
        let report = check.report(&site, found.name);
        self.findings
            .print::<Rule>(&report, &report.findings, &report.left_out)?;
        Ok(Answer::from(report.ok))
    }
}
