//! The broker's configuration and ACL, against what the site document says.

use std::path::{Path, PathBuf};

use mkx_contract::Result;

use super::Look;
use crate::config;
use crate::rule::Rule;
use crate::settings::{Listener, Settings, rules};

/// Looks at them.
///
/// # Errors
/// Exit 3 where the environment has no broker.
pub fn check(look: &mut Look) -> Result<()> {
    let path = look.files.configuration.clone();
    let Ok(text) = std::fs::read_to_string(&path) else {
        look.find(Rule::ConfigurationMissing, &path, "it cannot be read");
        return Ok(());
    };
    let settings = Settings::parse(&text);
    if settings.includes_others() {
        look.find(
            Rule::Include,
            &path,
            "include_dir brings in what is not seen here",
        );
    }
    for bridge in &settings.bridges {
        let message = format!("connection {bridge} makes it a bridge to another broker");
        look.find(Rule::Bridge, &path, message);
    }
    let listen = look.mqtt.listen();
    for port in [listen.plain_port, listen.port] {
        if !settings.listeners.iter().any(|at| at.port == Some(port)) {
            let message = format!("nothing listens on port {port}");
            look.find(Rule::ListenerMissing, &path, message);
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
            look.find(Rule::ListenerUnknown, &path, message);
        }
        if settings.get(listener, "allow_anonymous") == Some("true") {
            look.find(Rule::Anonymous, &path, "allow_anonymous lets everybody in");
        }
        named(look, &path, &settings, listener, "acl_file");
    }
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
                look.find(Rule::CrlUnset, path, message);
            }
            None => {
                look.find(
                    Rule::TlsUnset,
                    path,
                    format!("{key} is not set for port {:?}", listener.port),
                );
            }
            Some(given) if !is_same(files.on_host(Path::new(given)), &expected) => {
                let message = format!(
                    "{key} is {given}, not the environment's {}",
                    expected.display()
                );
                look.find(Rule::TlsForeign, path, message);
            }
            Some(_) => {}
        }
    }
    for (key, rule) in [
        ("require_certificate", Rule::RequireCertificate),
        ("use_identity_as_username", Rule::UseIdentityAsUsername),
    ] {
        if settings.get(listener, key) != Some("true") {
            look.find(
                rule,
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
            Rule::TlsVersion,
            path,
            "tls_version allows versions that are broken",
        );
    }
}

fn plain(look: &mut Look, path: &Path, listener: &Listener, expected: &str) {
    let address = listener.address.as_deref().unwrap_or("0.0.0.0");
    if address != expected {
        let message = format!("the plain port listens on {address}, expected {expected}");
        look.find(Rule::PlainExposed, path, message);
    }
}

/// A file that the configuration must name and that must be the environment's.
fn named(look: &mut Look, path: &Path, settings: &Settings, listener: &Listener, key: &str) {
    let (expected, unset, foreign) = match key {
        "acl_file" => (&look.files.acl, Rule::AclFileUnset, Rule::AclFileForeign),
        _ => (
            &look.files.passwords,
            Rule::PasswordFileUnset,
            Rule::PasswordFileForeign,
        ),
    };
    let expected = expected.clone();
    match settings.get(listener, key) {
        None => {
            look.find(unset, path, format!("{key} is not set"));
        }
        Some(given) if !is_same(look.files.on_host(Path::new(given)), &expected) => {
            let message = format!(
                "{key} is {given}, not the environment's {}",
                expected.display()
            );
            look.find(foreign, path, message);
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

fn acl(look: &mut Look) -> Result<()> {
    let path = look.files.acl.clone();
    let Ok(text) = std::fs::read_to_string(&path) else {
        look.find(Rule::AclMissing, &path, "it cannot be read");
        return Ok(());
    };
    let expected = rules(&config::acl(look.site, look.environment)?);
    let actual = rules(&text);
    for rule in actual.iter().filter(|rule| !expected.contains(rule)) {
        let message = format!("it has a rule that the site does not: {rule}");
        look.find(Rule::AclOpen, &path, message);
    }
    for rule in expected.iter().filter(|rule| !actual.contains(rule)) {
        let message = format!("it lacks a rule of the site: {rule}");
        look.find(Rule::AclClosed, &path, message);
    }
    Ok(())
}
