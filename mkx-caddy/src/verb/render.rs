//! `mkx-caddy render`: the whole edge in one of three forms that mean the same.

use clap::{Args, ValueEnum};
use mkx_contract::record::site::Name;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::output;
use mkx_contract::{Answer, Result};

use crate::cli::Program;
use crate::edge::Edge;
use crate::labels;

/// `render`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-caddy render | caddy adapt --config /dev/stdin --adapter caddyfile
  mkx-caddy render --format json | jq .apps.http.servers
  mkx-caddy render --format labels --environment eb > docker-compose.edge.yml

The output holds the bcrypt hashes of the users file: keep it where the configuration is kept.")]
pub struct Render {
    /// The form
    #[arg(long, default_value = "caddyfile")]
    format: Format,
    /// Whose compose file the labels are for
    #[arg(long, value_name = "ENV", required_if_eq("format", "labels"))]
    environment: Option<Name>,
    #[command(flatten)]
    program: Program,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A Caddyfile
    Caddyfile,
    /// What Caddy itself makes of the Caddyfile
    Json,
    /// A compose file with labels for caddy-docker-proxy
    Labels,
}

impl Render {
    /// Prints the edge.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let site = common.site()?;
        let edge = Edge::of(&site, self.program.version())?;
        let mut out = output::stdout();
        match (self.format, self.environment) {
            (Format::Caddyfile, _) => out.text(&edge.caddyfile())?,
            (Format::Json, _) => out.json(&self.program.get().adapt(&edge.caddyfile())?)?,
            (Format::Labels, name) => {
                let name = name.unwrap_or(Name::Eb);
                out.text(&labels::compose_file(&site, &edge, name))?;
            }
        }
        out.flush()?;
        Ok(Answer::Yes)
    }
}
