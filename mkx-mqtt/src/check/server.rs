//! The broker's own certificate.

use super::{Look, authority};
use crate::authority::{Presence, presence};
use crate::certificate::Certificate;

/// Looks at it.
pub fn check(look: &mut Look) {
    let pair = look.files.server.clone();
    let renew = format!("mkx-mqtt certs server {}", look.environment);
    match presence(&pair) {
        Presence::Whole => {}
        Presence::None => {
            look.find(
                "server_missing",
                &pair.certificate(),
                "the broker has no certificate",
            )
            .hint = Some(renew);
            return;
        }
        Presence::Half(missing) => {
            look.find(
                "half_pair",
                &missing,
                "it is missing, the other file of the pair is there",
            )
            .hint = Some(renew);
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
        look.find("server_foreign", &pair.certificate(), message)
            .hint = Some(renew.clone());
    }
    let mqtt = look.mqtt;
    let missing: Vec<&str> = std::iter::once(&mqtt.public_host)
        .chain(&mqtt.names)
        .map(String::as_str)
        .filter(|name| !server.carries(name))
        .collect();
    if !missing.is_empty() {
        let message = format!("it does not carry {}", missing.join(", "));
        look.find("name_missing", &pair.certificate(), message).hint = Some(renew);
    }
    if let Some(others) = &look.others
        && let Ok(other) = Certificate::read(&others.server.certificate())
        && other.public_key == server.public_key
    {
        let message = format!(
            "the broker of {} has the same key",
            look.environment.other()
        );
        look.find("key_shared", &pair.key(), message);
    }
}
