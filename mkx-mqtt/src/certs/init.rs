//! `certs init`: an authority is made once.

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::{confirm, output, voice};
use mkx_contract::{Answer, EnvironmentName, Failure, Result, Site};
use serde_json::{Value, json};

use super::{Authority as Report, Folder, Signed, names};
use crate::authority::{Authority, Presence, presence};
use crate::certificate::Certificate;
use crate::changing::{self, unwritten};
use crate::key::Kind;
use crate::place::Files;
use crate::revocation::Revocations;
use mkx_contract::tool::replace;

/// The arguments of `certs init`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The environment
    environment: EnvironmentName,
    /// The authority's key and the broker's
    #[arg(long, value_enum, default_value = "ecdsa")]
    key: Kind,
    /// How long the authority holds
    #[arg(long, value_name = "DAYS", default_value_t = 3650)]
    days: u32,
    /// How long the broker's certificate holds
    #[arg(long, value_name = "DAYS", default_value_t = 825)]
    server_days: u32,
    /// How long the revocation list holds
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    crl_days: u32,
    /// Production's domain, to make production's authority
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
        let doing = "make a certificate authority";
        confirm::change(&site, environment, self.confirm.as_deref(), doing)?;
        let report = changing::step(&site, environment, "mkx-mqtt certs init", || {
            self.make(&site)
        })?;
        let (verb, hint) = match report.authority.made {
            true => ("made", "; keep a copy of its key elsewhere"),
            false => ("kept", ""),
        };
        voice::say(format!("{verb} the authority of {environment}{hint}"));
        output::stdout().document(&report)?;
        Ok(Answer::Yes)
    }

    fn make(&self, site: &Site) -> Result<(Report, Value)> {
        let files = Files::of(site, self.environment)?;
        let described = site.environment(self.environment);
        let is_new = presence(&files.authority) == Presence::None;
        if is_new {
            self.refuse_to_orphan(&files)?;
            let subject = format!("{} MQTT authority", described.domain);
            let (authority, key) = Authority::make(&subject, &site.name, self.key, self.days)?;
            let made = replace::pair(&files.authority, &authority.pem, key.expose());
            made.map_err(unwritten(&files.authority.certificate()))?;
        }
        let authority = Authority::load(site, self.environment)?;
        if !files.revocations.exists() {
            let list = Revocations::default().sign(&authority, self.crl_days)?;
            replace::file(&files.revocations, &list, replace::PUBLIC)
                .map_err(unwritten(&files.revocations))?;
        }
        let (server, made) = match presence(&files.server) {
            Presence::Whole => (Certificate::read(&files.server.certificate())?, false),
            _ => {
                let issued = authority.server(&names(described)?, self.key, self.server_days)?;
                replace::pair(&files.server, &issued.pem, issued.key.expose())
                    .map_err(unwritten(&files.server.certificate()))?;
                (issued.certificate, true)
            }
        };
        let report = Report {
            environment: self.environment,
            authority: Signed::new(&files.authority, is_new, &authority.certificate),
            server: Signed::new(&files.server, made, &server),
            proven: None,
        };
        let detail = json!({ "authority_made": is_new, "server_made": made });
        Ok((report, detail))
    }

    /// What an authority that is gone has signed may still be in use.
    fn refuse_to_orphan(&self, files: &Files) -> Result<()> {
        let signed = [files.server.certificate(), files.revocations.clone()];
        match signed.into_iter().find(|file| file.exists()) {
            Some(file) => Err(Failure::refused(format!(
                "cannot make an authority for {}: {} was signed by one that is not there",
                self.environment,
                file.display()
            ))
            .hint("bring ca.crt and ca.key back from a backup; or, where none was ever in use, move that file away")),
            None => Ok(()),
        }
    }
}
