//! `mkx-mqtt check`: everything that can be seen on the files of both brokers.

mod accounts;
mod authority;
mod configuration;
mod file;
mod server;

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use mkx_contract::record::site::Mqtt;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::output;
use mkx_contract::{Answer, Environment, EnvironmentName, Record, Result, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::certificate::{Certificate, days_until};
use crate::place::Files;

/// The arguments of `check`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Look at one environment only
    environment: Option<EnvironmentName>,
    /// Say so where a certificate holds no longer than this
    #[arg(long, value_name = "DAYS", default_value_t = 14)]
    within: u32,
}

/// What was found.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// True where nothing was found.
    pub ok: bool,
    /// What is not as it should be.
    pub findings: Vec<Finding>,
    /// What lapses, and when.
    pub validity: Vec<Validity>,
}

impl Record for Report {
    const RECORD: &'static str = "mkx.mqtt.check/1";
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The brokers are not apart, or devices can not connect.
    Error,
    /// They will not, soon.
    Warning,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Whose broker.
    pub environment: EnvironmentName,
    /// How bad it is.
    pub severity: Severity,
    /// What it is, for scripts: `authority_shared`.
    pub code: String,
    /// The file.
    pub file: Option<PathBuf>,
    /// What it is, for people.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Until when a certificate or list holds.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Validity {
    /// Whose.
    pub environment: EnvironmentName,
    /// The file.
    pub file: PathBuf,
    /// Until when, RFC 3339 in UTC.
    #[schemars(with = "String")]
    pub until: Timestamp,
    /// Whole days until then; negative once it is past.
    pub days_left: i64,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let report = report(&common.site()?, self.environment, self.within)?;
        output::stdout().document(&report)?;
        Ok(Answer::from(report.ok))
    }
}

/// Looks at the files of one environment, or of all that have a broker.
///
/// # Errors
/// Exit 3 where the one has none, or neither has.
fn report(site: &Site, only: Option<EnvironmentName>, within: u32) -> Result<Report> {
    let mut found = Found::default();
    let has_broker = |(_, described): &(_, &Environment)| described.mqtt.is_some();
    let environments: Vec<EnvironmentName> = match only {
        Some(only) => vec![only],
        None if !site.both().iter().any(has_broker) => vec![EnvironmentName::Eb],
        None => site
            .both()
            .into_iter()
            .filter(has_broker)
            .map(|(name, _)| name)
            .collect(),
    };
    for environment in environments {
        let mut look = Look {
            site,
            environment,
            mqtt: site.environment(environment).mqtt()?,
            files: Files::of(site, environment)?,
            others: Files::of(site, environment.other()).ok(),
            within: within.into(),
            found: &mut found,
        };
        authority::check(&mut look);
        server::check(&mut look);
        configuration::check(&mut look)?;
        accounts::check(&mut look);
    }
    Ok(Report {
        ok: found.findings.is_empty(),
        findings: found.findings,
        validity: found.validity,
    })
}

#[derive(Default)]
struct Found {
    findings: Vec<Finding>,
    validity: Vec<Validity>,
}

/// A look at one environment.
struct Look<'a> {
    site: &'a Site,
    environment: EnvironmentName,
    mqtt: &'a Mqtt,
    files: Files,
    /// The files of the other environment, where it has a broker.
    others: Option<Files>,
    within: i64,
    found: &'a mut Found,
}

impl Look<'_> {
    fn find(&mut self, code: &str, file: &Path, message: impl Into<String>) -> &mut Finding {
        self.found.findings.push(Finding {
            environment: self.environment,
            severity: Severity::Error,
            code: code.into(),
            file: Some(file.to_owned()),
            message: message.into(),
            hint: None,
        });
        let findings = &mut self.found.findings;
        findings.last_mut().expect("it was just put there")
    }

    /// Reads a certificate, and says how long it holds.
    fn certificate(&mut self, file: &Path, renew: &str) -> Option<Certificate> {
        match Certificate::read(file) {
            Ok(certificate) => {
                self.lapses(file, certificate.not_after, self.within, renew);
                if certificate.not_before > Timestamp::now() {
                    self.find("not_yet", file, "it does not hold yet");
                }
                Some(certificate)
            }
            Err(failure) => {
                self.find("unreadable", file, failure.message);
                None
            }
        }
    }

    /// Says how long something holds, and finds it where that is not long.
    fn lapses(&mut self, file: &Path, until: Timestamp, within: i64, renew: &str) {
        let days_left = days_until(until);
        self.found.validity.push(Validity {
            environment: self.environment,
            file: file.to_owned(),
            until,
            days_left,
        });
        let hint = format!("{renew} {}", self.environment);
        if until <= Timestamp::now() {
            self.find("lapsed", file, format!("it lapsed at {until}"))
                .hint = Some(hint);
        } else if days_left <= within {
            let message = format!("it lapses at {until}, in {days_left} days");
            let finding = self.find("lapsing", file, message);
            finding.severity = Severity::Warning;
            finding.hint = Some(hint);
        }
    }
}
