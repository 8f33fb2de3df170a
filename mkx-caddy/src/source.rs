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
    form: Form,
    /// The containers whose labels are in it.
    pub containers: Vec<Container>,
    /// What findings call it.
    pub name: String,
}

enum Form {
    Json(Value),
    Text(String),
    File(PathBuf),
    /// A base file, and what the labels add.
    Labels(Option<PathBuf>),
}

impl Source {
    /// Reads files and labels; nothing is adapted yet.
    pub fn find(&self, common: &Common) -> Result<Found> {
        let (caddyfile, containers) = if let Some(path) = &self.json {
            return Ok(Found {
                form: Form::Json(read_json(path)?),
                containers: Vec::new(),
                name: shown(path),
            });
        } else if self.live {
            let site = common.site()?;
            (site.shared.edge.caddyfile.clone(), compose::of_site(&site)?)
        } else if !self.compose.is_empty() {
            (self.caddyfile.clone(), compose::of_files(&self.compose)?)
        } else if self.caddyfile.is_some() {
            (self.caddyfile.clone(), Vec::new())
        } else {
            let edge = Edge::of(&common.site()?, self.program.version())?;
            return Ok(Found {
                form: Form::Text(edge.caddyfile()),
                containers: Vec::new(),
                name: "the site".into(),
            });
        };
        let name = caddyfile.as_deref();
        Ok(Found {
            name: name.map_or_else(|| "the labels".into(), shown),
            form: match caddyfile {
                Some(path) if containers.is_empty() => Form::File(path),
                base => Form::Labels(base),
            },
            containers,
        })
    }

    /// Reads and adapts it; adaptation is Caddy's own.
    pub fn read(&self, common: &Common) -> Result<Value> {
        self.adapt(&self.find(common)?)
    }

    /// What Caddy makes of it.
    pub fn adapt(&self, found: &Found) -> Result<Value> {
        let caddy = self.program.get();
        match &found.form {
            Form::Json(json) => Ok(json.clone()),
            Form::Text(text) => caddy.adapt(text),
            Form::File(path) => caddy.adapt_file(path),
            Form::Labels(base) => {
                let labels = proxy::caddyfile(&found.containers)?;
                let base = match base {
                    Some(path) => std::fs::read_to_string(path).map_err(cannot_read(path))?,
                    None => String::new(),
                };
                caddy.adapt(&format!("{base}\n{labels}"))
            }
        }
    }
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
