//! What must hold between the fields of a site document.

use super::{Environment, Name, Role, Site};

/// What is wrong, and the way to it in the document.
pub struct Problem {
    /// Field names from the top.
    pub pointer: Vec<String>,
    /// What is wrong there.
    pub message: String,
}

fn problem(pointer: &str, message: impl Into<String>) -> Option<Problem> {
    Some(Problem {
        pointer: pointer.split('.').map(str::to_owned).collect(),
        message: message.into(),
    })
}

/// The first thing that is not right.
pub fn first_problem(site: &Site) -> Option<Problem> {
    check_name(site)
        .or_else(|| check_numbers(site))
        .or_else(|| check_environment(Name::Ea, &site.environments.ea, Role::Production))
        .or_else(|| check_environment(Name::Eb, &site.environments.eb, Role::Development))
        .or_else(|| check_claimed_twice(site))
}

fn check_name(site: &Site) -> Option<Problem> {
    let is_plain = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c))
    };
    if !is_plain(&site.name) {
        return problem(
            "name",
            "a name has lower-case letters, digits, - and _ only",
        );
    }
    for (name, environment) in [("ea", &site.environments.ea), ("eb", &site.environments.eb)] {
        if !is_plain(&environment.project) {
            return problem(
                &format!("environments.{name}.project"),
                "a project has lower-case letters, digits, - and _ only",
            );
        }
    }
    None
}

fn check_numbers(site: &Site) -> Option<Problem> {
    if site.host.cpus <= 0.0 {
        return problem("host.cpus", "it must be more than 0");
    }
    if site.host.memory_bytes == 0 {
        return problem("host.memory_bytes", "it must be more than 0");
    }
    if !(site.sample.percent > 0.0 && site.sample.percent <= 100.0) {
        return problem("sample.percent", "it must be more than 0 and at most 100");
    }
    None
}

fn check_environment(name: Name, environment: &Environment, role: Role) -> Option<Problem> {
    let at = |field: &str| format!("environments.{name}.{field}");
    if environment.role != role {
        let expected = if name == Name::Ea {
            "production"
        } else {
            "development"
        };
        return problem(&at("role"), format!("it must be {expected:?}"));
    }
    if environment.compose_files.is_empty() {
        return problem(&at("compose_files"), "it must name at least one file");
    }
    if !(environment.share.percent > 0.0 && environment.share.percent <= 100.0) {
        return problem(
            &at("share.percent"),
            "it must be more than 0 and at most 100",
        );
    }
    for (field, url) in [
        ("database.url", Some(&environment.database.url)),
        (
            "database.client_url",
            environment.database.client_url.as_ref(),
        ),
    ] {
        if let Some(cause) = url.and_then(|url| database_url_problem(url)) {
            return problem(&at(field), cause);
        }
    }
    if url::Url::parse(&environment.health_url).is_err() {
        return problem(&at("health_url"), "it is not a URL");
    }
    for (field, domain) in [
        ("domain", &environment.domain),
        ("vault.domain", &environment.vault.domain),
    ] {
        if domain.is_empty() || domain.contains(['/', ':', ' ']) {
            return problem(&at(field), "it must be a host name, without scheme or path");
        }
    }
    None
}

fn database_url_problem(text: &str) -> Option<String> {
    let Ok(url) = url::Url::parse(text) else {
        return Some("it is not a URL; expected postgresql://ROLE@HOST:PORT/DATABASE".into());
    };
    if !matches!(url.scheme(), "postgresql" | "postgres") {
        return Some(format!(
            "its scheme is {:?}, expected \"postgresql\"",
            url.scheme()
        ));
    }
    if url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password") {
        return Some("it must not hold the password; name its place under \"password\"".into());
    }
    if url.path().trim_matches('/').is_empty() {
        return Some("it names no database".into());
    }
    None
}

/// What two environments must not both claim.
fn check_claimed_twice(site: &Site) -> Option<Problem> {
    let (ea, eb) = (&site.environments.ea, &site.environments.eb);
    let claims: [(&str, String, String); 11] = [
        ("project", ea.project.clone(), eb.project.clone()),
        ("directory", shown(&ea.directory), shown(&eb.directory)),
        ("domain", ea.domain.clone(), eb.domain.clone()),
        ("vault.path", shown(&ea.vault.path), shown(&eb.vault.path)),
        (
            "vault.domain",
            ea.vault.domain.clone(),
            eb.vault.domain.clone(),
        ),
        (
            "database.url",
            ea.database.url.clone(),
            eb.database.url.clone(),
        ),
        ("mqtt.host", ea.mqtt.host.clone(), eb.mqtt.host.clone()),
        (
            "mqtt.port",
            ea.mqtt.port.to_string(),
            eb.mqtt.port.to_string(),
        ),
        (
            "mqtt.plain_port",
            ea.mqtt.plain_port.to_string(),
            eb.mqtt.plain_port.to_string(),
        ),
        (
            "mqtt.certificate_directory",
            shown(&ea.mqtt.certificate_directory),
            shown(&eb.mqtt.certificate_directory),
        ),
        (
            "oauth.callback",
            ea.oauth.callback.clone(),
            eb.oauth.callback.clone(),
        ),
    ];
    claims
        .into_iter()
        .find(|(_, a, b)| a == b)
        .and_then(|(field, value, _)| {
            problem(
                &format!("environments.eb.{field}"),
                format!("{value:?} is environments.ea.{field} too; each environment needs its own"),
            )
        })
}

fn shown(path: &std::path::Path) -> String {
    path.display().to_string()
}
