//! `certs player`: a certificate for a device, as one record.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::input::Input;
use mkx_contract::tool::{confirm, output};
use mkx_contract::{Answer, EnvironmentName, Failure, Record, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Folder;
use crate::authority::{Authority, Validity};
use crate::key::Kind;
use crate::{account, changing};

/// The arguments of `certs player`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The environment
    environment: EnvironmentName,
    /// The device's own name, as it stands in its topics
    player: String,
    /// Make a private key and put it into the record
    #[arg(long, conflicts_with = "request", required_unless_present = "request")]
    private_key: bool,
    /// Sign for the key of a certificate request; - is stdin
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// The key to make
    #[arg(long, value_enum, default_value = "ecdsa", conflicts_with = "request")]
    key: Kind,
    /// How long the certificate holds
    #[arg(long, value_name = "DAYS", default_value_t = 1095)]
    days: u32,
    /// Production's domain, to sign for a device of production
    #[arg(long, value_name = "DOMAIN")]
    confirm: Option<String>,
    #[command(flatten)]
    folder: Folder,
}

/// What a device needs.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Bundle {
    /// Whose device.
    pub environment: EnvironmentName,
    /// Its name.
    pub player: String,
    /// The broker that it talks to.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// The authority's certificate, PEM.
    pub authority: String,
    /// The device's certificate, PEM.
    pub certificate: String,
    /// Its private key, PEM, where it was asked for.
    pub private_key: Option<String>,
    /// The serial number, decimal.
    pub serial: String,
    /// Until when it holds, RFC 3339 in UTC.
    #[schemars(with = "String")]
    pub not_after: Timestamp,
}

impl Record for Bundle {
    const RECORD: &'static str = "mkx.mqtt.bundle/1";
}

impl Arguments {
    /// Runs the verb.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let site = self.folder.site(common, self.environment)?;
        let environment = self.environment;
        let mqtt = site.environment(environment).mqtt()?;
        account::check_name(&self.player)?;
        if self.player == mqtt.service.user {
            return Err(Failure::refused(format!(
                "cannot sign a certificate for {:?}: it is the application's account, and the broker would give the device its rights",
                self.player
            )));
        }
        let doing = "sign a certificate for a device";
        confirm::change(&site, environment, self.confirm.as_deref(), doing)?;
        let read = |path: &PathBuf| Input::open(path)?.text();
        let request = self.request.as_ref().map(read).transpose()?;
        let bundle = changing::step(&site, environment, "mkx-mqtt certs player", || {
            let authority = Authority::load(&site, environment)?;
            let validity = Validity::days(self.days);
            let (pem, certificate, key) = match &request {
                Some(request) => {
                    let (pem, certificate) = authority.request(request, &self.player, validity)?;
                    (pem, certificate, None)
                }
                None => {
                    let issued = authority.player(&self.player, self.key, validity)?;
                    (issued.pem, issued.certificate, Some(issued.key))
                }
            };
            let bundle = Bundle {
                environment,
                player: self.player.clone(),
                host: mqtt.public_host.clone(),
                port: mqtt.port,
                authority: authority.pem,
                certificate: pem,
                private_key: key.map(|key| key.expose().to_owned()),
                serial: certificate.serial.to_string(),
                not_after: certificate.not_after,
            };
            let detail = json!({ "player": bundle.player, "serial": bundle.serial });
            Ok((bundle, detail))
        })?;
        output::stdout().document(&bundle)?;
        Ok(Answer::Yes)
    }
}
