//! Findings as a person reads them on a terminal.
//!
//! ```text
//! error    host-port  8080
//!          both environments publish a port of the host
//!            ea  /opt/app/compose.yml:12  services.web.ports
//!          fix: give development a port of its own in its override
//! ```

use std::path::Path;

use crate::record::finding::{Evidence, Explanation, Finding, Findings, Severity};
use crate::tool::voice;

/// Where the text of a finding begins.
const INDENT: &str = "         ";
/// More places of one cause do not help a person; the records have them all.
const PLACES: usize = 6;

/// The findings, what could not be looked at, and the sum.
pub fn findings(findings: &Findings, unseen: &[String]) -> String {
    let mut text = String::new();
    for finding in findings.iter() {
        text.push_str(&block(finding));
        text.push('\n');
    }
    for one in unseen {
        text.push_str(&paragraph(&format!("unseen   could not look: {one}")));
    }
    text.push_str(&summary(findings));
    text.push('\n');
    if let Some(first) = findings.iter().next() {
        let (tool, rule) = (voice::tool(), &first.rule);
        text.push_str(&format!(
            "why a rule matters: {tool} … --explain {rule}; all of it as records: --format json\n"
        ));
    }
    text
}

/// The rules, one paragraph each.
pub fn rules(rules: &[Explanation]) -> String {
    rules
        .iter()
        .map(|about| {
            let head = head(&label(about.severity, false), &about.rule, "");
            format!(
                "{head}{}{}{}",
                paragraph(&format!("{INDENT}{}", about.title)),
                paragraph(&format!("{INDENT}why: {}", about.why)),
                paragraph(&format!("{INDENT}fix: {}", about.fix)),
            )
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// "2 errors, 1 warning, 3 accepted".
pub fn summary(findings: &Findings) -> String {
    let counted = |number: u64, what: &str| match number {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    };
    let (errors, warnings) = (findings.errors(), findings.warnings());
    let mut text = match (errors, warnings) {
        (0, 0) => "nothing found".to_owned(),
        _ => format!(
            "{}, {}",
            counted(errors, "error"),
            counted(warnings, "warning")
        ),
    };
    if findings.accepted() > 0 {
        text.push_str(&format!(", {} accepted", findings.accepted()));
    }
    text
}

fn block(finding: &Finding) -> String {
    let label = label(finding.severity, finding.accepted.is_some());
    let mut text = head(&label, &finding.rule, &finding.subject);
    text.push_str(&paragraph(&format!("{INDENT}{}", finding.message)));
    for place in finding.evidence.iter().take(PLACES) {
        text.push_str(&format!("{INDENT}  {}\n", shown(place, &finding.message)));
    }
    if let Some(more @ 1..) = finding.evidence.len().checked_sub(PLACES) {
        text.push_str(&format!("{INDENT}  and {more} more places\n"));
    }
    let last = match &finding.accepted {
        None => format!("fix: {}", finding.fix),
        Some(why) => match why.until {
            Some(until) => format!("accepted until {until}: {}", why.reason),
            None => format!("accepted: {}", why.reason),
        },
    };
    text + &paragraph(&format!("{INDENT}{last}"))
}

fn head(label: &str, rule: &str, subject: &str) -> String {
    format!(
        "{label}{}\n",
        voice::bold(format!("{rule}  {subject}").trim_end())
    )
}

fn label(severity: Severity, accepted: bool) -> String {
    let width = INDENT.len();
    match (accepted, severity) {
        (true, _) => format!("{:width$}", "accepted"),
        (false, Severity::Error) => voice::red(&format!("{:width$}", "error")),
        (false, Severity::Warning) => voice::yellow(&format!("{:width$}", "warning")),
    }
}

/// A place; what is there is left out where the message has said it.
fn shown(place: &Evidence, message: &str) -> String {
    let environment = place.environment.map(|name| name.to_string());
    let file = place.file.as_deref().map(|file| match place.line {
        Some(line) => format!("{}:{line}", near(file)),
        None => near(file),
    });
    let table = place.table.as_ref().map(|table| match &place.column {
        Some(column) => format!("{table}.{column}"),
        None => table.clone(),
    });
    let what = Some(place.what.clone()).filter(|what| !message.contains(what.as_str()));
    let container = place
        .container
        .as_ref()
        .map(|name| format!("container {name}"));
    [environment, file, container, place.url.clone(), table, what]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("  ")
}

/// A path as one would type it here.
fn near(file: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    file.strip_prefix(here)
        .unwrap_or(file)
        .display()
        .to_string()
}

fn paragraph(text: &str) -> String {
    let options = textwrap::Options::new(textwrap::termwidth().min(100)).subsequent_indent(INDENT);
    textwrap::fill(text, options) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EnvironmentName as Name;
    use crate::record::finding::{Accepted, Rule};

    crate::rules! {
        enum Test {
            Port "host-port" Error "both environments publish a port" why "w"
                fix "give development a port of its own";
            Tag "mutable-tag" Warning "an image's tag moves" why "w" fix "name a version";
        }
    }

    #[test]
    fn a_person_reads_what_where_and_what_to_do() {
        let place = |line| Evidence::file(Name::Eb, "/srv/compose.yml", Some(line)).what("ports");
        let found = vec![
            Test::Port
                .finding("8080", "both environments publish 8080")
                .at_all((1..9).map(place)),
            Test::Tag.finding("nginx", "the tag of nginx moves"),
        ];
        let entry = Accepted {
            rule: "mutable-tag".into(),
            subject: "nginx".into(),
            reason: "we follow it".into(),
            until: None,
        };
        let found = Findings::gather(found, &[entry], Test::ALL);
        let text = findings(&found, &["the engine: it is not here".into()]);
        let expected = "\
error    host-port  8080
         both environments publish 8080
           eb  /srv/compose.yml:1  ports
           eb  /srv/compose.yml:2  ports
           eb  /srv/compose.yml:3  ports
           eb  /srv/compose.yml:4  ports
           eb  /srv/compose.yml:5  ports
           eb  /srv/compose.yml:6  ports
           and 2 more places
         fix: give development a port of its own

accepted mutable-tag  nginx
         the tag of nginx moves
         accepted: we follow it

unseen   could not look: the engine: it is not here
1 error, 0 warnings, 1 accepted
";
        assert_eq!(text[..expected.len()], *expected);
    }
}
