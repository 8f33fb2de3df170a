//! Request matchers.

use mkx_contract::Result;
use serde_json::Value;

use super::placeholder::compiled;
use super::uri::cleaned;
use super::{Exchange, files, glob, only, unknown};
use crate::json::{array, members, text, texts};

/// True where one of the sets matches, or where there is none.
pub fn any(exchange: &mut Exchange, sets: &Value) -> Result<bool> {
    for set in array(sets) {
        if all(exchange, set)? {
            return Ok(true);
        }
    }
    Ok(array(sets).is_empty())
}

/// Every matcher of a set. Those with an effect (what a file matcher found) come last, as the
/// order in JSON says nothing.
fn all(exchange: &mut Exchange, set: &Value) -> Result<bool> {
    let Some(set) = set.as_object() else {
        return Err(unknown("a matcher that is not an object"));
    };
    let mut matchers: Vec<(&String, &Value)> = set.iter().collect();
    matchers.sort_by_key(|(kind, _)| match kind.as_str() {
        "host" | "method" | "protocol" => 0,
        "path" => 1,
        "path_regexp" => 2,
        "file" => 4,
        _ => 3,
    });
    for (kind, matcher) in matchers {
        if !one(exchange, kind, matcher)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn one(exchange: &mut Exchange, kind: &str, matcher: &Value) -> Result<bool> {
    let request = exchange.request;
    match kind {
        "host" => {
            let patterns = exchange.all_replaced(matcher)?;
            Ok(patterns.iter().any(|one| is_host(one, &request.host)))
        }
        "path" => {
            for pattern in exchange.all_replaced(matcher)? {
                if is_path(&pattern, &exchange.uri.path)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        "path_regexp" => {
            let path = cleaned(&exchange.uri.path);
            regexp(exchange, matcher, &path)
        }
        "method" => Ok(texts(matcher).any(|method| method == exchange.method)),
        "protocol" => match matcher.as_str() {
            Some(protocol @ ("http" | "https")) => Ok(request.scheme == protocol),
            _ => Err(unknown(format!("the protocol {matcher}"))),
        },
        "header" => Ok(header(exchange, matcher)),
        "header_regexp" => {
            for (field, pattern) in members(matcher) {
                if !regexp(exchange, pattern, request.header(field).unwrap_or_default())? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        "query" => Ok(query(exchange, matcher)),
        "vars" => {
            for (name, values) in members(matcher) {
                let value = if name.starts_with('{') {
                    exchange.replaced(name)?
                } else {
                    exchange.vars.get(name).cloned().unwrap_or_default()
                };
                if !texts(values).any(|expected| expected == value) {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        "not" => Ok(array(matcher).is_empty() || !any(exchange, matcher)?),
        "file" => files::exists(exchange, matcher),
        other => Err(unknown(format!("the matcher {other:?}"))),
    }
}

fn is_host(pattern: &str, host: &str) -> bool {
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if !pattern.contains('*') {
        return pattern.eq_ignore_ascii_case(host);
    }
    let (wanted, given) = (pattern.split('.'), host.split('.'));
    let fits = |(wanted, given): (&str, &str)| wanted == "*" || wanted.eq_ignore_ascii_case(given);
    wanted.clone().count() == given.clone().count() && wanted.zip(given).all(fits)
}

/// Caddy's path patterns: without regard to case, on the unescaped and cleaned path.
pub fn is_path(pattern: &str, path: &str) -> Result<bool> {
    if pattern == "*" {
        return Ok(true);
    }
    if pattern.contains('%') || pattern.contains("//") {
        return Err(unknown(format!("the path pattern {pattern:?}")));
    }
    let (pattern, path) = (pattern.to_lowercase(), cleaned(&path.to_lowercase()));
    let stars = pattern.matches('*').count();
    if stars == 2
        && let Some(inner) = pattern.strip_prefix('*').and_then(|p| p.strip_suffix('*'))
    {
        return Ok(path.contains(inner));
    }
    if stars == 1 {
        if let Some(end) = pattern.strip_prefix('*') {
            return Ok(path.ends_with(end));
        }
        if let Some(start) = pattern.strip_suffix('*') {
            return Ok(path.starts_with(start));
        }
    }
    Ok(glob::matches(&pattern, &path))
}

/// Notes what the groups caught, also under the matcher's name.
fn regexp(exchange: &mut Exchange, matcher: &Value, value: &str) -> Result<bool> {
    only(matcher, "a regular expression", &["name", "pattern"])?;
    let regex = compiled(text(&matcher["pattern"]))?;
    let Some(captures) = regex.captures(value) else {
        return Ok(false);
    };
    let (set, name) = (&mut exchange.set, text(&matcher["name"]));
    for (number, group) in captures.iter().enumerate() {
        let value = group.map_or("", |group| group.as_str());
        set.insert(format!("http.regexp.{number}"), value.to_owned());
        set.insert(format!("http.regexp.{name}.{number}"), value.to_owned());
    }
    for group in regex.capture_names().flatten() {
        let value = captures.name(group).map_or("", |group| group.as_str());
        set.insert(format!("http.regexp.{name}.{group}"), value.to_owned());
    }
    Ok(true)
}

fn header(exchange: &Exchange, matcher: &Value) -> bool {
    members(matcher).all(|(field, values)| {
        let given = match field.as_str() {
            "Host" => Some(exchange.request.host.as_str()),
            field => exchange.request.header(field),
        };
        match given {
            None => !values.is_array(),
            Some(given) => {
                let is_any = values.as_array().is_some_and(Vec::is_empty);
                is_any || texts(values).any(|pattern| glob::fits_ends(pattern, given))
            }
        }
    })
}

fn query(exchange: &Exchange, matcher: &Value) -> bool {
    let text = exchange.uri.query.as_deref().unwrap_or_default();
    let given: Vec<_> = url::form_urlencoded::parse(text.as_bytes()).collect();
    members(matcher).all(|(key, values)| {
        let is_given = |value: &str| {
            let mut given = given.iter();
            given.any(|(name, given)| name == key && (value == "*" || value == given))
        };
        texts(values).any(is_given)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, path: &str, expected: bool) {
        assert_eq!(
            is_path(pattern, path).unwrap(),
            expected,
            "{pattern} {path}"
        );
    }

    #[test]
    fn path_patterns_see_the_cleaned_path_in_lower_case() {
        check("/mkpx/*", "/MKPX/a", true);
        check("/mkpx/*", "//mkpx/a", true);
        check("/mkpx/*", "/x/../mkpx/a", true);
        check("/mkpx/*", "/mkpx", false);
        check("*.tmp", "/a/b.tmp", true);
        check("*/.*", "/a/.b", true);
        check("*/.*", "/a/b", false);
        check("/login", "/login/", false);
    }
}
