//! The audit as SARIF 2.1.0, for tools of code review.

use serde_json::{Value, json};

use super::Audit;
use crate::finding::{Evidence, Severity};
use crate::rules::RULES;

/// The SARIF log.
pub fn log(audit: &Audit) -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "shortDescription": { "text": rule.title },
                "fullDescription": { "text": rule.why },
                "help": { "text": rule.fix },
                "defaultConfiguration": { "level": level(rule.severity) },
            })
        })
        .collect();
    let results: Vec<Value> = audit
        .findings
        .iter()
        .map(|finding| {
            // The last place is development's, where there are two: that is the one to change.
            let (own, others) = match finding.evidence.split_last() {
                Some((own, others)) => (vec![location(own)], others),
                None => (Vec::new(), &[][..]),
            };
            json!({
                "ruleId": finding.rule,
                "ruleIndex": RULES.iter().position(|rule| rule.id == finding.rule),
                "level": level(finding.severity),
                "message": { "text": format!("{}; {}", finding.message, finding.fix) },
                "locations": own,
                "relatedLocations": others.iter().map(location).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "mkx-compose",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "results": results,
        }],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn location(evidence: &Evidence) -> Value {
    let mut location =
        json!({ "message": { "text": format!("{}: {}", evidence.environment, evidence.what) } });
    if let Some(file) = &evidence.file {
        let uri = url::Url::from_file_path(file)
            .map_or_else(|()| file.display().to_string(), |url| url.to_string());
        location["physicalLocation"] = json!({ "artifactLocation": { "uri": uri } });
        if let Some(line) = evidence.line {
            location["physicalLocation"]["region"] = json!({ "startLine": line.max(1) });
        }
    }
    if let Some(container) = &evidence.container {
        location["logicalLocations"] = json!([{ "name": container, "kind": "container" }]);
    }
    location
}
