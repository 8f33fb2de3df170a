//! The records of `mkx-caddy route`.

use std::collections::BTreeMap;

use mkx_contract::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A question.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Request {
    /// `https` or `http`.
    #[serde(default = "https")]
    pub scheme: String,
    /// The host asked for.
    pub host: String,
    /// Path and query, as they are sent.
    pub path: String,
    /// The method.
    #[serde(default = "get")]
    pub method: String,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

fn https() -> String {
    "https".into()
}

fn get() -> String {
    "GET".into()
}

impl Record for Request {
    const RECORD: &'static str = "mkx.caddy.request/1";
}

impl Request {
    /// GET without further headers.
    pub fn get(scheme: &str, host: &str, path: &str) -> Request {
        Request {
            scheme: scheme.into(),
            host: host.into(),
            path: path.into(),
            method: get(),
            ..Request::default()
        }
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Who answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Handler {
    /// An upstream.
    ReverseProxy,
    /// A file, or what the file server says where there is none.
    FileServer,
    /// A fixed answer, redirects among them.
    StaticResponse,
    /// The check of credentials.
    Authentication,
    /// A fixed error.
    Error,
    /// Nobody: no site is meant, or nothing in it answers.
    #[default]
    None,
}

/// Whether the answer hangs on a password.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Credentials {
    /// None were asked for.
    #[default]
    NotAsked,
    /// They are missing or wrong.
    Needed,
    /// They are right.
    Accepted,
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// The question.
    pub request: Request,
    /// The status; null where an upstream decides, or where there is no certificate for the host.
    pub status: Option<u16>,
    /// `2xx`, …; null like the status.
    pub status_class: Option<String>,
    /// Who answers.
    pub handler: Handler,
    /// Addresses that may get the request, the first choice first.
    pub upstreams: Vec<String>,
    /// The path and query that the upstream is asked for.
    pub upstream_path: Option<String>,
    /// The file that is served.
    pub file: Option<String>,
    /// Headers that the configuration puts on the answer.
    pub headers: BTreeMap<String, String>,
    /// Headers that it takes away.
    pub removed_headers: Vec<String>,
    /// Headers that hang on what the upstream answers.
    pub uncertain_headers: Vec<String>,
    /// Whether the answer hangs on a password.
    pub credentials: Credentials,
    /// The largest body that is accepted.
    pub body_limit_bytes: Option<u64>,
}

impl Record for Answer {
    const RECORD: &'static str = "mkx.caddy.answer/1";
}

impl Answer {
    /// Says who answers, and with which status.
    pub fn by(&mut self, handler: Handler, status: Option<u16>) {
        self.handler = handler;
        self.status = status;
        self.status_class = status.map(|status| format!("{}xx", status / 100));
    }
}

/// The end of a stream of answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// How many questions were answered.
    pub answered: u64,
    /// Always true: the stream is whole.
    pub ok: bool,
}

impl Record for Summary {
    const RECORD: &'static str = "mkx.caddy.route.result/1";
}
