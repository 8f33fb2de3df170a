//! Caddy's JSON, in which what is absent is as good as empty.

use serde_json::Value;

/// A list's elements.
pub fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A list's texts.
pub fn texts(value: &Value) -> impl Iterator<Item = &str> {
    array(value).iter().filter_map(Value::as_str)
}

/// An object's members.
pub fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// A text.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The HTTP servers of a configuration.
pub fn servers(configuration: &Value) -> impl Iterator<Item = &Value> {
    members(&configuration["apps"]["http"]["servers"]).map(|(_, server)| server)
}

/// The hosts that a route is for.
pub fn hosts(route: &Value) -> impl Iterator<Item = &str> {
    let sets = array(&route["match"]).iter();
    sets.flat_map(|set| texts(&set["host"]))
}

/// Looks at a value and everything in it.
pub fn walk<'a>(value: &'a Value, look: &mut impl FnMut(&'a Value)) {
    look(value);
    match value {
        Value::Array(values) => values.iter().for_each(|value| walk(value, look)),
        Value::Object(members) => members.values().for_each(|value| walk(value, look)),
        _ => {}
    }
}
