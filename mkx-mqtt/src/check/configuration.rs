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
    let path = &look.files.configuration;
    let Ok(text) = std::fs::read_to_string(path) else {
        look.find(Rule::ConfigurationMissing, path, "it cannot be read");
        return Ok(());
    };
    let settings = Settings::parse(&text);
    if settings.includes_others() {
        let message = "include_dir brings in what is not seen here";
        look.find(Rule::Include, path, message);
    }
    for bridge in &settings.bridges {
        let message = format!("connection {bridge} makes it a bridge to another broker");
        look.find(Rule::Bridge, path, message);
    }
    let listen = look.mqtt.listen();
    for port in [listen.plain_port, listen.port] {
        if !settings.listeners.iter().any(|at| at.port == Some(port)) {
            let message = format!("nothing listens on port {port}");
            look.find(Rule::ListenerMissing, path, message);
        }
    }
    for listener in &settings.listeners {
        let get = |key: &str| settings.get(listener, key);
        if listener.port == Some(listen.port) {
            secured(look, get);
        } else if listener.port == Some(listen.plain_port) {
            plain(look, listener, &listen.plain_address);
            let passwords = &look.files.passwords;
            let rules = (Rule::PasswordFileUnset, Rule::PasswordFileForeign);
            named(look, get, "password_file", passwords, rules);
        } else {
            let port = listener.port.map_or("?".into(), |port| port.to_string());
            let message = format!("it listens on port {port}, which is not the environment's");
            look.find(Rule::ListenerUnknown, path, message);
        }
        if get("allow_anonymous") == Some("true") {
            look.find(Rule::Anonymous, path, "allow_anonymous lets everybody in");
        }
        let (acl, rules) = (&look.files.acl, (Rule::AclFileUnset, Rule::AclFileForeign));
        named(look, get, "acl_file", acl, rules);
    }
    acl(look)
}

/// The listener for devices.
fn secured<'s>(look: &mut Look, get: impl Fn(&str) -> Option<&'s str>) {
    let (files, path) = (look.files, &look.files.configuration);
    let rules = (Rule::TlsUnset, Rule::TlsForeign);
    for (key, expected) in [
        ("cafile", &files.authority.certificate()),
        ("certfile", &files.server.certificate()),
        ("keyfile", &files.server.key()),
    ] {
        named(look, &get, key, expected, rules);
    }
    let rules = (Rule::CrlUnset, Rule::TlsForeign);
    named(look, &get, "crlfile", &files.revocations, rules);
    for (key, rule) in [
        ("require_certificate", Rule::RequireCertificate),
        ("use_identity_as_username", Rule::UseIdentityAsUsername),
    ] {
        if get(key) != Some("true") {
            let message = format!("{key} is not true for the port of the devices");
            look.find(rule, path, message);
        }
    }
    if !matches!(get("tls_version"), None | Some("tlsv1.2" | "tlsv1.3")) {
        let message = "tls_version allows versions that are broken";
        look.find(Rule::TlsVersion, path, message);
    }
}

fn plain(look: &mut Look, listener: &Listener, expected: &str) {
    let address = listener.address.as_deref().unwrap_or("0.0.0.0");
    if address != expected {
        let message = format!("the plain port listens on {address}, expected {expected}");
        look.find(Rule::PlainExposed, &look.files.configuration, message);
    }
}

/// A file that the configuration must name and that must be the environment's.
fn named<'s>(
    look: &mut Look,
    get: impl Fn(&str) -> Option<&'s str>,
    key: &str,
    expected: &Path,
    (unset, foreign): (Rule, Rule),
) {
    let path = &look.files.configuration;
    match get(key) {
        None => {
            let so = match unset {
                Rule::CrlUnset => ": revoked certificates are accepted",
                Rule::TlsUnset => " for the port of the devices",
                _ => "",
            };
            look.find(unset, path, format!("{key} is not set{so}"));
        }
        Some(given) if !is_same(look.files.on_host(Path::new(given)), expected) => {
            let expected = expected.display();
            let message = format!("{key} is {given}, not the environment's {expected}");
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
    let path = &look.files.acl;
    let Ok(text) = std::fs::read_to_string(path) else {
        look.find(Rule::AclMissing, path, "it cannot be read");
        return Ok(());
    };
    let expected = rules(&config::acl(look.site, look.environment)?);
    let actual = rules(&text);
    for rule in actual.iter().filter(|rule| !expected.contains(rule)) {
        let message = format!("it has a rule that the site does not: {rule}");
        look.find(Rule::AclOpen, path, message);
    }
    for rule in expected.iter().filter(|rule| !actual.contains(rule)) {
        let message = format!("it lacks a rule of the site: {rule}");
        look.find(Rule::AclClosed, path, message);
    }
    Ok(())
}
