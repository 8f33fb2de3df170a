//! The env templates: every variable that the files refer to.

use std::collections::BTreeSet;
use std::fmt::Write;

use indexmap::IndexMap;

use super::{Work, renamed};
use crate::env::check::PLACEHOLDER;
use crate::interpolation::references;
use crate::names;
use crate::secrecy;

/// Production's and development's. `present` is what the env files set now; secrets are left out.
pub fn both(
    work: &Work<'_>,
    present: &IndexMap<String, String>,
    texts: &[&str],
) -> (String, String) {
    let mut named = BTreeSet::new();
    for text in texts {
        for line in text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
        {
            named.extend(references(line).map(str::to_owned));
        }
    }
    named.remove("COMPOSE_PROJECT_NAME");
    let mut ea =
        String::from("# Production's variables: copy to .env.prod, mode 0600, and fill in.\n");
    let mut eb = String::from(
        "# Development's variables: mkx-compose env new eb makes .env.dev from production's.\n",
    );
    let names: Vec<&String> = present
        .keys()
        .chain(named.iter().filter(|name| !present.contains_key(*name)))
        .collect();
    for name in names {
        if let Some(variable) = work.variables.get(name) {
            let only_eb = variable.ea.is_empty() && variable.eb.is_empty();
            let value = |text: &str| {
                if only_eb {
                    PLACEHOLDER.to_owned()
                } else {
                    text.to_owned()
                }
            };
            if !only_eb {
                let _ = writeln!(ea, "{name}={}", value(&variable.ea));
            }
            let _ = writeln!(eb, "{name}={}", value(&variable.eb));
            continue;
        }
        let has_default = |text: &&str| {
            text.contains(&format!("${{{name}:-")) || text.contains(&format!("${{{name}-"))
        };
        if !present.contains_key(name) && texts.iter().any(has_default) {
            let _ = writeln!(ea, "# {name}=");
            let _ = writeln!(eb, "# {name}=");
            continue;
        }
        let own = work.site.variables.get(name);
        let value = present.get(name).map(String::as_str).unwrap_or_default();
        let is_told = match value {
            "" => present.contains_key(name) || !secrecy::is_secret_name(work.site, name),
            value => secrecy::is_public(work.site, name, value),
        };
        if !is_told {
            let _ = writeln!(ea, "{name}={PLACEHOLDER}");
            let _ = writeln!(eb, "{name}={PLACEHOLDER}");
            continue;
        }
        let (eas, ebs) = (
            &work.site.environments.ea.project,
            &work.site.environments.eb.project,
        );
        let of = |known: Option<&String>, other: String| known.cloned().unwrap_or(other);
        let ea_value = of(
            own.and_then(|own| own.ea.as_ref()),
            renamed::followed(work, name, value, eas),
        );
        let eb_value = of(
            own.and_then(|own| own.eb.as_ref()),
            names::translated(work.site, &renamed::followed(work, name, value, ebs)),
        );
        let _ = writeln!(ea, "{name}={ea_value}");
        let _ = writeln!(eb, "{name}={eb_value}");
    }
    (ea, eb)
}
