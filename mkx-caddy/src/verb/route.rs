//! `mkx-caddy route`: what a configuration does with requests, without a server.

use std::path::Path;

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::input::Input;
use mkx_contract::tool::output;
use mkx_contract::{Answer, Failure, Result};
use url::Url;

use crate::route::{Configuration, Request, Summary};
use crate::source::Source;

/// `route`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-caddy route https://example.org/api/health | jq -r '.upstreams[]?'
  mkx-caddy route --caddyfile Caddyfile http://files.example.org/private/x
  mkx-caddy route --json now.json --mount /srv/vault=/mnt/vault-1 http://files.example.org/24/07/a.png
  mkx-caddy route --compose docker-compose.yml < requests.jsonl |
      jq --slurp --exit-status 'all(.[:-1][]; .credentials != \"not_asked\")'

A request on stdin: {\"record\": \"mkx.caddy.request/1\", \"host\": \"example.org\", \"path\": \"/\"}")]
pub struct Route {
    /// Addresses to ask for; none: requests on stdin, one a line
    urls: Vec<String>,
    /// Where a folder that Caddy sees is on this machine, besides the site's vaults
    #[arg(long, value_name = "SEEN=HERE", value_parser = mount)]
    mount: Vec<(String, String)>,
    #[command(flatten)]
    source: Source,
}

impl Route {
    /// Answers every request.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let json = self.source.find(common)?.json?;
        let mut configuration = Configuration::new(json, self.source.program.version());
        if let Some(site) = common.site_if_any()? {
            configuration = configuration.mounted(&site);
        }
        for (seen, here) in &self.mount {
            configuration.mount(seen, here);
        }
        let mut out = output::stdout();
        let mut answered = 0;
        let mut answer = |request: &Request| -> Result<()> {
            answered += 1;
            out.line(&configuration.answer(request)?)
        };
        if self.urls.is_empty() {
            let mut lines = Input::open(Path::new("-"))?.lines();
            while let Some(line) = lines.next_line()? {
                answer(&line.record()?)?;
            }
        } else {
            for url in &self.urls {
                answer(&request_of(url)?)?;
            }
        }
        if answered == 0 {
            return Err(
                Failure::input("cannot read requests from stdin: it is empty")
                    .hint("the tool in front of the pipe failed; its own message says why"),
            );
        }
        out.line(&Summary { answered, ok: true })?;
        out.flush()?;
        Ok(Answer::Yes)
    }
}

fn mount(text: &str) -> Result<(String, String), &'static str> {
    let (seen, here) = text.split_once('=').ok_or("it is not SEEN=HERE")?;
    Ok((seen.to_owned(), here.to_owned()))
}

/// The path stays as it was typed: `//` and `..` too.
fn request_of(text: &str) -> Result<Request> {
    let wrong = || {
        Failure::usage(format!(
            "cannot ask for {text:?}: it is not an http address"
        ))
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    let host = url.host_str().ok_or_else(wrong)?;
    let rest = text.split_once("://").ok_or_else(wrong)?.1;
    let path = rest.find('/').map_or("/", |start| &rest[start..]);
    Ok(Request::get(url.scheme(), host, path))
}
