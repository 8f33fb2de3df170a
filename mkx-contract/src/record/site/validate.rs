//! What must hold between the fields of a site document.

use std::path::Path;

use url::Url;

use super::problem::Problems;
use super::{Access, Environment, Mqtt, Name, OAuth, Role, Share, Site, Vault, Web};

/// Looks at every field alone; `claims` holds the two environments against each other.
pub fn check(site: &Site, found: &mut Problems) {
    check_names(site, found);
    check_numbers(site, found);
    check_shared(site, found);
    for (name, environment) in site.both() {
        check_environment(name, environment, found);
    }
}

fn check_names(site: &Site, found: &mut Problems) {
    let cause = |name: &str| {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        (name.is_empty() || !name.chars().all(is_plain))
            .then_some("it may have lower-case letters, digits, - and _ only")
    };
    found.add_if("name", cause(&site.name));
    for (name, environment) in site.both() {
        let pointer = format!("environments.{name}.project");
        found.add_if(&pointer, cause(&environment.project));
    }
}

fn check_numbers(site: &Site, found: &mut Problems) {
    let positive = |is: bool| (!is).then_some("it must be more than 0");
    let host = site.host();
    found.add_if("host.cpus", positive(host.cpus > 0.0));
    found.add_if("host.memory_bytes", positive(host.memory_bytes > 0));
    found.add_if("sample.percent", percent_problem(site.sample.percent));
}

fn check_shared(site: &Site, found: &mut Problems) {
    if site.shared.network.is_empty() {
        found.add("shared.network", "it must name the external network");
    }
    let admin = web_url_problem(&site.shared.edge.admin_url);
    found.add_if("shared.edge.admin_url", admin);
    for (name, environment) in site.both() {
        if let Some(vault) = &environment.vault
            && site.state_directory.starts_with(&vault.path)
        {
            let message = format!("it lies inside environments.{name}.vault.path");
            found.add("state_directory", message);
        }
    }
}

fn check_environment(name: Name, environment: &Environment, found: &mut Problems) {
    let at = |field: &str| format!("environments.{name}.{field}");
    match (name, environment.role) {
        (Name::Ea, Role::Development) => found.add(&at("role"), "it must be \"production\""),
        (Name::Eb, Role::Production) => found.add(&at("role"), "it must be \"development\""),
        _ => {}
    }
    if environment.compose_files.is_empty() {
        found.add(&at("compose_files"), "it must name at least one file");
    }
    found.add_if(&at("domain"), host_problem(&environment.domain));
    let health_url = environment.health_url.as_deref();
    found.add_if(&at("health_url"), health_url.and_then(web_url_problem));
    check_web(&environment.web, &at, found);
    if let Access::BasicAuth { public_paths, .. } = &environment.access {
        for (index, path) in public_paths.iter().enumerate() {
            found.add_if(
                &at(&format!("access.public_paths.{index}")),
                path_problem(path),
            );
        }
    }
    check_share(&environment.share, &at, found);
    if let Some(database) = &environment.database {
        found.add_if(&at("database.url"), database_url_problem(&database.url));
        let client_url = database.client_url.as_deref();
        found.add_if(
            &at("database.client_url"),
            client_url.and_then(database_url_problem),
        );
    }
    if let Some(vault) = &environment.vault {
        check_vault(vault, &at, found);
    }
    if let Some(mqtt) = &environment.mqtt {
        check_mqtt(mqtt, &at, found);
    }
    if let Some(oauth) = &environment.oauth {
        check_oauth(oauth, &at, found);
    }
}

/// The way to a field of the environment that is looked at.
type At<'a> = &'a dyn Fn(&str) -> String;

/// Nothing is guessed: an API needs its prefix, and whatever leads to the site a site.
fn check_web(web: &Web, at: At<'_>, found: &mut Problems) {
    let has_api = !web.api_upstreams.is_empty();
    if has_api || !web.api_prefix.is_empty() {
        found.add_if(&at("web.api_prefix"), path_problem(&web.api_prefix));
        let missing =
            (!has_api).then_some("it is missing: where the API of web.api_prefix listens");
        found.add_if(&at("web.api_upstreams"), missing);
    }
    if web.web_upstreams.is_empty() && (has_api || !web.redirect_from.is_empty()) {
        found.add(
            &at("web.web_upstreams"),
            "it is missing: where the site listens",
        );
    }
}

fn check_share(share: &Share, at: At<'_>, found: &mut Problems) {
    found.add_if(&at("share.percent"), percent_problem(share.percent));
    for (service, weight) in &share.weights {
        if weight.is_nan() || *weight <= 0.0 {
            let pointer = at(&format!("share.weights.{service}"));
            found.add(&pointer, "it must be more than 0");
        }
    }
}

fn check_vault(vault: &Vault, at: At<'_>, found: &mut Problems) {
    if !vault.path.is_absolute() || vault.path == Path::new("/") {
        found.add(&at("vault.path"), "it must be a directory of its own");
    }
    found.add_if(&at("vault.domain"), host_problem(&vault.domain));
    for (index, kind) in vault.files.iter().enumerate() {
        let pointer = at(&format!("vault.files.{index}.pattern"));
        found.add_if(&pointer, pattern_problem(&kind.pattern));
    }
    if let Some(legacy) = &vault.legacy_paths {
        for (field, rewrite) in [("rewrite", &legacy.rewrite), ("example", &legacy.example)] {
            let pointer = at(&format!("vault.legacy_paths.{field}"));
            found.add_if(&format!("{pointer}.path"), pattern_problem(&rewrite.path));
            for (group, [from, to]) in &rewrite.translate {
                if from.chars().count() != to.chars().count() {
                    let pointer = format!("{pointer}.translate.{group}");
                    found.add(&pointer, "both must have as many characters");
                }
            }
        }
    }
}

fn check_mqtt(mqtt: &Mqtt, at: At<'_>, found: &mut Problems) {
    if let Some(prefix) = &mqtt.topic_prefix
        && (prefix.is_empty() || prefix.contains(['+', '#']) || prefix.starts_with('$'))
    {
        found.add(
            &at("mqtt.topic_prefix"),
            "it must be a topic, without + and # and not under $",
        );
    }
    for (index, topic) in mqtt.topics.iter().enumerate() {
        let pointer = at(&format!("mqtt.topics.{index}.topic"));
        found.add_if(&pointer, topic.problem());
    }
}

fn check_oauth(oauth: &OAuth, at: At<'_>, found: &mut Problems) {
    found.add_if(&at("oauth.callback"), web_url_problem(&oauth.callback));
    found.add_if(&at("oauth.login_path"), path_problem(&oauth.login_path));
}

fn percent_problem(percent: f64) -> Option<&'static str> {
    (!(percent > 0.0 && percent <= 100.0)).then_some("it must be more than 0 and at most 100")
}

fn host_problem(domain: &str) -> Option<&'static str> {
    (domain.is_empty() || domain.contains(['/', ':', ' ']))
        .then_some("it must be a host name, without scheme or path")
}

fn pattern_problem(pattern: &str) -> Option<&'static str> {
    regex::Regex::new(pattern)
        .err()
        .map(|_| "it is not a regular expression")
}

fn path_problem(path: &str) -> Option<&'static str> {
    (!path.starts_with('/')).then_some("it must be a path that begins with /")
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
