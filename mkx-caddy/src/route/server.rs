//! Which server gets a request, and what servers do by themselves: errors, redirects to https.

use std::collections::{BTreeMap, HashSet};

use mkx_contract::Result;
use serde_json::Value;

use super::{Answer, Configuration, Credentials, Exchange, Flow, Handler, Request, Uri, unknown};
use crate::json::{array, hosts, servers, texts};

/// What the servers of a configuration do with a request.
pub fn answer(configuration: &Configuration, request: &Request) -> Result<Answer> {
    let json = &configuration.json;
    let is_https = match request.scheme.as_str() {
        "https" => true,
        "http" => false,
        other => return Err(unknown(format!("the scheme {other:?}"))),
    };
    let mut answer = Answer {
        request: request.clone(),
        ..Answer::default()
    };
    let Some(uri) = Uri::parse(&request.path) else {
        answer.by(Handler::None, Some(400));
        return Ok(answer);
    };
    let port = port(json, is_https);
    let server = servers(json).find(|server| listens(server, port));
    let server = server.unwrap_or(&Value::Null);
    if is_https && !names(server, &request.host) {
        // The handshake fails: there is no certificate.
        return Ok(answer);
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
        fields: BTreeMap::new(),
        deferred: Vec::new(),
        error_status: None,
        answer,
    };
    match exchange.run(&server["routes"])? {
        Flow::Done => {}
        Flow::Next if !is_https && redirects(json) => {
            let to = format!("https://{}{}", request.host, request.path);
            exchange.set_header("Location", vec![to]);
            exchange.done(Handler::StaticResponse, Some(308));
        }
        Flow::Next => _ = exchange.done(Handler::None, Some(200)),
        Flow::Error(status) => {
            let handled = exchange.run_errors(status, &server["errors"]["routes"], 0)?;
            if !matches!(handled, Flow::Done) {
                exchange.done(unhandled(&exchange, status), Some(status));
            }
        }
    }
    exchange.settle_headers()?;
    Ok(exchange.answer)
}

/// Whose error it is that no route handles.
fn unhandled(exchange: &Exchange, status: u16) -> Handler {
    match (status, exchange.answer.credentials) {
        (401, Credentials::Needed) => Handler::Authentication,
        (403..=405, _) if exchange.vars.contains_key("root") => Handler::FileServer,
        _ => Handler::Error,
    }
}

fn port(configuration: &Value, is_https: bool) -> u64 {
    let (name, usual) = match is_https {
        true => ("https_port", 443),
        false => ("http_port", 80),
    };
    let given = configuration["apps"]["http"][name].as_u64();
    given.unwrap_or(usual)
}

fn listens(server: &Value, port: u64) -> bool {
    texts(&server["listen"])
        .filter_map(|address| address.rsplit_once(':'))
        .any(|(_, given)| given.parse() == Ok(port))
}

/// True where a route of the server is for the host, and so there is a certificate for it.
fn names(server: &Value, host: &str) -> bool {
    all_hosts(server).any(|pattern| {
        pattern.eq_ignore_ascii_case(host)
            || pattern
                .strip_prefix("*.")
                .zip(host.split_once('.'))
                .is_some_and(|(zone, (_, rest))| zone.eq_ignore_ascii_case(rest))
    })
}

fn all_hosts(server: &Value) -> impl Iterator<Item = &str> {
    array(&server["routes"]).iter().flat_map(hosts)
}

/// Automatic HTTPS: what no route for plain http has is redirected, whatever its host.
fn redirects(configuration: &Value) -> bool {
    let port = port(configuration, true);
    let mut secure = servers(configuration).filter(|server| listens(server, port));
    secure.any(|server| {
        let automatic = &server["automatic_https"];
        let is_off = automatic["disable"] == true || automatic["disable_redirects"] == true;
        !is_off && all_hosts(server).next().is_some()
    })
}
