//! The path patterns that a configuration uses for one host: each is a place where something
//! differs, and is worth a question.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::json::{array, hosts, servers, text, texts, walk};

/// Every path pattern below the routes of a host.
pub fn of_host(configuration: &Value, host: &str) -> Vec<String> {
    let lists = named(configuration, host, "path").into_iter();
    let patterns: BTreeSet<&str> = lists.flat_map(texts).collect();
    patterns.into_iter().map(str::to_owned).collect()
}

/// Names and hashes of every account below the routes of a host.
pub fn accounts_of_host(configuration: &Value, host: &str) -> BTreeSet<(String, String)> {
    let lists = named(configuration, host, "accounts").into_iter();
    let account = |account: &Value| {
        let field = |name: &str| text(&account[name]).to_owned();
        (field("username"), field("password"))
    };
    lists.flat_map(array).map(account).collect()
}

/// The values of every member of a name, wherever it is below the routes of a host.
fn named<'a>(configuration: &'a Value, host: &str, wanted: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    let routes = servers(configuration).flat_map(|server| array(&server["routes"]));
    for route in routes.filter(|route| hosts(route).any(|name| name == host)) {
        walk(&route["handle"], &mut |value| {
            found.extend(value.get(wanted))
        });
    }
    found
}
