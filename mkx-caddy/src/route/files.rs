//! The file matcher and the file server: what is on the disk decides.

use std::path::Path;

use mkx_contract::Result;
use serde_json::Value;

use super::uri::{Uri, cleaned};
use super::{Exchange, Flow, Handler, Outcome, array, glob, only, texts, unknown};
use crate::edge::Version;

/// The `file` matcher: the first of its files that exists.
pub fn exists(exchange: &mut Exchange, matcher: &Value) -> Result<bool> {
    only(
        matcher,
        "the file matcher",
        &["root", "try_files", "try_policy"],
    )?;
    match matcher["try_policy"].as_str() {
        None | Some("" | "first_exist") => {}
        Some(other) => return Err(unknown(format!("the try_policy {other:?}"))),
    }
    let root = root(exchange, &matcher["root"])?;
    let mut tries: Vec<&str> = texts(&matcher["try_files"]).collect();
    if tries.is_empty() {
        tries.push("{http.request.uri.path}");
    }
    for pattern in tries {
        if pattern.starts_with('=') || pattern.contains('*') {
            return Err(unknown(format!("try_files with {pattern:?}")));
        }
        let asked = cleaned(&exchange.replaced(pattern)?);
        let relative = match asked.strip_suffix('/') {
            Some(name) if !name.is_empty() && !pattern.ends_with('/') => name.to_owned(),
            _ => asked,
        };
        let full = joined(&root, &relative);
        let Ok(metadata) = std::fs::metadata(&full) else {
            continue;
        };
        // A slash at the end of the request says nothing here, one of the pattern does.
        if metadata.is_dir() == pattern.ends_with('/') {
            let set = &mut exchange.set;
            set.insert("http.matchers.file.relative".into(), relative);
            set.insert("http.matchers.file.absolute".into(), full);
            return Ok(true);
        }
    }
    Ok(false)
}

/// The `file_server` handler.
pub fn serve(exchange: &mut Exchange, handler: &Value) -> Result<Flow> {
    only(
        handler,
        "file_server",
        &[
            "handler",
            "root",
            "hide",
            "index_names",
            "canonical_uris",
            "pass_thru",
            "precompressed",
            "precompressed_order",
        ],
    )?;
    let root = root(exchange, &handler["root"])?;
    let mut file = joined(&root, &exchange.uri.path)
        .trim_end_matches('/')
        .to_owned();
    let hidden = hidden(exchange, handler)?;
    let is_older = exchange.configuration.version < Version::V2_8;
    let not_found = match handler["pass_thru"].as_bool() {
        Some(true) => Flow::Next,
        _ => Flow::Error(404),
    };
    if file.contains('\0') {
        return Ok(Flow::Error(if is_older { 500 } else { 400 }));
    }
    let mut is_directory = match std::fs::metadata(&file) {
        // Older ones ask the system for the name with its slash, which no file has.
        Ok(metadata) if is_older && metadata.is_file() && exchange.uri.path.ends_with('/') => {
            return Ok(not_found);
        }
        Ok(metadata) => metadata.is_dir(),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            return Ok(Flow::Error(403));
        }
        Err(_) => return Ok(not_found),
    };
    let mut is_index = false;
    if is_directory {
        let mut names: Vec<&str> = texts(&handler["index_names"]).collect();
        if handler["index_names"].is_null() {
            names = vec!["index.html", "index.txt"];
        }
        let index = names
            .iter()
            .map(|name| joined(&file, name))
            .find(|path| !is_hidden(path, &hidden) && Path::new(path).exists());
        if let Some(path) = index {
            is_directory = Path::new(&path).is_dir();
            is_index = true;
            file = path;
        }
    }
    if is_directory || is_hidden(&file, &hidden) {
        return Ok(not_found);
    }
    if let Some(to) = canonical(exchange, handler, is_index) {
        exchange.response.set("Location", &to);
        return Ok(Flow::Done(Outcome::of(Handler::FileServer, Some(308))));
    }
    let reads = matches!(exchange.method.as_str(), "GET" | "HEAD");
    if !reads && !is_older && exchange.error_status.is_none() {
        exchange.response.set("Allow", "GET, HEAD");
        return Ok(Flow::Error(405));
    }
    let conditions = [
        "range",
        "if-none-match",
        "if-modified-since",
        "if-match",
        "if-range",
    ];
    if conditions
        .iter()
        .any(|name| exchange.request.header(name).is_some())
    {
        return Err(unknown("a conditional request for a file"));
    }
    let status = exchange.error_status.unwrap_or(200);
    let mut outcome = Outcome::of(Handler::FileServer, Some(status));
    outcome.file = Some(file);
    Ok(Flow::Done(outcome))
}

/// Where a folder's index lacks the slash at the end, or a file has one too many.
fn canonical(exchange: &Exchange, handler: &Value, is_index: bool) -> Option<String> {
    if handler["canonical_uris"].as_bool() == Some(false) {
        return None;
    }
    let original = Uri::parse(&exchange.request.path)?;
    let base = |path: &str| {
        path.trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    if base(&original.path) != base(&exchange.uri.path) {
        return None;
    }
    let has_slash = original.path.ends_with('/');
    let mut to = original.clone();
    if is_index && !has_slash {
        to.set_path(&format!("{}/", original.path));
    } else if !is_index && has_slash {
        to.set_path(original.path.strip_suffix('/').unwrap_or_default());
    } else {
        return None;
    }
    let to = to.request_uri();
    Some(format!("/{}", to.trim_start_matches('/')))
}

fn root(exchange: &Exchange, given: &Value) -> Result<String> {
    let template = given.as_str().unwrap_or("{http.vars.root}");
    let root = exchange.replaced(template)?;
    if root.is_empty() {
        return Err(unknown("files without a root"));
    }
    let mounts = &exchange.configuration.mounts;
    Ok(mounts
        .iter()
        .find_map(|(seen, here)| Some(format!("{here}{}", root.strip_prefix(seen.as_str())?)))
        .unwrap_or(root))
}

/// The path below the root, never above it; a slash at the end stays.
fn joined(root: &str, path: &str) -> String {
    format!(
        "{}{}",
        root.trim_end_matches('/'),
        cleaned(&format!("/{path}"))
    )
}

fn hidden(exchange: &Exchange, handler: &Value) -> Result<Vec<String>> {
    array(&handler["hide"])
        .iter()
        .filter_map(Value::as_str)
        .map(|pattern| exchange.replaced(pattern))
        .collect()
}

fn is_hidden(file: &str, patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| {
        if pattern.contains('/') {
            let prefix = cleaned(pattern);
            return file == prefix || file.starts_with(&format!("{prefix}/"));
        }
        file.split('/').any(|part| glob::matches(pattern, part))
    })
}
