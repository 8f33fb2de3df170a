//! The file matcher and the file server: what is on the disk decides.

use std::path::Path;

use mkx_contract::Result;
use serde_json::Value;

use super::uri::{Uri, cleaned};
use super::{Exchange, Flow, Handler, glob, only, unknown};
use crate::edge::Version;
use crate::json::texts;

/// The `file` matcher: the first of its files that exists.
pub fn exists(exchange: &mut Exchange, matcher: &Value) -> Result<bool> {
    let known = ["root", "try_files", "try_policy"];
    only(matcher, "the file matcher", &known)?;
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
    let file = joined(&root, &exchange.uri.path);
    let mut file = file.trim_end_matches('/').to_owned();
    let hidden = exchange.all_replaced(&handler["hide"])?;
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
        let names: Vec<&str> = match &handler["index_names"] {
            Value::Null => vec!["index.html", "index.txt"],
            names => texts(names).collect(),
        };
        let mut paths = names.iter().map(|name| joined(&file, name));
        let index = paths.find(|path| !is_hidden(path, &hidden) && Path::new(path).exists());
        if let Some(path) = index {
            (is_directory, is_index) = (Path::new(&path).is_dir(), true);
            file = path;
        }
    }
    if is_directory || is_hidden(&file, &hidden) {
        return Ok(not_found);
    }
    if let Some(to) = canonical(exchange, handler, is_index) {
        exchange.set_header("Location", vec![to]);
        return Ok(exchange.done(Handler::FileServer, Some(308)));
    }
    let reads = matches!(exchange.method.as_str(), "GET" | "HEAD");
    if !reads && !is_older && exchange.error_status.is_none() {
        exchange.set_header("Allow", vec!["GET, HEAD".into()]);
        return Ok(Flow::Error(405));
    }
    let conditions = [
        "range",
        "if-none-match",
        "if-modified-since",
        "if-match",
        "if-range",
    ];
    let is_given = |name: &&str| exchange.request.header(name).is_some();
    if conditions.iter().any(is_given) {
        return Err(unknown("a conditional request for a file"));
    }
    let status = exchange.error_status.unwrap_or(200);
    exchange.answer.file = Some(file);
    Ok(exchange.done(Handler::FileServer, Some(status)))
}

/// Where a folder's index lacks the slash at the end, or a file has one too many.
fn canonical(exchange: &Exchange, handler: &Value, is_index: bool) -> Option<String> {
    if handler["canonical_uris"].as_bool() == Some(false) {
        return None;
    }
    let original = Uri::parse(&exchange.request.path)?;
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

fn base(path: &str) -> Option<&str> {
    path.trim_end_matches('/').rsplit('/').next()
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
    let below = cleaned(&format!("/{path}"));
    format!("{}{below}", root.trim_end_matches('/'))
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
