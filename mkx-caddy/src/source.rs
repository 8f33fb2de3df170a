//! Where the configuration comes from that is looked at: the site, or what is there already.

use std::path::{Path, PathBuf};

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::{Failure, Result};
use serde_json::Value;

use crate::cli::Program;
use crate::edge::Edge;
use crate::labels::compose;
use crate::labels::proxy::{self, Container};

/// A configuration: `--json`, or `--caddyfile` and `--compose` together; neither: the site's own.
#[derive(Debug, Args)]
pub struct Source {
    /// A Caddyfile
    #[arg(long, value_name = "FILE")]
    caddyfile: Option<PathBuf>,
    /// Caddy's JSON
    #[arg(long, value_name = "FILE", conflicts_with_all = ["caddyfile", "compose", "live"])]
    json: Option<PathBuf>,
    /// A compose file with labels for caddy-docker-proxy; several are files of one project
    #[arg(long, value_name = "FILE")]
    compose: Vec<PathBuf>,
    /// What the site document names: the edge's Caddyfile and both environments' compose files
    #[arg(long, conflicts_with_all = ["caddyfile", "compose"])]
    live: bool,
    /// The program
    #[command(flatten)]
    pub program: Program,
}

/// A configuration as it was found.
pub struct Found {
    /// What Caddy makes of it; adaptation is Caddy's own.
    pub json: Result<Value>,
    /// The containers whose labels are in it.
    pub containers: Vec<Container>,
    /// What findings call it.
    pub name: String,
}

impl Source {
    /// Reads files and labels, and adapts them.
    ///
    /// # Errors
    /// Those of reading; that it can not be adapted is in what was found.
    pub fn find(&self, common: &Common) -> Result<Found> {
        let caddy = self.program.get();
        let alone = |json, name| Found {
            json,
            containers: Vec::new(),
            name,
        };
        let (base, containers) = if let Some(path) = &self.json {
            return Ok(alone(Ok(read_json(path)?), shown(path)));
        } else if self.live {
            let site = common.site()?;
            (site.shared.edge.caddyfile.clone(), compose::of_site(&site)?)
        } else if !self.compose.is_empty() {
            (self.caddyfile.clone(), compose::of_files(&self.compose)?)
        } else if self.caddyfile.is_some() {
            (self.caddyfile.clone(), Vec::new())
        } else {
            let edge = Edge::of(&common.site()?, self.program.version())?;
            return Ok(alone(caddy.adapt(&edge.caddyfile()), "the site".into()));
        };
        let base = base.as_deref();
        Ok(Found {
            name: base.map_or_else(|| "the labels".into(), shown),
            json: match base {
                Some(path) if containers.is_empty() => caddy.adapt_file(path),
                base => with_labels(base, &containers).and_then(|text| caddy.adapt(&text)),
            },
            containers,
        })
    }
}

/// A base file, and what the labels add.
fn with_labels(base: Option<&Path>, containers: &[Container]) -> Result<String> {
    let labels = proxy::caddyfile(containers)?;
    let base = match base {
        Some(path) => std::fs::read_to_string(path).map_err(cannot_read(path))?,
        None => String::new(),
    };
    Ok(format!("{base}\n{labels}"))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn read_json(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).map_err(cannot_read(path))?;
    serde_json::from_str(&text).map_err(cannot_read(path))
}

fn cannot_read<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> Failure {
    move |error| Failure::input(format!("cannot read {}: {error}", path.display()))
}
