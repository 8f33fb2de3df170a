//! Handlers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mkx_contract::Result;
use serde_json::Value;

use super::{Credentials, Exchange, Flow, Handler, files, only, rewrite, unknown};
use crate::json::{array, members, text};

/// Hands the exchange to one handler.
pub fn handle<'a>(exchange: &mut Exchange<'a>, definition: &'a Value) -> Result<Flow> {
    match text(&definition["handler"]) {
        "subroute" => subroute(exchange, definition),
        "headers" => headers(exchange, definition),
        "vars" => {
            for (name, value) in members(definition).filter(|(name, _)| *name != "handler") {
                let value = written(exchange, value)?;
                exchange.vars.insert(name.clone(), value);
            }
            Ok(Flow::Next)
        }
        "map" => {
            let known = ["handler", "source", "destinations", "mappings", "defaults"];
            only(definition, "map", &known)?;
            exchange.maps.push(definition);
            Ok(Flow::Next)
        }
        "rewrite" => {
            rewrite::rewrite(exchange, definition)?;
            Ok(Flow::Next)
        }
        "authentication" => authentication(exchange, definition),
        "request_body" => {
            exchange.answer.body_limit_bytes = definition["max_size"].as_u64();
            Ok(Flow::Next)
        }
        // What these do to an answer's body and the log is not asked for.
        "encode" | "log_append" | "tracing" | "metrics" => Ok(Flow::Next),
        "reverse_proxy" => reverse_proxy(exchange, definition),
        "file_server" => files::serve(exchange, definition),
        "static_response" => static_response(exchange, definition),
        "error" => Ok(Flow::Error(status(
            exchange,
            &definition["status_code"],
            500,
        )?)),
        other => Err(unknown(format!("the handler {other:?}"))),
    }
}

fn subroute<'a>(exchange: &mut Exchange<'a>, definition: &'a Value) -> Result<Flow> {
    only(definition, "subroute", &["handler", "routes", "errors"])?;
    let waiting = exchange.deferred.len();
    match exchange.run(&definition["routes"])? {
        Flow::Error(status) if !definition["errors"].is_null() => {
            match exchange.run_errors(status, &definition["errors"]["routes"], waiting)? {
                Flow::Next => Ok(Flow::Error(status)),
                flow => Ok(flow),
            }
        }
        flow => Ok(flow),
    }
}

fn headers<'a>(exchange: &mut Exchange<'a>, definition: &'a Value) -> Result<Flow> {
    only(definition, "headers", &["handler", "request", "response"])?;
    if !definition["response"].is_null() {
        exchange.change_response_headers(&definition["response"])?;
    }
    Ok(Flow::Next)
}

fn authentication(exchange: &mut Exchange, definition: &Value) -> Result<Flow> {
    only(definition, "authentication", &["handler", "providers"])?;
    only(&definition["providers"], "authentication", &["http_basic"])?;
    let basic = &definition["providers"]["http_basic"];
    let known = ["accounts", "hash", "hash_cache", "realm"];
    only(basic, "http_basic", &known)?;
    if basic["hash"]["algorithm"].as_str().unwrap_or("bcrypt") != "bcrypt" {
        return Err(unknown(format!("passwords hashed with {}", basic["hash"])));
    }
    let given = exchange.request.header("authorization").and_then(|value| {
        let encoded = value.strip_prefix("Basic ")?;
        let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (name, password) = text.split_once(':')?;
        Some((name.to_owned(), password.to_owned()))
    });
    if let Some((name, password)) = given {
        let accounts = array(&basic["accounts"]).iter();
        for account in accounts.filter(|account| account["username"] == name) {
            let hash = plain_hash(text(&account["password"]));
            if exchange.configuration.is_password(&password, &hash)? {
                exchange.answer.credentials = Credentials::Accepted;
                exchange.set.insert("http.auth.user.id".into(), name);
                return Ok(Flow::Next);
            }
        }
    }
    let realm = basic["realm"].as_str().unwrap_or("restricted");
    let asked = format!("Basic realm=\"{realm}\"");
    exchange.set_header("Www-Authenticate", vec![asked]);
    exchange.answer.credentials = Credentials::Needed;
    Ok(Flow::Error(401))
}

/// Older configurations hold hashes in base64.
fn plain_hash(hash: &str) -> String {
    if hash.starts_with('$') {
        return hash.to_owned();
    }
    let bytes = STANDARD.decode(hash).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.unwrap_or_else(|| hash.to_owned())
}

fn reverse_proxy<'a>(exchange: &mut Exchange<'a>, definition: &'a Value) -> Result<Flow> {
    for member in ["handle_response", "dynamic_upstreams"] {
        if !definition[member].is_null() {
            return Err(unknown(format!("reverse_proxy has {member:?}")));
        }
    }
    let kept = (exchange.method.clone(), exchange.uri.clone());
    if !definition["rewrite"].is_null() {
        rewrite::rewrite(exchange, &definition["rewrite"])?;
    }
    let upstream_path = exchange.uri.request_uri();
    (exchange.method, exchange.uri) = kept;
    if !definition["headers"]["response"].is_null() {
        exchange.change_response_headers(&definition["headers"]["response"])?;
    }
    let mut upstreams = Vec::new();
    for upstream in array(&definition["upstreams"]) {
        upstreams.push(exchange.replaced(text(&upstream["dial"]))?);
    }
    if upstreams.is_empty() {
        return Ok(Flow::Error(503));
    }
    exchange.answer.upstreams = upstreams;
    exchange.answer.upstream_path = Some(upstream_path);
    Ok(exchange.done(Handler::ReverseProxy, None))
}

fn static_response(exchange: &mut Exchange, definition: &Value) -> Result<Flow> {
    only(
        definition,
        "static_response",
        &[
            "handler",
            "status_code",
            "headers",
            "body",
            "close",
            "abort",
        ],
    )?;
    if definition["abort"] == true {
        return Ok(exchange.done(Handler::StaticResponse, None));
    }
    for (name, values) in members(&definition["headers"]) {
        // Each takes the place of the one before.
        for value in exchange.all_replaced(values)? {
            exchange.set_header(name, vec![value]);
        }
    }
    let default = exchange.error_status.unwrap_or(200);
    let status = status(exchange, &definition["status_code"], default)?;
    Ok(exchange.done(Handler::StaticResponse, Some(status)))
}

/// A status as a number, as text, or as a placeholder.
fn status(exchange: &Exchange, value: &Value, default: u16) -> Result<u16> {
    if value.is_null() {
        return Ok(default);
    }
    let text = written(exchange, value)?;
    text.parse()
        .map_err(|_| unknown(format!("the status {text:?}")))
}

/// A text with its placeholders replaced, and what is none as JSON writes it.
fn written(exchange: &Exchange, value: &Value) -> Result<String> {
    match value {
        Value::String(text) => exchange.replaced(text),
        other => Ok(other.to_string()),
    }
}
