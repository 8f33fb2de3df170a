//! The broker's configuration and ACL, against what the site document says.

use std::path::{Path, PathBuf};

use mkx_contract::Result;

use super::Look;
use crate::config;
use crate::settings::{Listener, Settings, rules};

/// Looks at them.
///
/// # Errors
/// Exit 3 where the environment has no broker.
pub fn check(look: &mut Look) -> Result<()> {
    let path = look.files.configuration.clone();
    let render = format!("mkx-mqtt render {} --output", look.environment);
    let Ok(text) = std::fs::read_to_string(&path) else {
        look.find("configuration_missing", &path, "it cannot be read")
            .hint = Some(render);
        return Ok(());
    };
    let settings = Settings::parse(&text);
    if settings.includes_others() {
        look.find(
            "include",
            &path,
            "include_dir brings in what is not seen here",
        );
    }
    for bridge in &settings.bridges {
        let message = format!("connection {bridge} makes it a bridge to another broker");
        look.find("bridge", &path, message);
    }
    let listen = look.mqtt.listen();
    for port in [listen.plain_port, listen.port] {
        if !settings.listeners.iter().any(|at| at.port == Some(port)) {
            let message = format!("nothing listens on port {port}");
            look.find("listener_missing", &path, message).hint = Some(render.clone());
        }
    }
    for listener in &settings.listeners {
        if listener.port == Some(listen.port) {
            secured(look, &path, &settings, listener);
        } else if listener.port == Some(listen.plain_port) {
            plain(look, &path, listener, &listen.plain_address);
            named(look, &path, &settings, listener, "password_file");
        } else {
            let port = listener.port.map_or("?".into(), |port| port.to_string());
            let message = format!("it listens on port {port}, which is not the environment's");
            look.find("listener_unknown", &path, message);
        }
        if settings.get(listener, "allow_anonymous") == Some("true") {
            look.find("anonymous", &path, "allow_anonymous lets everybody in");
        }
        named(look, &path, &settings, listener, "acl_file");
    }
    deduplicate(look);
    acl(look)
}

/// The listener for devices.
fn secured(look: &mut Look, path: &Path, settings: &Settings, listener: &Listener) {
    let files = look.files.clone();
    for (key, expected) in [
        ("cafile", files.authority.certificate()),
        ("certfile", files.server.certificate()),
        ("keyfile", files.server.key()),
        ("crlfile", files.revocations.clone()),
    ] {
        match settings.get(listener, key) {
            None if key == "crlfile" => {
                let message = "crlfile is not set: revoked certificates are accepted";
                look.find("crl_unset", path, message);
            }
            None => {
                look.find(
                    "tls_unset",
                    path,
                    format!("{key} is not set for port {:?}", listener.port),
                );
            }
            Some(given) if !is_same(files.on_host(Path::new(given)), &expected) => {
                let message = format!(
                    "{key} is {given}, not the environment's {}",
                    expected.display()
                );
                look.find("tls_foreign", path, message);
            }
            Some(_) => {}
        }
    }
    for key in ["require_certificate", "use_identity_as_username"] {
        if settings.get(listener, key) != Some("true") {
            look.find(
                key,
                path,
                format!("{key} is not true for the port of the devices"),
            );
        }
    }
    if settings
        .get(listener, "tls_version")
        .is_some_and(|version| !["tlsv1.2", "tlsv1.3"].contains(&version))
    {
        look.find(
            "tls_version",
            path,
            "tls_version allows versions that are broken",
        );
    }
}

fn plain(look: &mut Look, path: &Path, listener: &Listener, expected: &str) {
    let address = listener.address.as_deref().unwrap_or("0.0.0.0");
    if address != expected {
        let message = format!("the plain port listens on {address}, expected {expected}");
        look.find("plain_exposed", path, message);
    }
}

/// A file that the configuration must name and that must be the environment's.
fn named(look: &mut Look, path: &Path, settings: &Settings, listener: &Listener, key: &str) {
    let expected = match key {
        "acl_file" => look.files.acl.clone(),
        _ => look.files.passwords.clone(),
    };
    match settings.get(listener, key) {
        None => {
            look.find(&format!("{key}_unset"), path, format!("{key} is not set"));
        }
        Some(given) if !is_same(look.files.on_host(Path::new(given)), &expected) => {
            let message = format!(
                "{key} is {given}, not the environment's {}",
                expected.display()
            );
            look.find(&format!("{key}_foreign"), path, message);
        }
        Some(_) => {}
    }
}

fn is_same(given: Option<PathBuf>, expected: &Path) -> bool {
    given.is_some_and(|given| {
        given == expected
            || matches!((given.canonicalize(), expected.canonicalize()), (Ok(a), Ok(b)) if a == b)
    })
}

/// What is wrong with the whole broker was found once a listener.
fn deduplicate(look: &mut Look) {
    let mut seen = std::collections::HashSet::new();
    look.found.findings.retain(|finding| {
        seen.insert((
            finding.environment,
            finding.code.clone(),
            finding.file.clone(),
            finding.message.clone(),
        ))
    });
}

fn acl(look: &mut Look) -> Result<()> {
    let path = look.files.acl.clone();
    let Ok(text) = std::fs::read_to_string(&path) else {
        look.find("acl_missing", &path, "it cannot be read");
        return Ok(());
    };
    let expected = rules(&config::acl(look.site, look.environment)?);
    let actual = rules(&text);
    for rule in actual.iter().filter(|rule| !expected.contains(rule)) {
        let message = format!("it has a rule that the site does not: {rule}");
        look.find("acl_open", &path, message);
    }
    for rule in expected.iter().filter(|rule| !actual.contains(rule)) {
        let message = format!("it lacks a rule of the site: {rule}");
        look.find("acl_closed", &path, message);
    }
    Ok(())
}
