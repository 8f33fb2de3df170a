//! Whether the two environments are isolated from each other.
//!
//! A rule is a function over both sides; what it finds carries the place in both environments'
//! files. Rules look at what Docker Compose resolved; the text is only asked for the place.

mod ambiguous;
mod collide;
mod cross;
pub mod drift;
mod edge;
mod exposure;
mod given;
mod inspect;
pub mod live;
mod mounted;
mod resources;
pub mod sarif;
mod secrets;
mod side;
mod text;

use mkx_contract::tool::compose::Compose;
use mkx_contract::{Failure, Record, Result, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::env::check as env_check;
use crate::finding::{Finding, Severity};
pub use side::Side;

/// The answer of `audit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Audit {
    /// True where the running containers were looked at too.
    pub live: bool,
    /// How many rules were applied.
    pub rules: u64,
    /// How many findings are errors.
    pub errors: u64,
    /// How many findings are warnings.
    pub warnings: u64,
    /// What was found, errors first.
    pub findings: Vec<Finding>,
    /// True where no finding is an error.
    pub ok: bool,
}

impl Record for Audit {
    const RECORD: &'static str = "mkx.compose.audit/1";
}

impl Audit {
    /// Counts and sorts.
    pub fn of(mut findings: Vec<Finding>, live: bool) -> Audit {
        findings.sort_by(|a, b| (a.severity, &a.rule).cmp(&(b.severity, &b.rule)));
        findings.dedup();
        let errors = count(&findings, Severity::Error);
        Audit {
            live,
            rules: crate::rules::RULES.len() as u64,
            errors,
            warnings: count(&findings, Severity::Warning),
            findings,
            ok: errors == 0,
        }
    }
}

fn count(findings: &[Finding], severity: Severity) -> u64 {
    findings
        .iter()
        .filter(|finding| finding.severity == severity)
        .count() as u64
}

/// Both environments, read and resolved.
pub struct Pair<'a> {
    /// The site.
    pub site: &'a Site,
    /// Production.
    pub ea: Side<'a>,
    /// Development.
    pub eb: Side<'a>,
}

/// Rules whose breach lets development reach into production the moment it starts.
const REACHES_IN: [&str; 8] = [
    "container-name",
    "volume",
    "shared-volume",
    "bind-source",
    "network-owner",
    "image-name",
    "points-at-other",
    "env-file",
];

/// Passes where starting or building development can not touch what is production's.
///
/// # Errors
/// Exit 5 with the first finding, exit 3 where the files can not be resolved.
pub fn check_development_starts_apart(site: &Site, compose: &Compose) -> Result<()> {
    let (findings, _) = on_files(site, compose)?;
    let eb = &site.environments.eb.project;
    match findings
        .iter()
        .find(|one| REACHES_IN.contains(&one.rule.as_str()))
    {
        None => Ok(()),
        Some(finding) => Err(
            Failure::refused(format!("cannot start {eb}: {}", finding.message))
                .hint(format!("{}; mkx-compose audit says where", finding.fix)),
        ),
    }
}

/// Applies every rule that needs no engine.
///
/// # Errors
/// Exit 3 where a file can not be read or resolved and no rule says why.
pub fn on_files<'a>(site: &'a Site, compose: &Compose) -> Result<(Vec<Finding>, Option<Pair<'a>>)> {
    let mut findings = text::before_resolution(site)?;
    let (ea, eb) = std::thread::scope(|scope| {
        let ea = scope.spawn(|| Side::read(site, &site.environments.ea, compose));
        let eb = Side::read(site, &site.environments.eb, compose);
        (ea.join().expect("reading does not panic"), eb)
    });
    let read = ea.and_then(|ea| Ok((ea, eb?)));
    let pair = match read {
        Ok((ea, eb)) => Pair { site, ea, eb },
        Err(_) if findings.iter().any(|one| one.severity == Severity::Error) => {
            return Ok((findings, None));
        }
        Err(failure) => return Err(failure),
    };
    findings.extend(on_pair(&pair));
    Ok((findings, Some(pair)))
}

fn on_pair(pair: &Pair<'_>) -> Vec<Finding> {
    let mut findings = env_check::check(pair.site, &pair.ea.values, &pair.eb.values);
    for rules in [
        ambiguous::rules,
        collide::rules,
        cross::rules,
        edge::rules,
        exposure::rules,
        given::rules,
        resources::rules,
        secrets::rules,
        text::rules,
    ] {
        findings.extend(rules(pair));
    }
    findings
}

/// The rules that look at models alone, for running containers.
fn on_models(pair: &Pair<'_>) -> Vec<Finding> {
    let mut findings = collide::rules(pair);
    findings.extend(ambiguous::rules(pair));
    findings.extend(cross::rules(pair));
    findings.extend(secrets::rules(pair));
    findings.extend(edge::rules(pair));
    findings.extend(exposure::rules(pair));
    findings.extend(resources::of_models(pair));
    findings
}
