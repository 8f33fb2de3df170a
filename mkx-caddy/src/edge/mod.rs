//! The whole edge of a site: what Caddy must do for both environments, as directives.

pub mod directive;
pub mod links;
mod site;
pub mod users;
mod vault;

pub use site::{NOINDEX, security_headers};
pub use vault::{IMMUTABLE, vault_headers};

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use mkx_contract::record::site::{Access, Certificates, Environment, Name};
use mkx_contract::{Failure, Result, Site};

use directive::Directive;
use users::Users;

/// What a configuration is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Version {
    /// Debian's: `basicauth`, every reload closes WebSockets
    #[value(name = "2.6")]
    V2_6,
    /// 2.8 and later: `basic_auth`, `stream_close_delay`
    #[value(name = "2.8")]
    V2_8,
}

/// Headers and their values.
pub type Fields = Vec<(String, String)>;

fn field((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// A site block.
pub struct Block {
    /// The environment that it serves.
    pub environment: Name,
    /// The compose service whose labels carry it.
    pub service: String,
    /// `example.org`, `http://vault.example.org`, …
    pub addresses: Vec<String>,
    /// What it does.
    pub body: Vec<Directive>,
}

/// Everything.
pub struct Edge {
    /// Global options.
    pub globals: Vec<Directive>,
    /// Site blocks, ordered by their addresses as caddy-docker-proxy orders them.
    pub blocks: Vec<Block>,
    /// Sites of neither environment, as they were written.
    pub extra: Option<String>,
}

/// What the edge needs that the site document only points to.
pub struct Context<'a> {
    /// The site.
    pub site: &'a Site,
    /// What it is written for.
    pub version: Version,
}

impl Edge {
    /// The edge of a site; reads the users file of an environment with Basic Auth, the extra
    /// sites, and looks for links that lead out of a vault that is on this machine.
    pub fn of(site: &Site, version: Version) -> Result<Edge> {
        let context = Context { site, version };
        let mut blocks = Vec::new();
        for (name, environment) in site.both() {
            let users = users_of(environment)?;
            blocks.extend(site::blocks(&context, environment, users.as_ref()));
            if let Some(vault) = &environment.vault {
                let outside = links::leading_out(&vault.path)?;
                blocks.push(vault::block(&context, name, vault, &outside));
            }
        }
        blocks.sort_by_cached_key(|block| block.addresses.join(" "));
        Ok(Edge {
            globals: globals(site),
            blocks,
            extra: extra(site)?,
        })
    }

    /// The Caddyfile.
    pub fn caddyfile(&self) -> String {
        let globals =
            (!self.globals.is_empty()).then(|| Directive::block([], self.globals.clone()));
        let blocks = self.blocks.iter();
        let blocks = blocks.map(|one| Directive::new(one.addresses.clone(), one.body.clone()));
        let text = |directive| {
            let mut text = String::new();
            directive::write(&mut text, &[directive], 0);
            text
        };
        let parts = globals.into_iter().chain(blocks).map(text);
        let parts: Vec<String> = parts.chain(self.extra.clone()).collect();
        parts.join("\n")
    }
}

fn globals(site: &Site) -> Vec<Directive> {
    let edge = &site.shared.edge;
    let port = |given: u16, usual: u16| (given != usual).then(|| given.to_string());
    let options = [
        ("admin", edge.admin_listen.clone()),
        ("default_bind", edge.bind.clone()),
        ("email", edge.email.clone()),
        ("http_port", port(edge.http_port, 80)),
        ("https_port", port(edge.https_port, 443)),
    ];
    let mut globals: Vec<Directive> = options
        .iter()
        .filter_map(|(name, value)| Some(Directive::line([*name, value.as_deref()?])))
        .collect();
    if edge.certificates == Certificates::Internal {
        globals.push(Directive::line(["local_certs"]));
        globals.push(Directive::line(["skip_install_trust"]));
    }
    globals
}

fn users_of(environment: &Environment) -> Result<Option<Users>> {
    let Access::BasicAuth { users_file, .. } = &environment.access else {
        return Ok(None);
    };
    let users = Users::read(users_file)?;
    if users.is_empty() {
        return Err(Failure::input(format!(
            "cannot render {}: nobody could log in, {} names no user",
            environment.domain,
            users_file.display()
        ))
        .hint("mkx-caddy users add NAME"));
    }
    Ok(Some(users))
}

fn extra(site: &Site) -> Result<Option<String>> {
    let Some(path) = &site.shared.edge.extra_sites else {
        return Ok(None);
    };
    std::fs::read_to_string(path).map(Some).map_err(|error| {
        Failure::input(format!("cannot read {}: {error}", path.display()))
            .hint("it is named under shared.edge.extra_sites in the site document")
    })
}

impl Context<'_> {
    /// `log` into a file of the edge's log folder, rotated, in front of what a block does.
    fn logged(&self, file: Option<&PathBuf>, body: Vec<Directive>) -> Vec<Directive> {
        let log = file.map(|file| self.log(file));
        log.into_iter().chain(body).collect()
    }

    fn log(&self, file: &Path) -> Directive {
        let path = self.site.shared.edge.log_directory.join(file);
        let rotation = vec![
            Directive::line(["roll_size", "50MiB"]),
            Directive::line(["roll_keep", "10"]),
            Directive::line(["roll_keep_for", "2160h"]),
        ];
        let path = path.display().to_string();
        let output = Directive::block(["output", "file", &path], rotation);
        Directive::block(["log"], vec![output, Directive::line(["format", "json"])])
    }
}

/// `header` twice: on what the edge itself answers (errors too), and, deferred, in the place of
/// what an upstream says. Either alone leaves answers without the header or with two of them.
fn headers(fields: &Fields) -> [Directive; 2] {
    let lines = fields.iter();
    let lines: Vec<_> = lines
        .map(|(name, value)| Directive::line([name, value]))
        .collect();
    let mut deferred = lines.clone();
    deferred.push(Directive::line(["defer"]));
    [
        Directive::block(["header"], lines),
        Directive::block(["header"], deferred),
    ]
}

/// What crawlers of EB are told.
pub const ROBOTS: &str = "User-agent: *\nDisallow: /\n";

fn robots() -> Directive {
    let answer = vec![
        Directive::line(["header", "Content-Type", "text/plain; charset=utf-8"]),
        Directive::line(["respond", ROBOTS, "200"]),
    ];
    Directive::block(["handle", "/robots.txt"], answer)
}
