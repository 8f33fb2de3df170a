//! The `rewrite` handler, as Caddy's `uri` and `rewrite` directives make it.

use mkx_contract::Result;
use serde_json::Value;

use super::placeholder::compiled;
use super::uri::{Uri, cleaned, parts, unescaped, without_prefix};
use super::{Exchange, only, unknown};
use crate::json::{array, text};

const KNOWN: [&str; 7] = [
    "handler",
    "method",
    "uri",
    "strip_path_prefix",
    "strip_path_suffix",
    "uri_substring",
    "path_regexp",
];

/// Changes method and URI of the exchange.
pub fn rewrite(exchange: &mut Exchange, rule: &Value) -> Result<()> {
    only(rule, "rewrite", &KNOWN)?;
    if let Some(method) = rule["method"].as_str() {
        exchange.method = exchange.replaced(method)?.to_uppercase();
    }
    if let Some(template) = rule["uri"].as_str() {
        replace_uri(exchange, template)?;
    }
    if let Some(prefix) = rule["strip_path_prefix"].as_str() {
        let prefix = exchange.replaced(prefix)?;
        let path = cleaned(&exchange.uri.escaped_path());
        set(&mut exchange.uri, &without_prefix(&path, &prefix));
    }
    if let Some(suffix) = rule["strip_path_suffix"].as_str() {
        let suffix = exchange.replaced(suffix)?;
        let path = exchange.uri.escaped_path();
        let path = path.strip_suffix(&suffix).unwrap_or(&path).to_owned();
        set(&mut exchange.uri, &path);
    }
    for rule in array(&rule["uri_substring"]) {
        only(rule, "uri_substring", &["find", "replace", "limit"])?;
        let find = exchange.replaced(text(&rule["find"]))?;
        let with = exchange.replaced(text(&rule["replace"]))?;
        let limit = match rule["limit"].as_u64() {
            None | Some(0) => usize::MAX,
            Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        };
        let path = exchange.uri.escaped_path().replacen(&find, &with, limit);
        set(&mut exchange.uri, &path);
        if let Some(query) = &mut exchange.uri.query {
            *query = query.replacen(&find, &with, limit);
        }
    }
    for rule in array(&rule["path_regexp"]) {
        only(rule, "path_regexp", &["find", "replace"])?;
        let regex = compiled(text(&rule["find"]))?;
        let with = exchange.replaced(text(&rule["replace"]))?;
        let path = exchange.uri.escaped_path();
        let path = regex.replace_all(&path, with.as_str()).into_owned();
        set(&mut exchange.uri, &path);
    }
    Ok(())
}

fn replace_uri(exchange: &mut Exchange, template: &str) -> Result<()> {
    if template.contains('#') {
        return Err(unknown("a rewrite with a fragment"));
    }
    let (path, query) = parts(template);
    if !path.is_empty() {
        let path = path.replace("{http.request.uri.path}", &exchange.uri.escaped_path());
        let path = exchange.replaced(&path)?;
        let (path, injected) = parts(&path);
        let plain = unescaped(path).unwrap_or_else(|| path.to_owned());
        exchange.uri.set_path(&plain);
        if injected.is_some() {
            exchange.uri.query = injected.map(str::to_owned);
        }
    }
    if let Some(query) = query {
        let query = exchange.replaced(query)?;
        exchange.uri.query = (!query.is_empty()).then_some(query);
    }
    Ok(())
}

fn set(uri: &mut Uri, escaped: &str) {
    if uri.set_escaped(escaped).is_none() {
        uri.set_path(escaped);
    }
}
