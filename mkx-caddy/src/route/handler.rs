//! Handlers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mkx_contract::Result;
use serde_json::Value;

use super::{
    Credentials, Exchange, Flow, Handler, Outcome, array, files, only, rewrite, texts, unknown,
};

/// Hands the exchange to one handler.
pub fn handle<'a>(exchange: &mut Exchange<'a>, definition: &'a Value) -> Result<Flow> {
    let kind = definition["handler"].as_str().unwrap_or_default();
    match kind {
        "subroute" => subroute(exchange, definition),
        "headers" => headers(exchange, definition),
        "vars" => {
            for (name, value) in definition.as_object().into_iter().flatten() {
                if name != "handler" {
                    let value = match value {
                        Value::String(text) => exchange.replaced(text)?,
                        other => other.to_string(),
                    };
                    exchange.vars.insert(name.clone(), value);
                }
            }
            Ok(Flow::Next)
        }
        "map" => {
            only(
                definition,
                "map",
                &["handler", "source", "destinations", "mappings", "defaults"],
            )?;
            exchange.maps.push(definition);
            Ok(Flow::Next)
        }
        "rewrite" => {
            rewrite::rewrite(exchange, definition)?;
            Ok(Flow::Next)
        }
        "authentication" => authentication(exchange, definition),
        "request_body" => {
            exchange.body_limit = definition["max_size"].as_u64();
            Ok(Flow::Next)
        }
        // What these do to an answer's body and the log is not asked for.
        "encode" | "log_append" | "tracing" | "metrics" => Ok(Flow::Next),
        "reverse_proxy" => reverse_proxy(exchange, definition),
        "file_server" => files::serve(exchange, definition),
        "static_response" => static_response(exchange, definition),
        "error" => {
            let status = status(exchange, &definition["status_code"], 500)?;
            Ok(Flow::Error(status))
        }
        other => Err(unknown(format!("the handler {other:?}"))),
    }
}

fn subroute<'a>(exchange: &mut Exchange<'a>, definition: &'a Value) -> Result<Flow> {
    only(definition, "subroute", &["handler", "routes", "errors"])?;
    let waiting = exchange.response.waiting();
    let flow = exchange.run(&definition["routes"])?;
    match flow {
        Flow::Error(status) if !definition["errors"].is_null() => {
            exchange.response.forget_waiting(waiting);
            exchange.error_status = Some(status);
            exchange
                .set
                .insert("http.error.status_code".into(), status.to_string());
            match exchange.run(&definition["errors"]["routes"])? {
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
    only(
        basic,
        "http_basic",
        &["accounts", "hash", "hash_cache", "realm"],
    )?;
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
        for account in array(&basic["accounts"]) {
            if account["username"].as_str() != Some(name.as_str()) {
                continue;
            }
            let hash = account["password"].as_str().unwrap_or_default();
            if exchange
                .configuration
                .is_password(&password, &plain_hash(hash))?
            {
                exchange.credentials = Credentials::Accepted;
                exchange.set.insert("http.auth.user.id".into(), name);
                return Ok(Flow::Next);
            }
        }
    }
    let realm = basic["realm"].as_str().unwrap_or("restricted");
    exchange
        .response
        .set("Www-Authenticate", &format!("Basic realm=\"{realm}\""));
    exchange.credentials = Credentials::Needed;
    Ok(Flow::Error(401))
}

/// Older configurations hold hashes in base64.
fn plain_hash(hash: &str) -> String {
    if hash.starts_with('$') {
        return hash.to_owned();
    }
    STANDARD
        .decode(hash)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_else(|| hash.to_owned())
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
        upstreams.push(exchange.replaced(upstream["dial"].as_str().unwrap_or_default())?);
    }
    if upstreams.is_empty() {
        return Ok(Flow::Error(503));
    }
    let mut outcome = Outcome::of(Handler::ReverseProxy, None);
    outcome.upstreams = upstreams;
    outcome.upstream_path = Some(upstream_path);
    Ok(Flow::Done(outcome))
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
    if definition["abort"].as_bool() == Some(true) {
        return Ok(Flow::Done(Outcome::of(Handler::StaticResponse, None)));
    }
    for (name, values) in definition["headers"].as_object().into_iter().flatten() {
        for value in texts(values) {
            let value = exchange.replaced(value)?;
            exchange.response.set(name, &value);
        }
    }
    let default = exchange.error_status.unwrap_or(200);
    let status = status(exchange, &definition["status_code"], default)?;
    Ok(Flow::Done(Outcome::of(
        Handler::StaticResponse,
        Some(status),
    )))
}

/// A status as a number, as text, or as a placeholder.
fn status(exchange: &Exchange, value: &Value, default: u16) -> Result<u16> {
    let text = match value {
        Value::Null => return Ok(default),
        Value::String(text) => exchange.replaced(text)?,
        other => other.to_string(),
    };
    text.parse()
        .map_err(|_| unknown(format!("the status {text:?}")))
}
