//! `mkx-mqtt certs`: an environment's authority and what it has signed. A file a verb.

mod folder;
mod init;
pub mod player;
pub mod revoke;
mod server;

use std::path::PathBuf;

use clap::Subcommand;
use jiff::Timestamp;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::replace::Pair;
use mkx_contract::{Answer, Environment, EnvironmentName, Record, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::certificate::Certificate;
use crate::check;

use folder::Folder;
pub use player::Bundle;
pub use revoke::Revocations;

/// What to do with an authority.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make an environment's authority, its revocation list and the broker's certificate
    ///
    /// What is there is kept. An authority is never replaced: one file of the pair without the
    /// other, or a key that does not fit, is a refusal.
    Init(init::Arguments),
    /// Give the broker a certificate with all the names that devices use
    Server(server::Arguments),
    /// Sign a certificate for a device
    Player(player::Arguments),
    /// Revoke a certificate, and show that the broker refuses it
    Revoke(revoke::RevokeArguments),
    /// Renew the revocation list before it lapses, and show that the broker took it
    Crl(revoke::CrlArguments),
    /// The same as mkx-mqtt check
    Check(check::Arguments),
}

impl Verb {
    /// Runs the verb.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        match self {
            Verb::Init(arguments) => arguments.run(common),
            Verb::Server(arguments) => arguments.run(common),
            Verb::Player(arguments) => arguments.run(common),
            Verb::Revoke(arguments) => arguments.run(common),
            Verb::Crl(arguments) => arguments.run(common),
            Verb::Check(arguments) => arguments.run(common),
        }
    }
}

/// An environment's authority and the broker's certificate.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Authority {
    /// Whose.
    pub environment: EnvironmentName,
    /// The authority.
    pub authority: Signed,
    /// The broker's certificate.
    pub server: Signed,
    /// True where the broker was told, and then showed the certificate; null: it was not told.
    pub proven: Option<bool>,
}

impl Record for Authority {
    const RECORD: &'static str = "mkx.mqtt.authority/1";
}

/// A certificate, for people and scripts.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Signed {
    /// The file.
    pub file: PathBuf,
    /// True where it is new.
    pub made: bool,
    /// `CN=…`
    pub subject: String,
    /// The names in it.
    pub names: Vec<String>,
    /// The serial number, decimal.
    pub serial: String,
    /// SHA-256 of the certificate.
    pub fingerprint: String,
    /// Until when it holds, RFC 3339 in UTC.
    #[schemars(with = "String")]
    pub not_after: Timestamp,
    /// Whole days until then.
    pub days_left: i64,
}

impl Signed {
    fn new(pair: &Pair, made: bool, certificate: &Certificate) -> Signed {
        Signed {
            file: pair.certificate(),
            made,
            subject: certificate.subject.clone(),
            names: certificate.names.clone(),
            serial: certificate.serial.to_string(),
            fingerprint: certificate.fingerprint(),
            not_after: certificate.not_after,
            days_left: certificate.days_left(),
        }
    }
}

/// Every name under which somebody reaches the environment's broker.
fn names(environment: &Environment) -> Result<Vec<String>> {
    let mqtt = environment.mqtt()?;
    let mut names = vec![mqtt.public_host.clone(), mqtt.host.clone()];
    names.extend(mqtt.names.iter().cloned());
    names.extend(["localhost".into(), "127.0.0.1".into()]);
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.to_ascii_lowercase()));
    Ok(names)
}
