//! The matrix, asked of a configuration instead of a server; and labels whose values the proxy
//! drops or misreads.

use mkx_contract::record::site::Access;
use mkx_contract::{EnvironmentName, Failure, Record, Result, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::docker_proxy::{Container, words};
use crate::matrix::{Matrix, Seen, judge};
use crate::patterns;
use crate::route::{Configuration, Request};
use crate::users;

/// Something that is not as the site promises.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What is violated: `credentials`, `own_environment`, `label_unquoted`, ….
    pub rule: String,
    /// Whose edge it concerns; null where that can not be told.
    pub environment: Option<EnvironmentName>,
    /// The request that shows it.
    pub request: Option<Request>,
    /// Where it stands: a container and its label.
    pub place: Option<String>,
    /// What is wrong.
    pub message: String,
}

/// The answer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// What was looked at.
    pub configuration: String,
    /// How many requests it was asked.
    pub asked: u64,
    /// What is not as the site promises.
    pub findings: Vec<Finding>,
    /// What was left out, and why.
    pub left_out: Vec<String>,
    /// True without findings.
    pub ok: bool,
}

impl Record for Report {
    const RECORD: &'static str = "mkx.caddy.check/1";
}

/// Asks a configuration every row of the matrix.
pub fn configuration(
    site: &Site,
    configuration: &Configuration,
    report: &mut Report,
) -> Result<()> {
    let domain = &site.environments.eb.domain;
    let matrix = Matrix::of(site, &patterns::of_host(configuration.json(), domain))?;
    for row in &matrix.rows {
        let answer = configuration.answer(&row.request)?;
        let mut expected = row.clone();
        expected
            .expected
            .headers
            .retain(|name, _| !answer.uncertain_headers.contains(name));
        let seen = Seen {
            status: answer.status,
            headers: answer.headers.clone().into_iter().collect(),
            upstreams: Some(answer.upstreams.clone()),
            file: answer.file.clone().map(Into::into),
            ..Seen::default()
        };
        let mut wrong = judge(site, &expected, &seen);
        if answer.status.is_none() && answer.upstreams.is_empty() {
            wrong = vec![format!("no site has the host {}", row.request.host)];
        }
        report.asked += 1;
        report
            .findings
            .extend(wrong.into_iter().map(|message| Finding {
                rule: row.rule.clone(),
                environment: Some(row.environment),
                request: Some(row.request.clone()),
                place: None,
                message,
            }));
    }
    report.left_out.extend(matrix.left_out);
    accounts(site, configuration, report)
}

/// The accounts of EB are those of the users file.
fn accounts(site: &Site, configuration: &Configuration, report: &mut Report) -> Result<()> {
    let environment = &site.environments.eb;
    let Access::BasicAuth { users_file, .. } = &environment.access else {
        return Ok(());
    };
    let mut found = patterns::accounts_of_host(configuration.json(), &environment.domain);
    let mut wanted: Vec<(String, String)> = users::Users::read(users_file)?
        .iter()
        .map(|user| (user.name.clone(), user.hash.clone()))
        .collect();
    found.sort();
    wanted.sort();
    if found != wanted {
        let names = |accounts: &[(String, String)]| {
            let names: Vec<&str> = accounts.iter().map(|(name, _)| name.as_str()).collect();
            if names.is_empty() {
                "nobody".to_owned()
            } else {
                names.join(", ")
            }
        };
        report.findings.push(Finding {
            rule: "accounts".into(),
            environment: Some(EnvironmentName::Eb),
            request: None,
            place: None,
            message: format!(
                "{} may log in with the passwords of the configuration, {} with those of {}",
                names(&found),
                names(&wanted),
                users_file.display()
            ),
        });
    }
    Ok(())
}

/// Directives that stand in a site; as global options they mean nothing.
const OF_A_SITE: &[&str] = &[
    "reverse_proxy",
    "handle",
    "handle_path",
    "header",
    "route",
    "file_server",
    "respond",
    "redir",
    "basicauth",
    "basic_auth",
    "root",
    "encode",
    "rewrite",
];

/// Labels whose values do not reach Caddy as they were meant.
pub fn labels(containers: &[Container]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for container in containers {
        let mut add = |rule: &str, label: &str, message: String| {
            findings.push(Finding {
                rule: rule.into(),
                environment: None,
                request: None,
                place: Some(format!("{}: {label}", container.name)),
                message,
            });
        };
        for (label, value) in &container.labels {
            if !(label.starts_with("caddy.") || label.starts_with("caddy_")) {
                continue;
            }
            let way: Vec<&str> = label.split('.').map(plain).collect();
            let parent = way.len().checked_sub(2).map_or("", |index| way[index]);
            let words = match words(value) {
                Ok(words) => words,
                Err(cause) => {
                    add("label_unclosed", label, cause);
                    continue;
                }
            };
            if parent == "header" && words.len() > 1 {
                add(
                    "label_unquoted",
                    label,
                    format!(
                        "its value falls apart into {} words: put it in double quotes, inside the quotes of YAML",
                        words.len()
                    ),
                );
            }
            if matches!(parent, "basicauth" | "basic_auth")
                && !words.first().is_some_and(|hash| users::is_bcrypt(hash))
            {
                add(
                    "label_dollar",
                    label,
                    "its hash is not whole: every $ must be doubled in a compose file".into(),
                );
            }
            if way.len() > 1 && OF_A_SITE.contains(&way[1]) {
                let site = label.split('.').next().unwrap_or_default();
                if !container.labels.contains_key(site) {
                    add(
                        "label_without_site",
                        label,
                        format!("no label {site} says which host it is for"),
                    );
                }
            }
        }
    }
    findings
}

/// `2_header_1` as `header`.
fn plain(name: &str) -> &str {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let name = match name.split_once('_') {
        Some((order, rest)) if number(order) => rest,
        _ => name,
    };
    match name.rsplit_once('_') {
        Some((rest, suffix)) if number(suffix) => rest,
        _ => name,
    }
}

/// A finding in the place of a failure to adapt.
pub fn refused(failure: &Failure) -> Finding {
    Finding {
        rule: "refused".into(),
        environment: None,
        request: None,
        place: None,
        message: failure.message.clone(),
    }
}
