//! Which server gets a request, and what servers do by themselves: errors, redirects to https.

use std::collections::{BTreeMap, HashSet};

use mkx_contract::Result;
use serde_json::Value;

use super::headers::{Headers, Settled};
use super::{
    Answer, Configuration, Credentials, Exchange, Flow, Handler, Outcome, Request, Uri, array,
    texts, unknown,
};

/// What the servers of a configuration do with a request.
pub fn answer(configuration: &Configuration, request: &Request) -> Result<Answer> {
    let http = &configuration.json["apps"]["http"];
    let is_https = match request.scheme.as_str() {
        "https" => true,
        "http" => false,
        other => return Err(unknown(format!("the scheme {other:?}"))),
    };
    let Some(uri) = Uri::parse(&request.path) else {
        let outcome = Outcome::of(Handler::None, Some(400));
        return Ok(finished(
            request,
            outcome,
            Settled::default(),
            Credentials::NotAsked,
            None,
        ));
    };
    let port = port(http, is_https);
    let server = servers(http).find(|server| listens(server, port));
    if is_https && !server.is_some_and(|server| names(server, &request.host)) {
        // The handshake fails: there is no certificate.
        let outcome = Outcome::of(Handler::None, None);
        return Ok(finished(
            request,
            outcome,
            Settled::default(),
            Credentials::NotAsked,
            None,
        ));
    }
    let mut exchange = Exchange {
        configuration,
        request,
        method: request.method.clone(),
        uri,
        vars: BTreeMap::new(),
        set: BTreeMap::new(),
        maps: Vec::new(),
        groups: HashSet::new(),
        response: Headers::default(),
        error_status: None,
        credentials: Credentials::NotAsked,
        body_limit: None,
    };
    let mut flow = match server {
        Some(server) => exchange.run(&server["routes"])?,
        None => Flow::Next,
    };
    if matches!(flow, Flow::Next) && !is_https && redirects(http) {
        let to = format!("https://{}{}", request.host, request.path);
        exchange.response.set("Location", &to);
        flow = Flow::Done(Outcome::of(Handler::StaticResponse, Some(308)));
    }
    let outcome = match flow {
        Flow::Next => Outcome::of(Handler::None, Some(200)),
        Flow::Done(outcome) => outcome,
        Flow::Error(status) => match handled_error(&mut exchange, server, status)? {
            Some(outcome) => outcome,
            None => {
                let handler = match (status, exchange.credentials) {
                    (401, Credentials::Needed) => Handler::Authentication,
                    (403..=405, _) if exchange.vars.contains_key("root") => Handler::FileServer,
                    _ => Handler::Error,
                };
                Outcome::of(handler, Some(status))
            }
        },
    };
    let settled = exchange.settled(outcome.status)?;
    let (credentials, limit) = (exchange.credentials, exchange.body_limit);
    Ok(finished(request, outcome, settled, credentials, limit))
}

fn handled_error<'a>(
    exchange: &mut Exchange<'a>,
    server: Option<&'a Value>,
    status: u16,
) -> Result<Option<Outcome>> {
    exchange.response.forget_waiting(0);
    let Some(errors) = server.map(|server| &server["errors"]["routes"]) else {
        return Ok(None);
    };
    exchange.error_status = Some(status);
    exchange
        .set
        .insert("http.error.status_code".into(), status.to_string());
    match exchange.run(errors)? {
        Flow::Done(outcome) => Ok(Some(outcome)),
        Flow::Next | Flow::Error(_) => Ok(None),
    }
}

fn finished(
    request: &Request,
    outcome: Outcome,
    settled: Settled,
    credentials: Credentials,
    body_limit_bytes: Option<u64>,
) -> Answer {
    Answer {
        request: request.clone(),
        status: outcome.status,
        status_class: outcome.status.map(|status| format!("{}xx", status / 100)),
        handler: outcome.handler,
        upstreams: outcome.upstreams,
        upstream_path: outcome.upstream_path,
        file: outcome.file,
        headers: settled.headers,
        removed_headers: settled.removed,
        uncertain_headers: settled.uncertain,
        credentials,
        body_limit_bytes,
    }
}

fn servers(http: &Value) -> impl Iterator<Item = &Value> {
    http["servers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(_, server)| server)
}

fn port(http: &Value, is_https: bool) -> u64 {
    if is_https {
        http["https_port"].as_u64().unwrap_or(443)
    } else {
        http["http_port"].as_u64().unwrap_or(80)
    }
}

fn listens(server: &Value, port: u64) -> bool {
    texts(&server["listen"])
        .filter_map(|address| address.rsplit_once(':'))
        .any(|(_, given)| given.parse() == Ok(port))
}

/// True where a route of the server is for the host, and so there is a certificate for it.
fn names(server: &Value, host: &str) -> bool {
    hosts(server).any(|pattern| {
        pattern.eq_ignore_ascii_case(host)
            || pattern
                .strip_prefix("*.")
                .zip(host.split_once('.'))
                .is_some_and(|(zone, (_, rest))| zone.eq_ignore_ascii_case(rest))
    })
}

fn hosts(server: &Value) -> impl Iterator<Item = &str> {
    array(&server["routes"])
        .iter()
        .flat_map(|route| array(&route["match"]))
        .flat_map(|set| texts(&set["host"]))
}

/// Automatic HTTPS: what no route for plain http has is redirected, whatever its host.
fn redirects(http: &Value) -> bool {
    let port = port(http, true);
    servers(http)
        .filter(|server| listens(server, port))
        .any(|server| {
            let automatic = &server["automatic_https"];
            let is_off = |member: &str| automatic[member].as_bool() == Some(true);
            !is_off("disable") && !is_off("disable_redirects") && hosts(server).next().is_some()
        })
}
