//! A finding: a rule that is broken, on what, where it shows, why it matters, and what to do.
//!
//! A tool's rules are an enum that [`rules!`](crate::rules) makes: one without an explanation does
//! not compile, and a finding can not name a rule that is not there.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Record;
use super::site::Name;

/// How bad it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// What is promised does not hold.
    Error,
    /// It should be looked at.
    Warning,
}

/// What a rule is about; `--explain` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// The rule's id, in lower case with hyphens.
    pub rule: String,
    /// How bad it is where it is broken.
    pub severity: Severity,
    /// What it is about, in a few words.
    pub title: String,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub fix: String,
}

impl Record for Explanation {
    const RECORD: &'static str = "mkx.rule/1";
}

/// The rules of one tool; [`rules!`](crate::rules) implements it.
pub trait Rule: Copy + PartialEq + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// Its id: `container-name`.
    fn id(self) -> &'static str;

    /// What it is about.
    fn explanation(self) -> Explanation;

    /// A finding of this rule. `subject` is what the cause lies in (a service, an image, a
    /// variable): findings of one rule and subject are one, with all their places.
    fn finding(self, subject: impl Into<String>, message: impl Into<String>) -> Finding {
        let about = self.explanation();
        Finding {
            rule: about.rule,
            severity: about.severity,
            environments: Vec::new(),
            subject: subject.into(),
            message: message.into(),
            evidence: Vec::new(),
            why: about.why,
            fix: about.fix,
            accepted: None,
        }
    }
}

/// Makes a tool's enum of rules. A rule without title, reason or remedy does not compile:
///
/// ```compile_fail
/// mkx_contract::rules! {
///     /// The rules.
///     pub enum Rule {
///         HostPort "host-port" Error "both environments publish a port of the host";
///     }
/// }
/// ```
///
/// ```
/// mkx_contract::rules! {
///     /// The rules.
///     pub enum Rule {
///         HostPort "host-port" Error "both environments publish a port of the host"
///             why "only one of them can start"
///             fix "give development a port of its own";
///     }
/// }
/// ```
#[macro_export]
macro_rules! rules {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($rule:ident $id:literal $severity:ident $title:literal why $why:literal fix $fix:literal;)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $name {
            $(#[doc = $title] $rule,)*
        }

        impl $crate::record::finding::Rule for $name {
            const ALL: &'static [Self] = &[$(Self::$rule),*];

            fn id(self) -> &'static str {
                match self {
                    $(Self::$rule => $id,)*
                }
            }

            fn explanation(self) -> $crate::record::finding::Explanation {
                let (severity, title, why, fix) = match self {
                    $(Self::$rule => (
                        $crate::record::finding::Severity::$severity, $title, $why, $fix,
                    ),)*
                };
                $crate::record::finding::Explanation {
                    rule: $crate::record::finding::Rule::id(self).into(),
                    severity,
                    title: title.into(),
                    why: why.into(),
                    fix: fix.into(),
                }
            }
        }
    };
}

crate::rules! {
    /// The rules about the site's own `accepted`; every tool has them.
    pub enum Acceptance {
        Lapsed "accepted-lapsed" Warning "the time of an accepted finding is over"
            why "what was accepted for a while is a finding again"
            fix "mend the finding, or give the entry of `accepted` a later date and a reason for it";
        Unmatched "accepted-unmatched" Warning "an accepted finding is not found any more"
            why "the entry would hide the finding if it came back"
            fix "remove the entry of `accepted` from the site document";
    }
}

/// Every rule of a tool, and those about `accepted`.
pub fn explanations<R: Rule>() -> Vec<Explanation> {
    let own = R::ALL.iter().map(|rule| rule.explanation());
    let common = Acceptance::ALL.iter().map(|rule| rule.explanation());
    own.chain(common).collect()
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule's id; `--explain ID` says more.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// The environments that have a part in it.
    pub environments: Vec<Name>,
    /// What the cause lies in: a service, an image, a variable, a host.
    pub subject: String,
    /// What was found, by its name; no secret.
    pub message: String,
    /// Where it shows.
    pub evidence: Vec<Evidence>,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub fix: String,
    /// Why the site lives with it; null where it does not.
    pub accepted: Option<Reason>,
}

impl Record for Finding {
    const RECORD: &'static str = "mkx.finding/1";
}

impl Finding {
    /// Adds a place that shows it.
    #[must_use]
    pub fn at(mut self, evidence: Evidence) -> Finding {
        if let Some(environment) = evidence.environment {
            self = self.concerns(environment);
        }
        self.evidence.push(evidence);
        self
    }

    /// Adds several places.
    #[must_use]
    pub fn at_all(self, places: impl IntoIterator<Item = Evidence>) -> Finding {
        places.into_iter().fold(self, Finding::at)
    }

    /// Says that an environment has a part in it.
    #[must_use]
    pub fn concerns(mut self, environment: Name) -> Finding {
        if !self.environments.contains(&environment) {
            self.environments.push(environment);
            self.environments.sort();
        }
        self
    }

    /// Says what to do in this case, where the rule's own words are too general.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Finding {
        self.fix = fix.into();
        self
    }

    /// Makes it a warning, where this case is not as bad as others of its rule.
    #[must_use]
    pub fn warning(mut self) -> Finding {
        self.severity = Severity::Warning;
        self
    }

    /// True where it is an error that the site does not live with.
    pub fn is_open_error(&self) -> bool {
        self.severity == Severity::Error && self.accepted.is_none()
    }

    fn absorb(&mut self, other: Finding) {
        self.severity = self.severity.min(other.severity);
        for environment in other.environments {
            if !self.environments.contains(&environment) {
                self.environments.push(environment);
            }
        }
        self.environments.sort();
        for place in other.evidence {
            if !self.evidence.contains(&place) {
                self.evidence.push(place);
            }
        }
    }
}

/// A place that shows a finding. What does not apply is null.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Whose place it is.
    pub environment: Option<Name>,
    /// A file.
    pub file: Option<PathBuf>,
    /// Its line, from 1; null where the file as a whole is meant.
    pub line: Option<u64>,
    /// A running container.
    pub container: Option<String>,
    /// What was asked for.
    pub url: Option<String>,
    /// A table of the database.
    pub table: Option<String>,
    /// Its column, foreign key or other part.
    pub column: Option<String>,
    /// What is there: `services.db.ports`, `status 200`; may be empty.
    pub what: String,
}

impl Evidence {
    /// A file, or a line of it.
    pub fn file(environment: Name, file: impl AsRef<Path>, line: Option<u64>) -> Evidence {
        Evidence {
            environment: Some(environment),
            file: Some(file.as_ref().to_owned()),
            line,
            ..Evidence::default()
        }
    }

    /// A running container.
    pub fn container(environment: Name, container: impl Into<String>) -> Evidence {
        Evidence {
            environment: Some(environment),
            container: Some(container.into()),
            ..Evidence::default()
        }
    }

    /// Something that was asked of a server.
    pub fn url(environment: Name, url: impl Into<String>) -> Evidence {
        Evidence {
            environment: Some(environment),
            url: Some(url.into()),
            ..Evidence::default()
        }
    }

    /// A table, or a part of it.
    pub fn table(environment: Name, table: impl Into<String>, column: Option<&str>) -> Evidence {
        Evidence {
            environment: Some(environment),
            table: Some(table.into()),
            column: column.map(str::to_owned),
            ..Evidence::default()
        }
    }

    /// Says what is there.
    #[must_use]
    pub fn what(mut self, what: impl Into<String>) -> Evidence {
        self.what = what.into();
        self
    }
}

/// An entry of the site's `accepted`: a finding that its owner lives with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The rule's id.
    pub rule: String,
    /// The finding's subject.
    pub subject: String,
    /// Why it is no trouble here.
    pub reason: String,
    /// The last day on which it is accepted; absent: for good.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub until: Option<Date>,
}

/// Why the site lives with a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// The site's own words.
    pub reason: String,
    /// The last day on which they hold; null: for good.
    #[schemars(with = "Option<String>")]
    pub until: Option<Date>,
}

/// What a tool found: each cause once, errors first, what the site lives with marked.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Joins findings of one cause and holds them against the site's `accepted`. `applied` are
    /// the rules that were looked at: an entry for another one is not held to match.
    pub fn gather<R: Rule>(found: Vec<Finding>, accepted: &[Accepted], applied: &[R]) -> Findings {
        let mut findings = joined(found);
        for finding in &mut findings {
            // Production's places come first, also where several findings became one.
            finding.evidence.sort_by_key(|place| place.environment);
        }
        let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
        for entry in accepted {
            if !applied.iter().any(|rule| rule.id() == entry.rule) {
                continue;
            }
            let mut matching = findings
                .iter_mut()
                .filter(|one| one.rule == entry.rule && one.subject == entry.subject)
                .peekable();
            let subject = format!("{} {}", entry.rule, entry.subject);
            if matching.peek().is_none() {
                let message = format!("{subject} is accepted, and not found");
                findings.push(Acceptance::Unmatched.finding(subject, message));
            } else if let Some(until) = entry.until.filter(|until| *until < today) {
                let message = format!("{subject} was accepted until {until}");
                findings.push(Acceptance::Lapsed.finding(subject, message));
            } else {
                for finding in matching {
                    finding.accepted = Some(Reason {
                        reason: entry.reason.clone(),
                        until: entry.until,
                    });
                }
            }
        }
        findings.sort_by(|a, b| {
            let key = |one: &Finding| (one.accepted.is_some(), one.severity);
            key(a)
                .cmp(&key(b))
                .then_with(|| (&a.rule, &a.subject).cmp(&(&b.rule, &b.subject)))
        });
        Findings(findings)
    }

    /// Errors that the site does not live with.
    pub fn errors(&self) -> u64 {
        self.count(|one| one.is_open_error())
    }

    /// Warnings that the site does not live with.
    pub fn warnings(&self) -> u64 {
        self.count(|one| one.severity == Severity::Warning && one.accepted.is_none())
    }

    /// What the site lives with.
    pub fn accepted(&self) -> u64 {
        self.count(|one| one.accepted.is_some())
    }

    /// True without an error that the site does not live with.
    pub fn ok(&self) -> bool {
        self.errors() == 0
    }

    /// One by one.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }

    fn count(&self, counts: impl Fn(&&Finding) -> bool) -> u64 {
        self.0.iter().filter(counts).count() as u64
    }
}

/// Each finding in the list says what it is, so that it can be taken out and handed on.
impl Serialize for Findings {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(super::to_object))
    }
}

fn joined(found: Vec<Finding>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for finding in found {
        let same = |one: &&mut Finding| one.rule == finding.rule && one.subject == finding.subject;
        match findings.iter_mut().find(same) {
            Some(one) => one.absorb(finding),
            None => findings.push(finding),
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::rules! {
        enum Test {
            Tag "mutable-tag" Warning "an image's tag moves" why "w" fix "f";
            Port "host-port" Error "a port" why "w" fix "f";
        }
    }

    fn accepted(rule: &str, subject: &str, until: Option<&str>) -> Accepted {
        Accepted {
            rule: rule.into(),
            subject: subject.into(),
            reason: "known".into(),
            until: until.map(|day| day.parse().unwrap()),
        }
    }

    fn port(service: &str) -> Finding {
        let place = Evidence::file(Name::Eb, "compose.yml", Some(7)).what(service);
        Test::Port.finding("8080", "both publish 8080").at(place)
    }

    #[test]
    fn one_cause_is_one_finding_with_all_its_places() {
        let found = vec![
            Test::Tag.finding("nginx", "moves"),
            port("web"),
            port("api"),
            port("api"),
        ];
        let findings = Findings::gather(found, &[], Test::ALL);
        let rules: Vec<&str> = findings.iter().map(|one| one.rule.as_str()).collect();
        assert_eq!(rules, ["host-port", "mutable-tag"]);
        let first = findings.iter().next().unwrap();
        assert_eq!(
            (first.evidence.len(), &first.environments[..]),
            (2, &[Name::Eb][..])
        );
    }

    #[track_caller]
    fn check(entry: Accepted, rules: &[&str], ok: bool) {
        let findings = Findings::gather(vec![port("web")], &[entry], Test::ALL);
        let found: Vec<&str> = findings.iter().map(|one| one.rule.as_str()).collect();
        assert_eq!((found, findings.ok()), (rules.to_vec(), ok));
    }

    #[test]
    fn an_accepted_finding_is_shown_and_one_that_matches_nothing_or_has_lapsed_is_a_finding() {
        check(accepted("host-port", "8080", None), &["host-port"], true);
        check(
            accepted("host-port", "8080", Some("2999-01-01")),
            &["host-port"],
            true,
        );
        check(
            accepted("host-port", "8080", Some("2020-01-01")),
            &["host-port", "accepted-lapsed"],
            false,
        );
        check(
            accepted("mutable-tag", "nginx", None),
            &["host-port", "accepted-unmatched"],
            false,
        );
        check(
            accepted("rule-of-another-tool", "x", None),
            &["host-port"],
            false,
        );
    }

    #[test]
    fn a_finding_in_a_list_says_what_it_is() {
        let findings = Findings::gather(vec![port("web")], &[], Test::ALL);
        let value = serde_json::to_value(&findings).unwrap();
        assert_eq!(value[0]["record"], "mkx.finding/1");
        assert_eq!(serde_json::from_value::<Findings>(value).unwrap(), findings);
    }
}
