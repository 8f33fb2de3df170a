//! `certs revoke` and `certs crl`: sign the next list, tell the broker, and show that it holds.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use mkx_contract::record::journal::State;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::journal::Journal;
use mkx_contract::tool::{confirm, output, voice};
use mkx_contract::{Answer, EnvironmentName, Failure, Record, Result, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use x509_parser::der_parser::num_bigint::BigUint;

use super::Folder;
use crate::authority::Authority;
use crate::certificate::Certificate;
use crate::changing::{self, unwritten};
use crate::place::Files;
use crate::revocation::{PROBE, Revocations as List, parse_serial};
use crate::{proof, reload};
use mkx_contract::tool::replace;

/// What both verbs are told.
#[derive(Debug, Args)]
struct Signing {
    /// How long the new list holds
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    days: u32,
    /// Do not tell the broker
    #[arg(long)]
    no_reload: bool,
    /// Production's domain, to change production's list
    #[arg(long, value_name = "DOMAIN")]
    confirm: Option<String>,
    #[command(flatten)]
    folder: Folder,
}

/// The arguments of `certs revoke`.
#[derive(Debug, Args)]
pub struct RevokeArguments {
    /// The environment
    environment: EnvironmentName,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    signing: Signing,
}

/// Which certificate.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Its serial number: decimal, 0x… or 4f:…
    #[arg(long, value_name = "NUMBER")]
    serial: Option<String>,
    /// The certificate's file
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Every certificate that certs player has signed for this device
    #[arg(long, value_name = "NAME")]
    player: Option<String>,
}

/// The arguments of `certs crl`.
#[derive(Debug, Args)]
pub struct CrlArguments {
    /// The environment
    environment: EnvironmentName,
    /// Renew the list where it holds no longer than this
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    within: u32,
    /// Renew it in any case
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    signing: Signing,
}

/// The revocation list.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Revocations {
    /// Whose.
    pub environment: EnvironmentName,
    /// The file.
    pub file: PathBuf,
    /// True where a new list was signed.
    pub signed: bool,
    /// Serial numbers that this run added, decimal.
    pub added: Vec<String>,
    /// How many the list has.
    pub revoked: usize,
    /// When it lapses, RFC 3339 in UTC.
    #[schemars(with = "String")]
    pub next_update: Timestamp,
    /// Whole days until then.
    pub days_left: i64,
    /// True where the broker refused a revoked certificate and accepted a good one after it was
    /// told; null: it was not told.
    pub proven: Option<bool>,
}

impl Record for Revocations {
    const RECORD: &'static str = "mkx.mqtt.revocations/1";
}

impl RevokeArguments {
    /// Runs the verb.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let (what, environment) = ("mkx-mqtt certs revoke", self.environment);
        let revoke = |site: &Site, authority: &Authority, list: &mut List| {
            let mut serials = self.which.serials(site, environment, authority)?;
            serials.retain(|serial| list.add(serial.clone()));
            Ok((true, serials.iter().map(BigUint::to_string).collect()))
        };
        self.signing.run(common, environment, what, revoke)
    }
}

impl CrlArguments {
    /// Runs the verb.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let what = "mkx-mqtt certs crl";
        let renew = |_: &Site, _: &Authority, list: &mut List| {
            let is_due = list.days_left() <= i64::from(self.within);
            let is_old = !list.names(&BigUint::from_bytes_be(PROBE));
            Ok((self.force || is_due || is_old, Vec::new()))
        };
        self.signing.run(common, self.environment, what, renew)
    }
}

impl Which {
    fn serials(
        &self,
        site: &Site,
        environment: EnvironmentName,
        authority: &Authority,
    ) -> Result<Vec<BigUint>> {
        if let Some(serial) = &self.serial {
            return Ok(vec![parse_serial(serial)?]);
        }
        if let Some(path) = &self.certificate {
            let certificate = Certificate::read(path)?;
            if !certificate.is_signed_by(&authority.certificate) {
                let cause = format!("the authority of {environment} did not sign it");
                let file = path.display();
                return Err(Failure::refused(format!("cannot revoke {file}: {cause}")));
            }
            return Ok(vec![certificate.serial]);
        }
        let player = self.player.as_deref().unwrap_or_default();
        let signed: Vec<BigUint> = Journal::at(&site.state_directory)
            .entries()?
            .iter()
            .filter(|entry| entry.step == "mkx-mqtt certs player" && entry.state == State::Done)
            .filter(|entry| entry.environment == environment && entry.detail["player"] == player)
            .filter_map(|entry| entry.detail["serial"].as_str()?.parse().ok())
            .collect();
        if signed.is_empty() {
            return Err(Failure::input(format!(
                "cannot revoke {player:?}: the journal knows no certificate for it"
            ))
            .hint("name it by --serial or --certificate; the application's database has the serial numbers of those that it signed"));
        }
        Ok(signed)
    }
}

impl Signing {
    /// `change` adds to the list and says whether it has to be signed anew.
    fn run(
        &self,
        common: &Common,
        environment: EnvironmentName,
        what: &str,
        change: impl FnOnce(&Site, &Authority, &mut List) -> Result<(bool, Vec<String>)>,
    ) -> Result<Answer> {
        let site = &self.folder.site(common, environment)?;
        let doing = "sign a revocation list";
        confirm::change(site, environment, self.confirm.as_deref(), doing)?;
        let (mut report, authority) = changing::step(site, environment, what, || {
            self.sign(site, environment, change)
        })?;
        if !self.no_reload && reload::broker(site, environment)? {
            proof::revocation_holds(site, environment, &authority)?;
            report.proven = Some(true);
            voice::say("the broker refuses what is revoked and accepts what is not");
        }
        output::stdout().document(&report)?;
        Ok(Answer::Yes)
    }

    fn sign(
        &self,
        site: &Site,
        environment: EnvironmentName,
        change: impl FnOnce(&Site, &Authority, &mut List) -> Result<(bool, Vec<String>)>,
    ) -> Result<((Revocations, Authority), Value)> {
        let file = Files::of(site, environment)?.revocations;
        let authority = Authority::load(site, environment)?;
        let mut list = List::read(&file).map_err(|failure| {
            failure.hint(format!(
                "a list that is lost forgets whom it revoked: bring it back from a backup, or begin one with mkx-mqtt certs init {environment}"
            ))
        })?;
        if !list.is_signed_by(&authority.certificate) {
            return Err(Failure::refused(format!(
                "cannot go on with {}: the authority of {environment} did not sign it",
                file.display()
            ))
            .hint("it is another environment's; bring the right one back"));
        }
        let (is_due, added) = change(site, &authority, &mut list)?;
        if is_due {
            let pem = list.sign(&authority, self.days)?;
            replace::file(&file, &pem, replace::PUBLIC).map_err(unwritten(&file))?;
        }
        let report = Revocations {
            environment,
            file,
            signed: is_due,
            added,
            revoked: list.entries.len(),
            next_update: list.next_update,
            days_left: list.days_left(),
            proven: None,
        };
        let detail = json!({ "signed": report.signed, "added": report.added });
        Ok(((report, authority), detail))
    }
}
