//! The broker's own certificate.

use super::{Look, authority};
use crate::authority::{Presence, presence};
use crate::certificate::Certificate;
use crate::rule::Rule;

/// Looks at it.
pub fn check(look: &mut Look) {
    let (mqtt, pair) = (look.mqtt, &look.files.server);
    let file = pair.certificate();
    match presence(pair) {
        Presence::Whole => {}
        Presence::None => {
            look.find(Rule::ServerMissing, &file, "the broker has no certificate");
            return;
        }
        Presence::Half(missing) => {
            look.half(&missing).fix = format!("mkx-mqtt certs server {}", look.environment);
            return;
        }
    }
    let Some(server) = look.certificate(&file, "mkx-mqtt certs server") else {
        return;
    };
    authority::fits(look, pair, &server);
    if let Ok(signer) = Certificate::read(&look.files.authority.certificate())
        && !server.is_signed_by(&signer)
    {
        let message = "the environment's authority did not sign it";
        look.find(Rule::ServerForeign, &file, message);
    }
    let names = std::iter::once(&mqtt.public_host).chain(&mqtt.names);
    let missing = names
        .map(String::as_str)
        .filter(|name| !server.carries(name));
    let missing: Vec<&str> = missing.collect();
    if !missing.is_empty() {
        let message = format!("it does not carry {}", missing.join(", "));
        look.find(Rule::NameMissing, &file, message);
    }
    if let Some(others) = look.others
        && let Ok(other) = Certificate::read(&others.server.certificate())
        && other.public_key == server.public_key
    {
        look.share(Rule::KeyShared, "server.key", &pair.key());
    }
}
