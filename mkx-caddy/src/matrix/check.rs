//! The matrix, asked of a configuration instead of a server; and labels whose values the proxy
//! drops or misreads.

use std::collections::BTreeSet;

use mkx_contract::record::finding::{Evidence, Finding, Findings, Rule as _};
use mkx_contract::record::site::Access;
use mkx_contract::{EnvironmentName, Record, Result, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Matrix, Seen, Wrong, findings, judge, patterns};
use crate::edge::users::{Users, is_bcrypt};
use crate::labels::proxy::{Container, ordered, words};
use crate::route::{Answer, Configuration};
use crate::rule::Rule;

/// The answer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// What was looked at.
    pub configuration: String,
    /// How many requests it was asked.
    pub asked: u64,
    /// What is not as the site promises.
    pub findings: Findings,
    /// What was left out, and why.
    pub left_out: Vec<String>,
    /// True without an error that the site does not live with.
    pub ok: bool,
}

impl Record for Report {
    const RECORD: &'static str = "mkx.caddy.check/2";
}

/// What has been looked at, and what was found.
#[derive(Default)]
pub struct Check {
    asked: u64,
    found: Vec<Finding>,
    left_out: Vec<String>,
    /// The rules that were looked at.
    applied: Vec<Rule>,
}

impl Check {
    /// The answer.
    pub fn report(self, site: &Site, configuration: String) -> Report {
        let findings = Findings::gather(self.found, &site.accepted, &self.applied);
        Report {
            configuration,
            asked: self.asked,
            ok: findings.ok(),
            findings,
            left_out: self.left_out,
        }
    }

    /// Notes that Caddy does not accept the configuration, in its own words.
    pub fn refused(&mut self, configuration: &str, cause: &str) {
        self.applied.push(Rule::Refused);
        self.found.push(Rule::Refused.finding(configuration, cause));
        self.left_out
            .push("every request: there is no configuration to ask".into());
    }

    /// Asks a configuration every row of the matrix.
    pub fn configuration(&mut self, site: &Site, configuration: &Configuration) -> Result<()> {
        let domain = &site.environments.eb.domain;
        let matrix = Matrix::of(site, &patterns::of_host(configuration.json(), domain))?;
        self.applied.extend([
            Rule::Refused,
            Rule::Header,
            Rule::HostMissing,
            Rule::PlainHttp,
        ]);
        for row in &matrix.rows {
            let answer = configuration.answer(&row.request)?;
            let wrong = if answer.status.is_none() && answer.upstreams.is_empty() {
                let message = format!("no site has the host {}", row.request.host);
                vec![Wrong::of_host(row, Rule::HostMissing, message)]
            } else {
                let mut expected = row.clone();
                let headers = &mut expected.expected.headers;
                headers.retain(|name, _| !answer.uncertain_headers.contains(name));
                judge(site, &expected, &seen(answer))
            };
            self.asked += 1;
            self.applied.push(row.rule);
            self.found.extend(findings(row, &wrong));
        }
        self.left_out.extend(matrix.left_out);
        self.accounts(site, configuration)
    }

    /// The accounts of EB are those of the users file.
    fn accounts(&mut self, site: &Site, configuration: &Configuration) -> Result<()> {
        let environment = &site.environments.eb;
        let Access::BasicAuth { users_file, .. } = &environment.access else {
            return Ok(());
        };
        self.applied.push(Rule::Accounts);
        let found = patterns::accounts_of_host(configuration.json(), &environment.domain);
        let users = Users::read(users_file)?;
        let wanted = users
            .iter()
            .map(|user| (user.name.clone(), user.hash.clone()));
        let wanted = wanted.collect();
        if found != wanted {
            let message = format!(
                "{} may log in with the passwords of the configuration, {} with those of {}",
                names(&found),
                names(&wanted),
                users_file.display()
            );
            let place = Evidence::file(EnvironmentName::Eb, users_file, None);
            let finding = Rule::Accounts.finding(&environment.domain, message);
            self.found.push(finding.at(place));
        }
        Ok(())
    }

    /// Looks for labels whose values do not reach Caddy as they were meant.
    pub fn labels(&mut self, containers: &[Container]) {
        if !containers.is_empty() {
            let of_labels = Rule::ALL.iter().filter(|rule| rule.is_of_labels());
            self.applied.extend(of_labels);
        }
        for container in containers {
            for (label, value) in &container.labels {
                let is_ours = label.starts_with("caddy.") || label.starts_with("caddy_");
                if is_ours && let Some((rule, message)) = misread(container, label, value) {
                    let place = Evidence {
                        environment: container.environment,
                        container: Some(container.name.clone()),
                        what: label.clone(),
                        ..Evidence::default()
                    };
                    let message = format!("{label} of {}: {message}", container.name);
                    self.found.push(rule.finding(label, message).at(place));
                }
            }
        }
    }
}

fn seen(answer: Answer) -> Seen {
    Seen {
        status: answer.status,
        headers: answer.headers.into_iter().collect(),
        upstreams: Some(answer.upstreams),
        file: answer.file.map(Into::into),
        ..Seen::default()
    }
}

fn names(accounts: &BTreeSet<(String, String)>) -> String {
    let names: Vec<&str> = accounts.iter().map(|(name, _)| name.as_str()).collect();
    match names.as_slice() {
        [] => "nobody".to_owned(),
        names => names.join(", "),
    }
}

/// Directives that stand in a site; as global options they mean nothing.
const OF_A_SITE: &str = "reverse_proxy handle handle_path header route file_server respond redir \
                         basicauth basic_auth root encode rewrite";

fn misread(container: &Container, label: &str, value: &str) -> Option<(Rule, String)> {
    let way: Vec<&str> = label.split('.').map(|name| ordered(name).1).collect();
    let parent = way.iter().rev().nth(1).copied().unwrap_or_default();
    let words = match words(value) {
        Ok(words) => words,
        Err(cause) => return Some((Rule::LabelUnclosed, cause)),
    };
    if parent == "header" && words.len() > 1 {
        let message = format!("its value falls apart into {} words", words.len());
        return Some((Rule::LabelQuoting, message));
    }
    if matches!(parent, "basicauth" | "basic_auth")
        && !words.first().is_some_and(|hash| is_bcrypt(hash))
    {
        return Some((Rule::LabelDollar, "its hash is not whole".into()));
    }
    let site = label.split('.').next().unwrap_or_default();
    let is_of_a_site = |name: &&str| OF_A_SITE.split(' ').any(|one| one == *name);
    if way.get(1).is_some_and(is_of_a_site) && !container.labels.contains_key(site) {
        let message = format!("no label {site} says which host it is for");
        return Some((Rule::LabelWithoutSite, message));
    }
    None
}
