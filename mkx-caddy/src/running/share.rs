//! Which part of a configuration is whose: what a change of EB must leave as it is.

use std::collections::BTreeSet;

use mkx_contract::Site;
use mkx_contract::record::site::Environment;
use serde_json::{Map, Value, json};

use crate::json::{self, array, members, servers, texts, walk};

/// All hosts of an environment.
pub fn hosts(environment: &Environment) -> Vec<String> {
    let mut hosts = vec![environment.domain.clone()];
    hosts.extend(environment.vault.iter().map(|vault| vault.domain.clone()));
    hosts.extend(environment.web.redirect_from.iter().cloned());
    hosts
}

/// The configuration without what is EB's alone: its routes and its logs. Two configurations
/// that are equal here serve production alike.
pub fn without_development(site: &Site, configuration: &Value) -> Value {
    let own = hosts(&site.environments.eb);
    let mut rest = configuration.clone();
    let mut logs = Vec::new();
    if let Some(servers) = rest["apps"]["http"]["servers"].as_object_mut() {
        // Servers are numbered in order of appearance, which says nothing.
        let mut listed: Vec<Value> = std::mem::take(servers).into_values().collect();
        listed.sort_by_key(|server| server["listen"].to_string());
        for server in &mut listed {
            logs.push(loggers(server, &own, configuration));
            for part in ["/routes", "/errors/routes"] {
                if let Some(routes) = server.pointer_mut(part).and_then(Value::as_array_mut) {
                    routes.retain(|route| !is_for(route, &own));
                }
            }
            if let Some(server) = server.as_object_mut() {
                server.shift_remove("logs");
            }
        }
        rest["apps"]["http"]["servers"] = Value::Array(listed);
    }
    if let Some(top) = rest.as_object_mut() {
        top.shift_remove("logging");
        top.insert("logs".into(), Value::Array(logs));
    }
    rest
}

/// The routes that are EB's alone.
pub fn of_development(site: &Site, configuration: &Value) -> Vec<Value> {
    let own = hosts(&site.environments.eb);
    let routes = servers(configuration).flat_map(|server| array(&server["routes"]));
    let routes = routes.filter(|route| is_for(route, &own));
    let mut routes: Vec<Value> = routes.cloned().collect();
    routes.sort_by_key(|route| route["match"].to_string());
    routes
}

fn is_for(route: &Value, hosts: &[String]) -> bool {
    let mut named = json::hosts(route).peekable();
    named.peek().is_some() && named.all(|host| hosts.iter().any(|own| own == host))
}

/// Where the hosts of a server that are not EB's write their log.
fn loggers(server: &Value, own: &[String], configuration: &Value) -> Value {
    let mut logs = Map::new();
    let named = members(&server["logs"]["logger_names"]);
    for (host, names) in named.filter(|(host, _)| !own.contains(host)) {
        let writer = |name: &str| {
            let log = &configuration["logging"]["logs"][name];
            json!({ "writer": log["writer"], "encoder": log["encoder"], "level": log["level"] })
        };
        let writers = names.as_str().into_iter().chain(texts(names)).map(writer);
        logs.insert(host.clone(), writers.collect());
    }
    Value::Object(logs)
}

/// Upstreams of routes that are not EB's.
pub fn upstreams_of_production(site: &Site, configuration: &Value) -> Vec<String> {
    upstreams(site, configuration, |_| true)
}

/// Those of them whose streams a reload would end: of a proxy without `stream_close_delay` (which
/// came with 2.7).
pub fn streams_of_production(site: &Site, configuration: &Value) -> Vec<String> {
    upstreams(site, configuration, |proxy| {
        proxy.get("stream_close_delay").is_none()
    })
}

fn upstreams(site: &Site, configuration: &Value, is_meant: fn(&Value) -> bool) -> Vec<String> {
    let rest = without_development(site, configuration);
    let mut found = BTreeSet::new();
    walk(&rest, &mut |value| {
        if value["handler"] == "reverse_proxy" && is_meant(value) {
            let upstreams = array(&value["upstreams"]).iter();
            found.extend(upstreams.filter_map(|upstream| upstream["dial"].as_str()));
        }
    });
    found.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        let preset = include_str!("../../../mkx-compose/presets/makapix.json");
        let mut value: Value = serde_json::from_str(preset).unwrap();
        value.as_object_mut().unwrap().shift_remove("record");
        serde_json::from_value(value).unwrap()
    }

    fn configuration(ea: &str, eb: &str) -> Value {
        let route = |host: &str, to: &str| json!({ "match": [{ "host": [host] }], "handle": [{ "handler": "reverse_proxy", "upstreams": [{ "dial": to }] }] });
        json!({ "apps": { "http": { "servers": { "srv0": { "listen": [":443"], "routes": [
            route("development.makapix.club", eb), route("makapix.club", ea),
        ] } } } } })
    }

    #[test]
    fn a_change_of_development_leaves_production_as_it_is() {
        let site = site();
        let rest = |ea, eb| without_development(&site, &configuration(ea, eb));
        assert_eq!(rest("a:1", "b:1"), rest("a:1", "b:2"));
        assert_ne!(rest("a:1", "b:1"), rest("a:2", "b:1"));
    }

    #[test]
    fn a_proxy_without_delay_ends_its_streams() {
        let mut with = configuration("a:1", "b:1");
        assert_eq!(streams_of_production(&site(), &with), ["a:1"]);
        let handler = &mut with["apps"]["http"]["servers"]["srv0"]["routes"][1]["handle"][0];
        handler["stream_close_delay"] = json!(1);
        assert!(streams_of_production(&site(), &with).is_empty());
        assert_eq!(upstreams_of_production(&site(), &with), ["a:1"]);
    }
}
