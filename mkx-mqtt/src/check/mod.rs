//! `mkx-mqtt check`: everything that can be seen on the files of both brokers.

mod accounts;
mod authority;
mod configuration;
mod file;
mod server;

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use mkx_contract::record::finding::{Accepted, Evidence, Finding, Findings, Rule as _};
use mkx_contract::record::site::Mqtt;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::findings;
use mkx_contract::{Answer, EnvironmentName, Record, Result, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::certificate::{Certificate, days_until};
use crate::place::Files;
use crate::rule::Rule;

/// The arguments of `check`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Look at one environment only
    environment: Option<EnvironmentName>,
    /// Say so where a certificate holds no longer than this
    #[arg(long, value_name = "DAYS", default_value_t = 14)]
    within: u32,
    #[command(flatten)]
    findings: findings::Arguments,
}

/// What was found.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// True where no error was found that the site does not live with.
    pub ok: bool,
    /// What is not as it should be.
    pub findings: Findings,
    /// What lapses, and when.
    pub validity: Vec<Validity>,
}

impl Record for Report {
    const RECORD: &'static str = "mkx.mqtt.check/2";
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
        if let Some(answer) = self.findings.explained::<Rule>() {
            return answer;
        }
        let report = report(&common.site()?, self.environment, self.within)?;
        self.findings
            .print::<Rule>(&report, &report.findings, &[])?;
        Ok(Answer::from(report.ok))
    }
}

/// Looks at the files of one environment, or of all that have a broker.
///
/// # Errors
/// Exit 3 where the one has none, or neither has.
fn report(site: &Site, only: Option<EnvironmentName>, within: u32) -> Result<Report> {
    let mut found = Found::default();
    let has_broker = |name: &EnvironmentName| site.environment(*name).mqtt.is_some();
    let mut environments = vec![EnvironmentName::Ea, EnvironmentName::Eb];
    match only {
        Some(only) => environments = vec![only],
        None => environments.retain(has_broker),
    }
    if environments.is_empty() {
        // It is said to have none.
        environments.push(EnvironmentName::Eb);
    }
    for environment in environments {
        let others = Files::of(site, environment.other()).ok();
        let mut look = Look {
            site,
            environment,
            mqtt: site.environment(environment).mqtt()?,
            files: &Files::of(site, environment)?,
            others: others.as_ref(),
            within: within.into(),
            found: &mut found,
        };
        authority::check(&mut look);
        server::check(&mut look);
        configuration::check(&mut look)?;
        accounts::check(&mut look);
    }
    let mut applied = Rule::ALL.to_vec();
    applied.retain(|rule| !Rule::PROBE.contains(rule));
    // What the site lives with may be the other environment's, which was not looked at.
    let is_found = |entry: &&Accepted| {
        let mut found = found.findings.iter();
        only.is_none() || found.any(|one| one.rule == entry.rule && one.subject == entry.subject)
    };
    let accepted: Vec<Accepted> = site.accepted.iter().filter(is_found).cloned().collect();
    let findings = Findings::gather(found.findings, &accepted, &applied);
    Ok(Report {
        ok: findings.ok(),
        findings,
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
    files: &'a Files,
    /// The files of the other environment, where it has a broker.
    others: Option<&'a Files>,
    within: i64,
    found: &'a mut Found,
}

impl Look<'_> {
    /// Finds something in a file; the last finding may be told more.
    fn find(&mut self, rule: Rule, file: &Path, what: impl Into<String>) -> &mut Finding {
        let (name, what) = (file.display().to_string(), what.into());
        let message = format!("{name}: {what}");
        let place = Evidence::file(self.environment, file, None).what(what);
        self.found(rule.finding(name, message).at(place))
    }

    /// Finds something that both environments have: one cause, wherever it is seen first.
    fn share(&mut self, rule: Rule, subject: &str, file: &Path) {
        let message = format!("{}: {subject}", rule.explanation().title);
        let found = rule
            .finding(subject, message)
            .at(Evidence::file(self.environment, file, None))
            .concerns(self.environment.other());
        self.found(found);
    }

    fn found(&mut self, mut finding: Finding) -> &mut Finding {
        let environment = self.environment.to_string();
        finding.fix = finding.fix.replace("ENVIRONMENT", &environment);
        self.found.findings.push(finding);
        let findings = &mut self.found.findings;
        findings.last_mut().expect("it was just put there")
    }

    /// Finds that one file of a pair is missing.
    fn half(&mut self, missing: &Path) -> &mut Finding {
        let what = "it is missing, the other file of the pair is there";
        self.find(Rule::HalfPair, missing, what)
    }

    /// Reads a certificate, and says how long it holds.
    fn certificate(&mut self, file: &Path, renew: &str) -> Option<Certificate> {
        match Certificate::read(file) {
            Ok(certificate) => {
                self.lapses(file, certificate.not_after, self.within, renew);
                if certificate.not_before > Timestamp::now() {
                    self.find(Rule::NotYet, file, "it does not hold yet");
                }
                Some(certificate)
            }
            Err(failure) => {
                self.find(Rule::Unreadable, file, failure.message);
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
            self.find(Rule::Lapsed, file, format!("it lapsed at {until}"))
                .fix = hint;
        } else if days_left <= within {
            let message = format!("it lapses at {until}, in {days_left} days");
            self.find(Rule::Lapsing, file, message).fix = hint;
        }
    }
}
