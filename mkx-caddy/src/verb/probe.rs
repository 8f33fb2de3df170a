//! `mkx-caddy probe`: whether the running edge keeps what the site promises.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::{findings, output};
use mkx_contract::{Answer, Failure, Result};

use crate::matrix::probe::Prober;
use crate::rule::Rule;

/// `probe`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-caddy probe | jq 'select(.ok == false)'
  mkx-caddy probe --address dns | jq --slurp '.[-1]'     # as the world sees it
  mkx-caddy probe --authority root.crt --address 10.0.0.7

Rows are mkx.caddy.probe/2; the last record counts them, and says what the wrong ones come from.
On a terminal, and as SARIF, there are only the findings. Exit 1: a row is not as expected.")]
pub struct Probe {
    /// Where it is asked
    #[command(flatten)]
    pub target: Target,
    #[command(flatten)]
    findings: findings::Arguments,
}

/// Where the edge is, and whom to trust.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// The edge's address; `dns`: whatever each name resolves to
    #[arg(long, default_value = "127.0.0.1", value_name = "IP")]
    address: String,
    /// Certificates of a further authority to trust, PEM
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
}

impl Target {
    /// Something that asks there.
    pub fn prober<'a>(&self, site: &'a mkx_contract::Site) -> Result<Prober<'a>> {
        let address: Option<IpAddr> = match self.address.as_str() {
            "dns" => None,
            text => Some(text.parse().map_err(|_| {
                Failure::usage(format!(
                    "cannot use --address {text}: it is neither an IP address nor dns"
                ))
            })?),
        };
        Prober::new(site, address, self.authority.as_deref())
    }
}

impl Probe {
    /// Asks and reports every row.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        if let Some(explained) = self.findings.explained::<Rule>() {
            return explained;
        }
        let site = common.site()?;
        let prober = self.target.prober(&site)?;
        let mut out = output::stdout();
        let streams = self.findings.is_stream();
        let summary = prober.run(|probe| if streams { out.line(probe) } else { Ok(()) })?;
        if streams {
            out.line(&summary)?;
            out.flush()?;
            findings::tell(&summary.findings, &summary.left_out);
        } else {
            self.findings
                .print::<Rule>(&summary, &summary.findings, &summary.left_out)?;
        }
        Ok(Answer::from(summary.ok))
    }
}
