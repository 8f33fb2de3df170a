//! What only one of the two environments may claim: names, addresses, ports, directories.

use std::path::{Component, Path, PathBuf};

use url::Url;

use super::validate::Problem;
use super::{Environment, Name, Site};

/// The first thing that both environments claim; the place is EB's.
pub fn first_problem(site: &Site) -> Option<Problem> {
    same_value(site)
        .or_else(|| same_host_name(site))
        .or_else(|| same_port(site))
        .or_else(|| nested_directory(site))
        .or_else(|| points_at_the_other(site))
}

fn twice(field: &str, value: &str, other: &str) -> Problem {
    Problem::at(
        &format!("environments.eb.{field}"),
        format!("{value:?} is environments.ea.{other} too; each environment needs its own"),
    )
}

fn same_value(site: &Site) -> Option<Problem> {
    let of = |environment: &Environment| {
        let database = &environment.database;
        let inside = match (&database.client_url, database.client_command.is_empty()) {
            (Some(url), true) => address(url),
            (Some(url), false) => format!("{} {url}", database.client_command.join(" ")),
            (None, _) => String::new(),
        };
        [
            ("project", environment.project.clone()),
            ("directory", shown(&environment.directory)),
            ("database.url", address(&database.url)),
            ("database.client_url", inside),
            ("vault.path", shown(&environment.vault.path)),
            ("mqtt.host", environment.mqtt.host.clone()),
            ("mqtt.public_host", environment.mqtt.public_host.clone()),
            (
                "mqtt.certificate_directory",
                shown(&environment.mqtt.certificate_directory),
            ),
            (
                "mqtt.config_directory",
                shown(&environment.mqtt.config_directory),
            ),
            (
                "mqtt.topic_prefix",
                environment.mqtt.topic_prefix.clone().unwrap_or_default(),
            ),
            ("oauth.callback", environment.oauth.callback.clone()),
            ("health_url", environment.health_url.clone()),
            ("web.api_upstreams", environment.api_upstreams().join(" ")),
            ("web.web_upstreams", environment.web_upstreams().join(" ")),
            ("vault.edge_path", shown(environment.vault.edge_path())),
        ]
    };
    let (ea, eb) = (&site.environments.ea, &site.environments.eb);
    for ((field, a), (_, b)) in of(ea).into_iter().zip(of(eb)) {
        if a == b && !a.is_empty() {
            return Some(twice(field, &b, field));
        }
    }
    let shared = |file: &&PathBuf| ea.env_files.iter().any(|other| shown(other) == shown(file));
    eb.env_files
        .iter()
        .position(|file| shared(&file))
        .map(|index| {
            twice(
                &format!("env_files.{index}"),
                &shown(&eb.env_files[index]),
                "env_files",
            )
        })
}

/// Where a database is, without the role that opens it: two roles reach the same one.
fn address(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) => format!(
            "{}:{}{}",
            url.host_str().unwrap_or("local socket"),
            url.port().unwrap_or(5432),
            url.path()
        ),
        Err(_) => text.to_owned(),
    }
}

fn same_host_name(site: &Site) -> Option<Problem> {
    let of = |environment: &Environment| {
        [
            ("domain", environment.domain.to_ascii_lowercase()),
            (
                "vault.domain",
                environment.vault.domain.to_ascii_lowercase(),
            ),
        ]
    };
    let (ea, eb) = (of(&site.environments.ea), of(&site.environments.eb));
    for (name, [(_, site), (_, vault)]) in [(Name::Ea, &ea), (Name::Eb, &eb)] {
        if site == vault {
            return Some(Problem::at(
                &format!("environments.{name}.vault.domain"),
                format!("{vault:?} is environments.{name}.domain too; the vault needs its own"),
            ));
        }
    }
    eb.iter().find_map(|(field, b)| {
        let (other, _) = ea.iter().find(|(_, a)| a == b)?;
        Some(twice(field, b, other))
    })
}

fn same_port(site: &Site) -> Option<Problem> {
    let of = |environment: &Environment| {
        let database = Url::parse(&environment.database.url).ok();
        let local = database
            .filter(|url| matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")));
        [
            ("database.url", local.map(|url| url.port().unwrap_or(5432))),
            ("mqtt.port", Some(environment.mqtt.port)),
            ("mqtt.plain_port", Some(environment.mqtt.plain_port)),
        ]
    };
    let ports = [
        (Name::Ea, of(&site.environments.ea)),
        (Name::Eb, of(&site.environments.eb)),
    ];
    let mut taken: Vec<(u16, String)> = Vec::new();
    for (name, fields) in ports {
        let (before, mut own) = (taken.clone(), Vec::new());
        for (field, port) in fields {
            let Some(port) = port else { continue };
            let place = format!("environments.{name}.{field}");
            // Two databases on one server are told apart by their addresses.
            let both_databases =
                |other: &str| field == "database.url" && other == "environments.ea.database.url";
            if let Some((_, other)) = before
                .iter()
                .chain(&own)
                .find(|(used, other)| *used == port && !both_databases(other))
            {
                let message = format!("port {port} is {other} too; each needs its own");
                return Some(Problem::at(&place, message));
            }
            own.push((port, place));
        }
        taken.extend(own);
    }
    None
}

fn nested_directory(site: &Site) -> Option<Problem> {
    let of = |environment: &Environment| {
        let mqtt = &environment.mqtt;
        [
            ("directory", &environment.directory),
            ("vault.path", &environment.vault.path),
            ("mqtt.certificate_directory", &mqtt.certificate_directory),
            ("mqtt.config_directory", &mqtt.config_directory),
        ]
        .map(|(field, path)| (field, without_parents(path)))
    };
    let (ea, eb) = (of(&site.environments.ea), of(&site.environments.eb));
    for (field, b) in &eb {
        for (other, a) in &ea {
            let relation = if b.starts_with(a) {
                "inside"
            } else if a.starts_with(b) {
                "around"
            } else {
                continue;
            };
            return Some(Problem::at(
                &format!("environments.eb.{field}"),
                format!(
                    "{:?} lies {relation} environments.ea.{other} ({:?}); each environment needs its own",
                    shown(b),
                    shown(a)
                ),
            ));
        }
    }
    None
}

/// What an environment names must not be the other's.
fn points_at_the_other(site: &Site) -> Option<Problem> {
    [Name::Ea, Name::Eb].into_iter().find_map(|name| {
        let (own, other) = (site.environment(name), site.environment(name.other()));
        let at = |field: &str| format!("environments.{name}.{field}");
        for (field, url) in [
            ("health_url", &own.health_url),
            ("oauth.callback", &own.oauth.callback),
        ] {
            let host = Url::parse(url).ok()?.host_str()?.to_owned();
            if [&other.domain, &other.vault.domain].contains(&&host) {
                return Some(Problem::at(
                    &at(field),
                    format!("{host:?} is a host of environments.{}", name.other()),
                ));
            }
        }
        let commands = [
            ("database.client_command", &own.database.client_command),
            ("mqtt.reload", &own.mqtt.reload),
            ("commands.test", &own.commands.test),
            ("commands.migrate", &own.commands.migrate),
            ("commands.revision", &own.commands.revision),
            ("commands.downgrade", &own.commands.downgrade),
        ];
        commands.into_iter().find_map(|(field, words)| {
            let index = words
                .iter()
                .position(|word| belongs_to(word, &other.project, &own.project))?;
            Some(Problem::at(
                &at(&format!("{field}.{index}")),
                format!(
                    "{:?} belongs to environments.{}",
                    words[index],
                    name.other()
                ),
            ))
        })
    })
}

/// True for a project's own name and its containers' (`PROJECT-SERVICE`); `makapix-dev-db`
/// belongs to `makapix-dev`, although `makapix` is a project too.
fn belongs_to(word: &str, project: &str, rival: &str) -> bool {
    let claims = |project: &str| {
        word.strip_prefix(project)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    claims(project) && !(claims(rival) && rival.len() > project.len())
}

fn shown(path: &Path) -> String {
    without_parents(path).display().to_string()
}

/// The path with `..` resolved by its text alone, for comparing.
fn without_parents(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}
