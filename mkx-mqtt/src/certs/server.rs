//! `certs server`: the broker's own certificate.

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::{confirm, output, voice};
use mkx_contract::{Answer, EnvironmentName, Result};
use serde_json::json;

use super::{Authority as Report, Folder, Signed, names};
use crate::authority::Authority;
use crate::changing::{self, unwritten};
use crate::key::Kind;
use crate::place::Files;
use crate::{proof, reload};
use mkx_contract::tool::replace;

/// The arguments of `certs server`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The environment
    environment: EnvironmentName,
    /// The key
    #[arg(long, value_enum, default_value = "ecdsa")]
    key: Kind,
    /// How long it holds
    #[arg(long, value_name = "DAYS", default_value_t = 825)]
    days: u32,
    /// Do not tell the broker
    #[arg(long)]
    no_reload: bool,
    /// Production's domain, to change production's broker
    #[arg(long, value_name = "DOMAIN")]
    confirm: Option<String>,
    #[command(flatten)]
    folder: Folder,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let site = self.folder.site(common, self.environment)?;
        let environment = self.environment;
        let doing = "replace the broker's certificate";
        confirm::change(&site, environment, self.confirm.as_deref(), doing)?;
        let files = Files::of(&site, environment)?;
        let what = "mkx-mqtt certs server";
        let (mut report, authority) = changing::step(&site, environment, what, || {
            let authority = Authority::load(&site, environment)?;
            let names = names(site.environment(environment))?;
            let issued = authority.server(&names, self.key, self.days)?;
            replace::pair(&files.server, &issued.pem, issued.key.expose())
                .map_err(unwritten(&files.server.certificate()))?;
            let report = Report {
                environment,
                authority: Signed::new(&files.authority, false, &authority.certificate),
                server: Signed::new(&files.server, true, &issued.certificate),
                proven: None,
            };
            let detail = json!({ "serial": report.server.serial });
            Ok(((report, authority), detail))
        })?;
        if !self.no_reload && reload::broker(&site, environment)? {
            proof::shows(&site, environment, &authority, &report.server.fingerprint)?;
            report.proven = Some(true);
            voice::say("the broker shows the new certificate");
        }
        output::stdout().document(&report)?;
        Ok(Answer::Yes)
    }
}
