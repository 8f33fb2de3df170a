//! Names that Docker resolves to either environment's container on the shared network.

use std::collections::BTreeMap;

use mkx_contract::record::finding::{Finding, Rule as _};

use super::{Pair, Side};
use crate::rules::Rule;

/// Names that both environments answer to on the shared network.
pub fn rules(pair: &Pair<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (ea, eb) = (answers(pair, &pair.ea), answers(pair, &pair.eb));
    for (alias, (service, explicit)) in &eb {
        let Some((other, other_explicit)) = ea.get(alias) else {
            continue;
        };
        if *explicit || *other_explicit {
            let network = &pair.site.shared.network;
            let message = format!("both environments answer to {alias} on {network}");
            findings.push(
                Rule::NetworkAlias
                    .finding(alias, message)
                    .at(pair.ea.place(&["services", other, "networks"]))
                    .at(pair.eb.place(&["services", service, "networks"])),
            );
        }
        for side in [&pair.ea, &pair.eb] {
            findings.extend(references(pair, side, alias));
        }
    }
    findings
}

/// The names that a side's services answer to on the shared network, whose they are, and whether
/// they are written as aliases.
fn answers(pair: &Pair<'_>, side: &Side<'_>) -> BTreeMap<String, (String, bool)> {
    let mut names = BTreeMap::new();
    for (service, model) in &side.model.services {
        for (key, attachment) in &model.networks {
            if side.model.network_name(key) != pair.site.shared.network {
                continue;
            }
            if !attachment.as_ref().is_some_and(|one| one.nameless) {
                names.insert(service.clone(), (service.clone(), false));
            }
            for alias in attachment.iter().flat_map(|one| &one.aliases) {
                names.insert(alias.clone(), (service.clone(), true));
            }
        }
    }
    names
}

fn references(pair: &Pair<'_>, side: &Side<'_>, alias: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (service, model) in &side.model.services {
        let on_shared = model
            .networks
            .keys()
            .any(|key| side.model.network_name(key) == pair.site.shared.network);
        let texts = model
            .environment
            .iter()
            .map(|(name, value)| ("environment", name.as_str(), value.as_deref().unwrap_or("")))
            .chain(
                // Labels are read by the edge, which is on the shared network.
                model
                    .labels
                    .iter()
                    .map(|(name, value)| ("labels", name.as_str(), value.as_str())),
            );
        for (member, name, value) in texts {
            if (on_shared || member == "labels") && refers(name, value, alias) {
                let network = &pair.site.shared.network;
                findings.push(
                    Rule::AmbiguousName
                        .finding(
                            alias,
                            format!(
                                "{alias} is either environment's on {network}, and referred to"
                            ),
                        )
                        .at(side.place(&["services", service, member, name])),
                );
            }
        }
    }
    findings
}

/// True where a text names the host `alias`: in a URL, in front of a port, or alone in a variable
/// that holds a host.
pub fn refers(name: &str, text: &str, alias: &str) -> bool {
    let holds_host = ["HOST", "SERVER", "BROKER", "UPSTREAM", "ADDR"]
        .iter()
        .any(|word| name.to_ascii_uppercase().contains(word));
    if holds_host && text == alias {
        return true;
    }
    text.match_indices(alias).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + alias.len()..]);
        let starts =
            before.is_empty() || before.ends_with([' ', '@', ',', '=']) || before.ends_with("//");
        let in_url = before.ends_with("//") || (before.ends_with('@') && before.contains("//"));
        let port = after
            .strip_prefix(':')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let ends = after.is_empty() || after.starts_with(['/', ' ', ',']);
        (starts && port) || (in_url && ends)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, text: &str, expected: bool) {
        assert_eq!(refers(name, text, "api"), expected, "{name}={text}");
    }

    #[test]
    fn a_reference_to_a_host_is_told_from_a_word() {
        check("URL", "http://api:8000", true);
        check("URL", "http://api/x", true);
        check("X", "api:8000", true);
        check("X", "postgres://u:p@api/db", true);
        check("API_HOST", "api", true);
        check("ROLE", "api", false);
        check("URL", "http://x/api", false);
        check("URL", "http://x/api:1", false);
        check("URL", "http://makapix-dev-api:8000", false);
        check("NAMES", "web-api:8000", false);
    }
}
