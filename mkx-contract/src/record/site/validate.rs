//! What must hold between the fields of a site document.

use std::path::Path;

use url::Url;

use super::{Access, Environment, Name, Role, Site, claims};

/// What is wrong, and the way to it in the document.
pub struct Problem {
    /// Field names from the top.
    pub pointer: Vec<String>,
    /// What is wrong there.
    pub message: String,
}

impl Problem {
    /// A problem at a place, written with dots: `environments.eb.vault.path`.
    pub fn at(pointer: &str, message: impl Into<String>) -> Problem {
        Problem {
            pointer: pointer.split('.').map(str::to_owned).collect(),
            message: message.into(),
        }
    }
}

fn problem(pointer: &str, message: impl Into<String>) -> Option<Problem> {
    Some(Problem::at(pointer, message))
}

/// The first thing that is not right.
pub fn first_problem(site: &Site) -> Option<Problem> {
    check_name(site)
        .or_else(|| check_numbers(site))
        .or_else(|| check_shared(site))
        .or_else(|| check_environment(Name::Ea, &site.environments.ea, Role::Production))
        .or_else(|| check_environment(Name::Eb, &site.environments.eb, Role::Development))
        .or_else(|| claims::first_problem(site))
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

fn check_shared(site: &Site) -> Option<Problem> {
    if site.shared.network.is_empty() {
        return problem("shared.network", "it must name the external network");
    }
    if let Some(cause) = web_url_problem(&site.shared.edge.admin_url) {
        return problem("shared.edge.admin_url", cause);
    }
    let state = &site.state_directory;
    [("ea", &site.environments.ea), ("eb", &site.environments.eb)]
        .into_iter()
        .find(|(_, environment)| state.starts_with(&environment.vault.path))
        .and_then(|(name, _)| {
            problem(
                "state_directory",
                format!("it lies inside environments.{name}.vault.path"),
            )
        })
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
    for (service, weight) in &environment.share.weights {
        if weight.is_nan() || *weight <= 0.0 {
            return problem(
                &at(&format!("share.weights.{service}")),
                "it must be more than 0",
            );
        }
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
    for (field, url) in [
        ("health_url", &environment.health_url),
        ("oauth.callback", &environment.oauth.callback),
    ] {
        if let Some(cause) = web_url_problem(url) {
            return problem(&at(field), cause);
        }
    }
    if !environment.vault.path.is_absolute() || environment.vault.path == Path::new("/") {
        return problem(&at("vault.path"), "it must be a directory of its own");
    }
    if let Some(cause) = path_problem(&environment.oauth.login_path) {
        return problem(&at("oauth.login_path"), cause);
    }
    if let Some(cause) = path_problem(&environment.web.api_prefix) {
        return problem(&at("web.api_prefix"), cause);
    }
    if let Access::BasicAuth { public_paths, .. } = &environment.access {
        for (index, path) in public_paths.iter().enumerate() {
            if let Some(cause) = path_problem(path) {
                return problem(&at(&format!("access.public_paths.{index}")), cause);
            }
        }
    }
    if let Some(prefix) = &environment.mqtt.topic_prefix
        && (prefix.is_empty() || prefix.contains(['+', '#']) || prefix.starts_with('$'))
    {
        return problem(
            &at("mqtt.topic_prefix"),
            "it must be a topic, without + and # and not under $",
        );
    }
    for (index, topic) in environment.mqtt.topics.iter().enumerate() {
        if let Some(cause) = topic.problem() {
            return problem(&at(&format!("mqtt.topics.{index}.topic")), cause);
        }
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

fn path_problem(path: &str) -> Option<String> {
    (!path.starts_with('/')).then(|| "it must be a path that begins with /".into())
}

fn web_url_problem(text: &str) -> Option<String> {
    match Url::parse(text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => Some(format!(
            "its scheme is {:?}, expected \"https\"",
            url.scheme()
        )),
        Ok(url) if url.password().is_some() || !url.username().is_empty() => {
            Some("it must not hold a user or a password".into())
        }
        Ok(_) => None,
        Err(_) => Some("it is not a URL".into()),
    }
}

fn database_url_problem(text: &str) -> Option<String> {
    // libpq's URL of a socket may name a role and no host: postgresql://ROLE@/DATABASE?host=/run
    let Ok(url) = Url::parse(&text.replacen("@/", "@localhost/", 1)) else {
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
