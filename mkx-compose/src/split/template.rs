//! The env templates: every variable that the files refer to.

use std::collections::BTreeSet;
use std::fmt::Write;

use indexmap::IndexMap;

use super::{Present, Work, renamed};
use crate::env::check::PLACEHOLDER;
use crate::env::fresh::spelled;
use crate::interpolation::references;
use crate::names;
use crate::secrecy;

/// Production's and development's. `present` is what the env files set now; secrets are left out.
/// What production's services are given by files of their own stays there, development's are given
/// it by development's one.
pub fn both(work: &Work<'_>, present: &Present, texts: &[&str]) -> (String, String) {
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
    let Present { own, given } = present;
    let mut names: Vec<&String> = own.keys().collect();
    names.extend(named.iter().filter(|name| !own.contains_key(*name)));
    let is_new = |name: &&String| !own.contains_key(*name) && !named.contains(*name);
    names.extend(given.keys().filter(is_new));
    let present: IndexMap<&String, &String> = given.iter().chain(own).collect();
    let mut unread = String::new();
    for name in names {
        let is_givens_alone = !own.contains_key(name) && !named.contains(name);
        let ea = if is_givens_alone {
            &mut unread
        } else {
            &mut ea
        };
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
        let value = present
            .get(name)
            .map(|value| value.as_str())
            .unwrap_or_default();
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
        let _ = writeln!(ea, "{}", spelled(name, &ea_value));
        let _ = writeln!(eb, "{}", spelled(name, &eb_value));
    }
    (ea, eb)
}
