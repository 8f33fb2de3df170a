//! The path patterns that a configuration uses for one host: each is a place where something
//! differs, and is worth a question.

use serde_json::Value;

/// Every path pattern below the routes of a host.
pub fn of_host(configuration: &Value, host: &str) -> Vec<String> {
    let mut patterns = Vec::new();
    each_route_of(configuration, host, &mut |handle| {
        walk(handle, &mut |name, value| {
            if name == "path" {
                let paths = value.as_array().into_iter().flatten();
                patterns.extend(paths.filter_map(Value::as_str).map(str::to_owned));
            }
        });
    });
    patterns.sort();
    patterns.dedup();
    patterns
}

fn each_route_of(configuration: &Value, host: &str, each: &mut dyn FnMut(&Value)) {
    let servers = configuration["apps"]["http"]["servers"].as_object();
    for (_, server) in servers.into_iter().flatten() {
        for route in server["routes"].as_array().into_iter().flatten() {
            let matchers = route["match"].as_array().into_iter().flatten();
            let mut hosts = matchers.flat_map(|set| set["host"].as_array().into_iter().flatten());
            if hosts.any(|name| name.as_str() == Some(host)) {
                each(&route["handle"]);
            }
        }
    }
}

/// Every member of every object, wherever it is.
fn walk(value: &Value, each: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| walk(value, each)),
        Value::Object(members) => {
            for (name, value) in members {
                each(name, value);
                walk(value, each);
            }
        }
        _ => {}
    }
}

/// Names and hashes of every account below the routes of a host.
pub fn accounts_of_host(configuration: &Value, host: &str) -> Vec<(String, String)> {
    let mut accounts = Vec::new();
    each_route_of(configuration, host, &mut |handle| {
        walk(handle, &mut |name, value| {
            if name == "accounts" {
                for account in value.as_array().into_iter().flatten() {
                    let text = |field: &str| account[field].as_str().unwrap_or_default().to_owned();
                    accounts.push((text("username"), text("password")));
                }
            }
        });
    });
    accounts.sort();
    accounts.dedup();
    accounts
}
