//! What names an environment: host names, paths, containers; and whether a text names the other.

use std::path::Path;

use mkx_contract::{Environment, EnvironmentName, Site};

/// Production's name of a thing and development's.
struct Twins {
    kind: Kind,
    ea: String,
    eb: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A host name: it ends where another label would go on.
    Host,
    /// A path: what lies below it is meant too.
    Path,
    /// A project: its containers (`PROJECT-SERVICE`) and resources (`PROJECT_NAME`) too.
    Project,
}

fn twins(site: &Site) -> Vec<Twins> {
    let (ea, eb) = (&site.environments.ea, &site.environments.eb);
    let path = |path: &Path| path.display().to_string();
    let names = |one: &Environment| {
        let (vault, mqtt) = (one.vault.as_ref(), one.mqtt.as_ref());
        [
            (Kind::Host, Some(one.domain.clone())),
            (Kind::Host, vault.map(|vault| vault.domain.clone())),
            (Kind::Host, mqtt.map(|mqtt| mqtt.public_host.clone())),
            (Kind::Host, mqtt.map(|mqtt| mqtt.host.clone())),
            (Kind::Path, vault.map(|vault| path(&vault.path))),
            (Kind::Path, Some(path(&one.directory))),
            (Kind::Project, Some(one.project.clone())),
        ]
    };
    // What one of the two lacks is empty, which occurs nowhere.
    let pairs = names(ea).into_iter().zip(names(eb));
    let mut all: Vec<Twins> = pairs
        .map(|((kind, ea), (_, eb))| Twins {
            kind,
            ea: ea.unwrap_or_default(),
            eb: eb.unwrap_or_default(),
        })
        .collect();
    all.sort_by_key(|twins| std::cmp::Reverse(twins.ea.len()));
    all
}

/// The text with every name of production's replaced by development's.
pub fn translated(site: &Site, text: &str) -> String {
    let mut result = String::new();
    let all = twins(site);
    let mut at = 0;
    'text: while at < text.len() {
        for twins in &all {
            if occurs(text, at, &twins.ea, twins.kind) && !is_in_address(text, at, twins.kind) {
                result.push_str(&twins.eb);
                at += twins.ea.len();
                continue 'text;
            }
        }
        let character = text[at..].chars().next().unwrap_or_default();
        result.push(character);
        at += character.len_utf8().max(1);
    }
    result
}

/// The first host or path of `environment` in the text, where there is one that is not a part of
/// one of the other environment's. Whose a container or a volume is, models say, not its name.
pub fn first_name_of(site: &Site, environment: EnvironmentName, text: &str) -> Option<String> {
    let mut all = twins(site);
    all.retain(|twins| twins.kind != Kind::Project);
    let of = |twins: &Twins, name: EnvironmentName| match name {
        EnvironmentName::Ea => twins.ea.clone(),
        EnvironmentName::Eb => twins.eb.clone(),
    };
    for (at, _) in text.char_indices() {
        for twins in &all {
            let (own, other) = (of(twins, environment), of(twins, environment.other()));
            let is_others = other.len() > own.len() && occurs(text, at, &other, twins.kind);
            if occurs(text, at, &own, twins.kind)
                && !is_others
                && !is_in_address(text, at, twins.kind)
            {
                return Some(own);
            }
        }
    }
    None
}

/// True where the word stands in the text as a whole.
pub fn has_word(text: &str, word: &str) -> bool {
    let is_of_words = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_of_words) && !after.is_some_and(is_of_words)
    })
}

/// True where the name of a container, a volume or a network stands in the text as a whole.
pub fn has_resource(text: &str, name: &str) -> bool {
    let is_of_names = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty()
        && text.match_indices(name).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let mut after = text[at + name.len()..].chars();
            let next = after.next();
            // A sentence may end behind it; a file or a host goes on.
            let ends = match next {
                Some('.') => !after.next().is_some_and(is_of_names),
                next => !next.is_some_and(is_of_names),
            };
            !before.is_some_and(is_of_names) && before != Some('/') && ends
        })
}

/// True where the host name stands at `at` as a whole, in the URL of a service or alone.
pub fn is_host_at(text: &str, at: usize, host: &str) -> bool {
    text.is_char_boundary(at)
        && occurs(text, at, host, Kind::Host)
        && !is_in_address(text, at, Kind::Host)
}

/// True where `host` stands at `at` as the end of a longer name, `www.HOST`, that is none of
/// `others`.
pub fn is_subdomain_at(text: &str, at: usize, host: &str, others: &[&str]) -> bool {
    if !text.is_char_boundary(at) || !text[..at].ends_with('.') {
        return false;
    }
    let is_label = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let start = text[..at]
        .rfind(|c: char| !is_label(c))
        .map_or(0, |end| end + 1);
    let end = at + host.len();
    let whole = text.get(start..end).unwrap_or_default();
    occurs(text, start, whole, Kind::Host)
        && text[at..].starts_with(host)
        && !others.contains(&whole)
        && !is_in_address(text, start, Kind::Host)
}

/// An e-mail address names a domain, but sends nobody there.
fn is_in_address(text: &str, at: usize, kind: Kind) -> bool {
    kind == Kind::Host && text[..at].ends_with('@') && !text[..at].contains("://")
}

/// True where `name` stands at `at` as a whole.
fn occurs(text: &str, at: usize, name: &str, kind: Kind) -> bool {
    if name.is_empty() || !text[at..].starts_with(name) {
        return false;
    }
    let before = text[..at].chars().next_back();
    let mut after = text[at + name.len()..].chars();
    let next = after.next();
    let is_label = |c: char| c.is_ascii_alphanumeric() || c == '-';
    match kind {
        Kind::Host => {
            let goes_on = match next {
                Some('.') => after.next().is_some_and(is_label),
                Some(c) => is_label(c) || c == '_',
                None => false,
            };
            !before.is_some_and(|c| is_label(c) || c == '.' || c == '_') && !goes_on
        }
        Kind::Path => {
            !before.is_some_and(|c| is_label(c) || "._/".contains(c))
                && !next.is_some_and(|c| is_label(c) || "._".contains(c))
        }
        Kind::Project => {
            !before.is_some_and(|c| is_label(c) || "._/".contains(c))
                && !next.is_some_and(|c| c.is_ascii_alphanumeric() || "./".contains(c))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Preset;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let found = first_name_of(&Preset::Makapix.tested(), EnvironmentName::Ea, text);
        assert_eq!(found.as_deref(), expected, "{text}");
    }

    #[test]
    fn a_name_of_production_is_found_as_a_whole_only() {
        check("https://makapix.club/api", Some("makapix.club"));
        check("makapix.club,www.makapix.club", Some("makapix.club"));
        check("https://development.makapix.club/api", None);
        check("https://vault-dev.makapix.club", None);
        check("https://vault.makapix.club/x", Some("vault.makapix.club"));
        check("noreply@notification.makapix.club", None);
        check("acme@makapix.club", None);
        check("postgresql://a@makapix.club/x", Some("makapix.club"));
        check("/opt/makapix/mqtt", Some("/opt/makapix"));
        check("/opt/makapix-dev/mqtt", None);
        check("/mnt/vault-1", Some("/mnt/vault-1"));
        check("/mnt/vault-10", None);
        check("makapix-prod-db", None);
        check("club.makapix.app", None);
        check("makapix", None);
    }

    #[track_caller]
    fn check_resource(text: &str, expected: bool) {
        assert_eq!(has_resource(text, "shop-db"), expected, "{text}");
    }

    #[test]
    fn a_resource_is_found_by_its_whole_name_only() {
        check_resource("shop-db", true);
        check_resource("postgres://u:p@shop-db:5432/x", true);
        check_resource("docker exec shop-db psql", true);
        check_resource("shop-db-backup", false);
        check_resource("my-shop-db", false);
        check_resource("shop-db.example.org", false);
        check_resource("https://example.org/shop-db", false);
    }

    #[test]
    fn productions_names_become_developments() {
        assert_eq!(
            translated(&Preset::Makapix.tested(), "acme@makapix.club"),
            "acme@makapix.club"
        );
        assert_eq!(
            translated(
                &Preset::Makapix.tested(),
                "https://makapix.club,https://vault.makapix.club makapix-prod-mqtt /mnt/vault-1/x"
            ),
            "https://development.makapix.club,https://vault-dev.makapix.club makapix-dev-mqtt /mnt/vault-dev/x"
        );
    }
}
