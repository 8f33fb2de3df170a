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
use crate::json::{array, members};
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
        for (_, environment) in site.both() {
            if let Some(vault) = &environment.vault {
                let shown = |path: &std::path::Path| path.display().to_string();
                self.mount(&shown(vault.edge_path()), &shown(&vault.path));
            }
        }
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

/// A request on its way through the handlers, and what of the answer is known.
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
    /// The answer's headers so far.
    fields: BTreeMap<String, Vec<String>>,
    /// Operations on headers that wait for the answer.
    deferred: Vec<&'a Value>,
    error_status: Option<u16>,
    answer: Answer,
}

/// How the handlers went on.
enum Flow {
    /// The next handler has it.
    Next,
    /// It is answered.
    Done,
    /// A handler gave up with a status.
    Error(u16),
}

impl<'a> Exchange<'a> {
    /// Walks a list of routes: the first of a group that matches, and every other that does.
    fn run(&mut self, routes: &'a Value) -> Result<Flow> {
        for route in array(routes) {
            let known = ["@id", "group", "match", "handle", "terminal"];
            only(route, "route", &known)?;
            let group = route["group"].as_str();
            if group.is_some_and(|group| self.groups.contains(group)) {
                continue;
            }
            if !matcher::any(self, &route["match"])? {
                continue;
            }
            self.groups.extend(group.map(str::to_owned));
            for definition in array(&route["handle"]) {
                match handler::handle(self, definition)? {
                    Flow::Next => {}
                    flow => return Ok(flow),
                }
            }
            if route["terminal"] == true {
                let status = self.error_status.unwrap_or(200);
                return Ok(self.done(Handler::None, Some(status)));
            }
        }
        Ok(Flow::Next)
    }

    /// Walks the routes for errors. An error passes by the handlers that wait for the answer, from
    /// the given one on: it is answered without them.
    fn run_errors(&mut self, status: u16, routes: &'a Value, waiting: usize) -> Result<Flow> {
        self.deferred.truncate(waiting);
        self.error_status = Some(status);
        let code = status.to_string();
        self.set.insert("http.error.status_code".into(), code);
        self.run(routes)
    }

    fn done(&mut self, handler: Handler, status: Option<u16>) -> Flow {
        self.answer.by(handler, status);
        Flow::Done
    }
}

/// The failure for what is not evaluated.
fn unknown(what: impl std::fmt::Display) -> Failure {
    Failure::input(format!("cannot evaluate the configuration: {what}"))
        .hint("a running server can be asked instead: mkx-caddy probe")
}

/// Fails where an object has a member that is not evaluated.
fn only(object: &Value, what: &str, known: &[&str]) -> Result<()> {
    match members(object).find(|(key, _)| !known.contains(&key.as_str())) {
        Some((key, _)) => Err(unknown(format!("{what} has {key:?}"))),
        None => Ok(()),
    }
}
