//! What a configuration does with a request, without a server: Caddy's adapted JSON, walked as
//! Caddy walks it. What is not known here is an error, never a guess.

mod files;
mod glob;
mod handler;
mod headers;
mod matcher;
mod placeholder;
mod record;
mod rewrite;
mod server;
mod uri;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};

use mkx_contract::{Failure, Result, Site};
use serde_json::Value;

use crate::edge::Version;
use headers::Headers;
pub use matcher::is_path;
pub use record::{Answer, Credentials, Handler, Request, Summary};
use uri::Uri;
pub use uri::cleaned;

/// An adapted configuration.
pub struct Configuration {
    json: Value,
    version: Version,
    /// Folders as Caddy sees them, and where they are on this machine.
    mounts: Vec<(String, String)>,
    /// Bcrypt is slow by design: each pair of password and hash is compared once.
    compared: RefCell<HashMap<(String, String), bool>>,
}

impl Configuration {
    /// `version` decides where versions answer differently.
    pub fn new(json: Value, version: Version) -> Configuration {
        Configuration {
            json,
            version,
            mounts: Vec::new(),
            compared: RefCell::default(),
        }
    }

    /// Looks for Caddy's files where a site's vaults are on this machine.
    pub fn mounted(mut self, site: &Site) -> Configuration {
        self.mounts = [&site.environments.ea, &site.environments.eb]
            .into_iter()
            .filter_map(|environment| environment.vault.as_ref())
            .map(|vault| {
                let shown = |path: &std::path::Path| path.display().to_string();
                (shown(vault.edge_path()), shown(&vault.path))
            })
            .collect();
        self
    }

    /// Looks for the files of a folder that Caddy sees as `seen` in `here`.
    pub fn mount(&mut self, seen: &str, here: &str) {
        self.mounts.push((seen.to_owned(), here.to_owned()));
    }

    /// The configuration itself.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// What the server would do with a request.
    ///
    /// # Errors
    /// Exit 3 where the configuration uses something that is not evaluated.
    pub fn answer(&self, request: &Request) -> Result<Answer> {
        server::answer(self, request)
    }

    fn is_password(&self, password: &str, hash: &str) -> Result<bool> {
        let pair = (password.to_owned(), hash.to_owned());
        if let Some(known) = self.compared.borrow().get(&pair) {
            return Ok(*known);
        }
        let same = bcrypt::verify(password, hash)
            .map_err(|_| unknown("a password hash that is not bcrypt's"))?;
        self.compared.borrow_mut().insert(pair, same);
        Ok(same)
    }
}

/// A request on its way through the handlers.
struct Exchange<'a> {
    configuration: &'a Configuration,
    request: &'a Request,
    method: String,
    uri: Uri,
    vars: BTreeMap<String, String>,
    /// What placeholders stand for: `http.regexp.legacy.1`.
    set: BTreeMap<String, String>,
    maps: Vec<&'a Value>,
    groups: HashSet<String>,
    response: Headers<'a>,
    error_status: Option<u16>,
    credentials: Credentials,
    body_limit: Option<u64>,
}

/// How the handlers went on.
enum Flow {
    /// The next handler has it.
    Next,
    /// It is answered.
    Done(Outcome),
    /// A handler gave up with a status.
    Error(u16),
}

/// An answer, but for its headers.
struct Outcome {
    status: Option<u16>,
    handler: Handler,
    upstreams: Vec<String>,
    upstream_path: Option<String>,
    file: Option<String>,
}

impl Outcome {
    fn of(handler: Handler, status: Option<u16>) -> Outcome {
        Outcome {
            status,
            handler,
            upstreams: Vec::new(),
            upstream_path: None,
            file: None,
        }
    }
}

impl<'a> Exchange<'a> {
    /// Walks a list of routes: the first of a group that matches, and every other that does.
    fn run(&mut self, routes: &'a Value) -> Result<Flow> {
        for route in array(routes) {
            only(
                route,
                "route",
                &["@id", "group", "match", "handle", "terminal"],
            )?;
            let group = route["group"].as_str();
            if group.is_some_and(|group| self.groups.contains(group)) {
                continue;
            }
            if !matcher::any(self, &route["match"])? {
                continue;
            }
            if let Some(group) = group {
                self.groups.insert(group.to_owned());
            }
            for definition in array(&route["handle"]) {
                match handler::handle(self, definition)? {
                    Flow::Next => {}
                    flow => return Ok(flow),
                }
            }
            if route["terminal"].as_bool() == Some(true) {
                let status = self.error_status.unwrap_or(200);
                return Ok(Flow::Done(Outcome::of(Handler::None, Some(status))));
            }
        }
        Ok(Flow::Next)
    }
}

/// The failure for what is not evaluated.
fn unknown(what: impl std::fmt::Display) -> Failure {
    Failure::input(format!("cannot evaluate the configuration: {what}"))
        .hint("a running server can be asked instead: mkx-caddy probe")
}

/// Fails where an object has a member that is not evaluated.
fn only(object: &Value, what: &str, known: &[&str]) -> Result<()> {
    let members = object.as_object();
    match members.and_then(|members| members.keys().find(|key| !known.contains(&key.as_str()))) {
        Some(key) => Err(unknown(format!("{what} has {key:?}"))),
        None => Ok(()),
    }
}

/// A list's elements; nothing where there is no list.
fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A list's texts.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    array(value).iter().filter_map(Value::as_str)
}
