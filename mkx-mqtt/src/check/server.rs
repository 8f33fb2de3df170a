//! The broker's own certificate.

use super::{Look, authority};
use crate::authority::{Presence, presence};
use crate::certificate::Certificate;
use crate::rule::Rule;

/// Looks at it.
pub fn check(look: &mut Look) {
    let pair = look.files.server.clone();
    let renew = format!("mkx-mqtt certs server {}", look.environment);
    match presence(&pair) {
        Presence::Whole => {}
        Presence::None => {
            look.find(
                Rule::ServerMissing,
                &pair.certificate(),
                "the broker has no certificate",
            );
            return;
        }
        Presence::Half(missing) => {
            look.find(
                Rule::HalfPair,
                &missing,
                "it is missing, the other file of the pair is there",
            )
            .fix = renew;
            return;
        }
    }
    let Some(server) = look.certificate(&pair.certificate(), "mkx-mqtt certs server") else {
        return;
    };
    authority::fits(look, &pair, &server);
    if let Ok(signer) = Certificate::read(&look.files.authority.certificate())
        && !server.is_signed_by(&signer)
    {
        let message = "the environment's authority did not sign it";
        look.find(Rule::ServerForeign, &pair.certificate(), message);
    }
    let mqtt = look.mqtt;
    let missing: Vec<&str> = std::iter::once(&mqtt.public_host)
        .chain(&mqtt.names)
        .map(String::as_str)
        .filter(|name| !server.carries(name))
        .collect();
    if !missing.is_empty() {
        let message = format!("it does not carry {}", missing.join(", "));
        look.find(Rule::NameMissing, &pair.certificate(), message);
    }
    if let Some(others) = &look.others
        && let Ok(other) = Certificate::read(&others.server.certificate())
        && other.public_key == server.public_key
    {
        look.share(Rule::KeyShared, "server.key", &pair.key());
    }
}
