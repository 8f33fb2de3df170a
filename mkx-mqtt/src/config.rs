//! A broker's configuration and ACL as text: mosquitto.conf(5).

use std::fmt::Write;

use mkx_contract::record::site::{PLAYER, Right};
use mkx_contract::{EnvironmentName, Result, Site};

use crate::place::Files;

/// `mosquitto.conf`.
pub fn configuration(site: &Site, environment: EnvironmentName) -> Result<String> {
    let described = site.environment(environment);
    let mqtt = described.mqtt()?;
    let files = Files::of(site, environment)?;
    let listen = mqtt.listen();
    let inside = |file: &std::path::Path| files.in_broker(file).display().to_string();
    let user = match &mqtt.user {
        Some(user) => format!("user {user}\n"),
        None => String::new(),
    };
    Ok(format!(
        "\
# The broker of {project}. Written by: mkx-mqtt render {environment}
# What differs by environment is in the site document; change it there.

per_listener_settings false
allow_anonymous false
password_file {passwords}
acl_file {acl}
persistence false
log_dest stdout
{user}
# The application, inside only.
listener {plain_port} {plain_address}

# Devices: the name in a certificate of this environment's authority is the user.
listener {port}
cafile {ca}
certfile {certificate}
keyfile {key}
crlfile {crl}
require_certificate true
use_identity_as_username true
tls_version tlsv1.2
",
        project = described.project,
        passwords = inside(&files.passwords),
        acl = inside(&files.acl),
        plain_port = listen.plain_port,
        plain_address = listen.plain_address,
        port = listen.port,
        ca = inside(&files.authority.certificate()),
        certificate = inside(&files.server.certificate()),
        key = inside(&files.server.key()),
        crl = inside(&files.revocations),
    ))
}

/// The ACL; what it does not name is denied.
pub fn acl(site: &Site, environment: EnvironmentName) -> Result<String> {
    let described = site.environment(environment);
    let mqtt = described.mqtt()?;
    let mut text = format!(
        "\
# Who may do what on the broker of {}. Written by: mkx-mqtt render {environment}
# What is not named here is denied.

# The application.
user {}
",
        described.project, mqtt.service.user
    );
    for topic in &mqtt.topics {
        if let Some(right) = word(topic.service) {
            let topic = mqtt.topic(&topic.topic, "+");
            writeln!(text, "topic {right} {topic}").expect("a string takes everything");
        }
    }
    text.push_str("\n# A device: its own topics only; %u is the name in its certificate.\n");
    for topic in &mqtt.topics {
        if let Some(right) = word(topic.player) {
            let topic = mqtt.topic(&topic.topic, PLAYER).replace(PLAYER, "%u");
            writeln!(text, "pattern {right} {topic}").expect("a string takes everything");
        }
    }
    Ok(text)
}

fn word(right: Right) -> Option<&'static str> {
    match right {
        Right::None => None,
        Right::Read => Some("read"),
        Right::Write => Some("write"),
    }
}
