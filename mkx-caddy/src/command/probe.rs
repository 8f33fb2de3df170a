//! `mkx-caddy probe`: whether the running edge keeps what the site promises.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::{output, voice};
use mkx_contract::{Answer, Failure, Result};

use crate::probe::Prober;

/// `probe`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-caddy probe | jq 'select(.ok == false)'
  mkx-caddy probe --address dns | jq --slurp '.[-1]'     # as the world sees it
  mkx-caddy probe --authority root.crt --address 10.0.0.7

Rows are mkx.caddy.probe/1; the last record counts them. Exit 1: a row is not as expected.")]
pub struct Probe {
    /// Where it is asked
    #[command(flatten)]
    pub target: Target,
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
        let site = common.site()?;
        let prober = self.target.prober(&site)?;
        let mut out = output::stdout();
        let summary = prober.run(|probe| {
            if !probe.ok {
                let request = &probe.request;
                voice::warn(format!(
                    "{} {}://{}{}: {}",
                    request.method,
                    request.scheme,
                    request.host,
                    request.path,
                    probe.wrong.join("; ")
                ));
            }
            out.line(probe)
        })?;
        out.line(&summary)?;
        out.flush()?;
        Ok(Answer::from(summary.ok))
    }
}
