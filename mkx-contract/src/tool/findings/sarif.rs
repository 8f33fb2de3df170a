//! Findings as SARIF 2.1.0 (OASIS), for tools of code review.

use serde_json::{Value, json};

use crate::record::finding::{Evidence, Explanation, Finding, Findings, Severity};
use crate::tool::voice;

/// The SARIF log of one run.
pub fn log(rules: &[Explanation], findings: &Findings) -> Value {
    let results: Vec<Value> = findings.iter().map(|one| result(rules, one)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": voice::tool(),
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(rule).collect::<Vec<_>>(),
            }},
            "results": results,
        }],
    })
}

fn rule(about: &Explanation) -> Value {
    json!({
        "id": about.rule,
        "shortDescription": { "text": about.title },
        "fullDescription": { "text": about.why },
        "help": { "text": about.fix },
        "defaultConfiguration": { "level": level(about.severity) },
    })
}

fn result(rules: &[Explanation], finding: &Finding) -> Value {
    // The last place is development's, where there are two: that is the one to change.
    let (own, others) = match finding.evidence.split_last() {
        Some((own, others)) => (vec![location(own)], others),
        None => (Vec::new(), &[][..]),
    };
    // Section 3.27.23: what was reviewed and is lived with is suppressed, not left out.
    let suppressions: Vec<Value> = finding
        .accepted
        .iter()
        .map(|why| json!({ "kind": "external", "justification": why.reason }))
        .collect();
    json!({
        "ruleId": finding.rule,
        "ruleIndex": rules.iter().position(|rule| rule.rule == finding.rule),
        "level": level(finding.severity),
        "message": { "text": format!("{}; {}", finding.message, finding.fix) },
        "locations": own,
        "relatedLocations": others.iter().map(location).collect::<Vec<_>>(),
        "suppressions": suppressions,
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn location(evidence: &Evidence) -> Value {
    let environment = evidence.environment.map(|name| format!("{name}: "));
    let text = format!("{}{}", environment.unwrap_or_default(), evidence.what);
    let mut location = json!({ "message": { "text": text } });
    if let Some(file) = &evidence.file {
        let uri = url::Url::from_file_path(file)
            .map_or_else(|()| file.display().to_string(), |url| url.to_string());
        location["physicalLocation"] = json!({ "artifactLocation": { "uri": uri } });
        if let Some(line) = evidence.line {
            location["physicalLocation"]["region"] = json!({ "startLine": line.max(1) });
        }
    }
    let logical = [
        ("container", &evidence.container),
        ("resource", &evidence.url),
        ("table", &evidence.table),
    ];
    if let Some((kind, Some(name))) = logical.into_iter().find(|(_, name)| name.is_some()) {
        location["logicalLocations"] = json!([{ "name": name, "kind": kind }]);
    }
    location
}
