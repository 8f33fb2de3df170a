//! The path patterns that a configuration uses for one host: each is a place where something
//! differs, and is worth a question.

use serde_json::Value;

/// Every path pattern below the routes of a host.
pub fn of_host(configuration: &Value, host: &str) -> Vec<String> {
    let lists = members(configuration, host, "path").into_iter();
    let paths = lists.flat_map(|list| list.as_array().into_iter().flatten());
    let mut patterns: Vec<String> = paths.filter_map(Value::as_str).map(str::to_owned).collect();
    patterns.sort();
    patterns.dedup();
    patterns
}

/// Names and hashes of every account below the routes of a host.
pub fn accounts_of_host(configuration: &Value, host: &str) -> Vec<(String, String)> {
    let lists = members(configuration, host, "accounts").into_iter();
    let mut accounts: Vec<(String, String)> = lists
        .flat_map(|list| list.as_array().into_iter().flatten())
        .map(|account| {
            let text = |field: &str| account[field].as_str().unwrap_or_default().to_owned();
            (text("username"), text("password"))
        })
        .collect();
    accounts.sort();
    accounts.dedup();
    accounts
}

/// The values of every member of a name, wherever it is below the routes of a host.
fn members<'a>(configuration: &'a Value, host: &str, wanted: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    let servers = configuration["apps"]["http"]["servers"].as_object();
    for (_, server) in servers.into_iter().flatten() {
        for route in server["routes"].as_array().into_iter().flatten() {
            let matchers = route["match"].as_array().into_iter().flatten();
            let mut hosts = matchers.flat_map(|set| set["host"].as_array().into_iter().flatten());
            if hosts.any(|name| name.as_str() == Some(host)) {
                collect(&route["handle"], wanted, &mut found);
            }
        }
    }
    found
}

fn collect<'a>(value: &'a Value, wanted: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(values) => values.iter().for_each(|one| collect(one, wanted, found)),
        Value::Object(members) => {
            for (name, value) in members {
                if name == wanted {
                    found.push(value);
                }
                collect(value, wanted, found);
            }
        }
        _ => {}
    }
}
