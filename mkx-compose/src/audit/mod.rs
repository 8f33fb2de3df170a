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
#[cfg(test)]
mod faults;
pub mod given;
mod inspect;
mod live;
mod mounted;
mod resources;
mod secrets;
mod side;
mod strangers;
mod text;

use mkx_contract::record::finding::{Finding, Findings, Rule as _};
use mkx_contract::tool::compose::Compose;
use mkx_contract::{EnvironmentName, Failure, Record, Result, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::env::check as env_check;
use crate::rules::{LIVE, REACHING_IN, Rule};
use side::Side;

pub use side::documents;

/// The answer of `audit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Audit {
    /// True where the running containers were looked at too.
    pub live: bool,
    /// How many rules were applied.
    pub rules: u64,
    /// How many findings are errors that the site does not live with.
    pub errors: u64,
    /// How many findings are warnings that the site does not live with.
    pub warnings: u64,
    /// How many findings the site lives with.
    pub accepted: u64,
    /// What was found, errors first.
    pub findings: Findings,
    /// What could not be looked at.
    pub unseen: Vec<String>,
    /// True where all was looked at, without an error that the site does not live with.
    pub ok: bool,
}

impl Record for Audit {
    const RECORD: &'static str = "mkx.compose.audit/2";
}

impl Audit {
    /// Applies the rules, with `live` to what runs too.
    ///
    /// # Errors
    /// As [`on_files`].
    pub fn of(site: &Site, live: bool) -> Result<Audit> {
        let OnFiles {
            mut found,
            mut unseen,
            pair,
        } = on_files(site, &Compose::find()?)?;
        let mut applied: Vec<Rule> = Rule::ALL.to_vec();
        match &pair {
            // What the files show is told also where the engine does not answer.
            Some(pair) if live => match live::rules(pair, &mut unseen) {
                Ok(more) => found.extend(more),
                Err(failure) => unseen.push(format!("what runs: {failure}")),
            },
            Some(_) => applied.retain(|rule| !LIVE.contains(rule)),
            None => applied.retain(|rule| *rule == Rule::LabelDollar),
        }
        let findings = Findings::gather(found, &site.accepted, &applied);
        Ok(Audit {
            live,
            rules: applied.len() as u64,
            errors: findings.errors(),
            warnings: findings.warnings(),
            accepted: findings.accepted(),
            ok: findings.ok() && unseen.is_empty(),
            findings,
            unseen,
        })
    }
}

impl Audit {
    /// Passes where all was looked at; what was found is no verdict otherwise.
    ///
    /// # Errors
    /// Exit 3 where files are the cause, exit 4 where the engine is.
    pub fn check_whole(&self) -> Result<()> {
        let Some(first) = self.unseen.first() else {
            return Ok(());
        };
        let cause = format!("the audit did not see everything: {first}");
        let failure = match self.live {
            true => Failure::peer(cause),
            false => Failure::input(cause),
        };
        Err(failure.hint("the record says all of it under unseen; mend it and audit again"))
    }
}

/// What the files show.
struct OnFiles<'a> {
    found: Vec<Finding>,
    unseen: Vec<String>,
    /// None where Docker Compose refuses the files, for what was found.
    pair: Option<Pair<'a>>,
}

/// Both environments, read and resolved.
struct Pair<'a> {
    /// The site.
    pub site: &'a Site,
    /// Production.
    pub ea: Side<'a>,
    /// Development.
    pub eb: Side<'a>,
}

/// Passes where starting or building development can not touch what is production's. What the
/// site accepts counts too: a guard is not talked round.
///
/// # Errors
/// Exit 5 with the first finding, or where Docker Compose refuses the files for another reason than
/// the rules found; exit 3 where it refuses them for a reason that no rule knows.
pub fn check_development_starts_apart(site: &Site, compose: &Compose) -> Result<()> {
    let eb = &site.environments.eb.project;
    let refused = |cause: &str| Failure::refused(format!("cannot start {eb}: {cause}"));
    let files = on_files(site, compose)?;
    let reaches = |one: &&Finding| REACHING_IN.iter().any(|rule| rule.id() == one.rule);
    if let Some(finding) = files.found.iter().find(reaches) {
        let hint = format!("{}; mkx-compose audit says where", finding.fix);
        return Err(refused(&finding.message).hint(hint));
    }
    match files.pair {
        Some(_) => Ok(()),
        None => Err(refused(&format!(
            "it can not be told whether it reaches production: {}",
            files.unseen.join("; ")
        ))
        .hint("mend the files; mkx-compose audit says what is wrong with them")),
    }
}

/// Applies every rule that needs no engine.
///
/// # Errors
/// Exit 3 where a file can not be read or resolved and no rule says why.
fn on_files<'a>(site: &'a Site, compose: &Compose) -> Result<OnFiles<'a>> {
    let mut found = text::before_resolution(site)?;
    let (ea, eb) = std::thread::scope(|scope| {
        let ea = scope.spawn(|| Side::read(site, EnvironmentName::Ea, compose));
        let eb = Side::read(site, EnvironmentName::Eb, compose);
        (ea.join().expect("reading does not panic"), eb)
    });
    let mut unseen = Vec::new();
    let pair = match ea.and_then(|ea| Ok((ea, eb?))) {
        Ok((mut ea, mut eb)) => {
            let off = (ea.switched_off(&eb), eb.switched_off(&ea));
            ea.leave_out(&off.0);
            eb.leave_out(&off.1);
            Some(Pair { site, ea, eb })
        }
        Err(failure) if !found.is_empty() => {
            unseen.push(format!("what the files mean: {failure}"));
            None
        }
        Err(failure) => return Err(failure),
    };
    found.extend(pair.iter().flat_map(|pair| on_pair(pair, &mut unseen)));
    Ok(OnFiles {
        found,
        unseen,
        pair,
    })
}

fn on_pair(pair: &Pair<'_>, unseen: &mut Vec<String>) -> Vec<Finding> {
    let mut findings = env_check::check(pair.site, &pair.ea.values, &pair.eb.values);
    findings.extend(on_models(pair));
    findings.extend(resources::tags(&pair.ea));
    findings.extend(resources::tags(&pair.eb));
    findings.extend(given::rules(pair));
    findings.extend(text::rules(pair, unseen));
    findings
}

/// The rules that look at models alone: they hold for what runs too.
fn on_models(pair: &Pair<'_>) -> Vec<Finding> {
    [
        ambiguous::rules,
        collide::rules,
        cross::rules,
        edge::rules,
        exposure::rules,
        resources::rules,
        secrets::rules,
    ]
    .into_iter()
    .flat_map(|rules| rules(pair))
    .collect()
}
