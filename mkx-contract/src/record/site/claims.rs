//! What only one of the two environments may claim: names, addresses, ports, directories.

use std::path::{Component, Path, PathBuf};

use url::Url;

use super::problem::Problems;
use super::{Database, Environment, Site};

/// Everything that both environments claim; the place is EB's.
pub fn check(site: &Site, found: &mut Problems) {
    same_values(site, found);
    same_env_files(site, found);
    same_host_names(site, found);
    same_ports(site, found);
    nested_directories(site, found);
    pointing_at_the_other(site, found);
}

fn twice(found: &mut Problems, field: &str, value: &str, other: &str) {
    let message =
        format!("{value:?} is environments.ea.{other} too; each environment needs its own");
    found.add(&format!("environments.eb.{field}"), message);
}

fn same_values(site: &Site, found: &mut Problems) {
    let (ea, eb) = (&site.environments.ea, &site.environments.eb);
    let claimed = own_values(ea);
    for (field, value) in own_values(eb) {
        if claimed.contains(&(field, value.clone())) {
            twice(found, field, &value, field);
        }
    }
}

/// What must not be the other's, as far as the environment has it.
fn own_values(environment: &Environment) -> Vec<(&'static str, String)> {
    let mut own = vec![
        ("project", environment.project.clone()),
        ("directory", shown(&environment.directory)),
        ("web.api_upstreams", environment.web.api_upstreams.join(" ")),
        ("web.web_upstreams", environment.web.web_upstreams.join(" ")),
        (
            "health_url",
            environment.health_url.clone().unwrap_or_default(),
        ),
    ];
    if let Some(database) = &environment.database {
        own.push(("database.url", address(&database.url)));
        own.push(("database.client_url", inside(database)));
    }
    if let Some(vault) = &environment.vault {
        own.push(("vault.path", shown(&vault.path)));
        own.push(("vault.edge_path", shown(vault.edge_path())));
    }
    if let Some(mqtt) = &environment.mqtt {
        own.extend([
            ("mqtt.host", mqtt.host.clone()),
            ("mqtt.public_host", mqtt.public_host.clone()),
            (
                "mqtt.certificate_directory",
                shown(&mqtt.certificate_directory),
            ),
            ("mqtt.config_directory", shown(&mqtt.config_directory)),
            (
                "mqtt.topic_prefix",
                mqtt.topic_prefix.clone().unwrap_or_default(),
            ),
        ]);
    }
    if let Some(oauth) = &environment.oauth {
        own.push(("oauth.callback", oauth.callback.clone()));
    }
    own.retain(|(_, value)| !value.is_empty());
    own
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

/// The same address is another database behind another command.
fn inside(database: &Database) -> String {
    match (&database.client_url, database.client_command.is_empty()) {
        (Some(url), true) => address(url),
        (Some(url), false) => format!("{} {url}", database.client_command.join(" ")),
        (None, _) => String::new(),
    }
}

fn same_env_files(site: &Site, found: &mut Problems) {
    let (ea, eb) = (&site.environments.ea, &site.environments.eb);
    for (index, file) in eb.env_files.iter().enumerate() {
        if ea.env_files.iter().any(|other| shown(other) == shown(file)) {
            twice(
                found,
                &format!("env_files.{index}"),
                &shown(file),
                "env_files",
            );
        }
    }
}

fn host_names(environment: &Environment) -> Vec<(&'static str, String)> {
    let mut names = vec![("domain", environment.domain.to_ascii_lowercase())];
    if let Some(vault) = &environment.vault {
        names.push(("vault.domain", vault.domain.to_ascii_lowercase()));
    }
    names
}

fn same_host_names(site: &Site, found: &mut Problems) {
    for (name, environment) in site.both() {
        if let [(_, site), (_, vault)] = host_names(environment).as_slice()
            && site == vault
        {
            found.add(
                &format!("environments.{name}.vault.domain"),
                format!("{vault:?} is environments.{name}.domain too; the vault needs its own"),
            );
        }
    }
    let ea = host_names(&site.environments.ea);
    for (field, own) in host_names(&site.environments.eb) {
        if let Some((other, _)) = ea.iter().find(|(_, claimed)| *claimed == own) {
            twice(found, field, &own, other);
        }
    }
}

fn ports(environment: &Environment) -> Vec<(&'static str, u16)> {
    let mut ports = Vec::new();
    if let Some(database) = &environment.database
        && let Ok(url) = Url::parse(&database.url)
        && matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"))
    {
        ports.push(("database.url", url.port().unwrap_or(5432)));
    }
    if let Some(mqtt) = &environment.mqtt {
        ports.push(("mqtt.port", mqtt.port));
        ports.push(("mqtt.plain_port", mqtt.plain_port));
    }
    ports
}

fn same_ports(site: &Site, found: &mut Problems) {
    let mut taken: Vec<(u16, &str, String)> = Vec::new();
    for (name, environment) in site.both() {
        for (field, port) in ports(environment) {
            let place = format!("environments.{name}.{field}");
            // Two databases on one server are told apart by their addresses.
            let clashes = |(used, other, _): &&(u16, &str, String)| {
                *used == port && !(field == "database.url" && *other == field)
            };
            if let Some((_, _, other)) = taken.iter().find(clashes) {
                let message = format!("port {port} is {other} too; each needs its own");
                found.add(&place, message);
            }
            taken.push((port, field, place));
        }
    }
}

fn directories(environment: &Environment) -> Vec<(&'static str, PathBuf)> {
    let mut directories = vec![("directory", without_parents(&environment.directory))];
    if let Some(vault) = &environment.vault {
        directories.push(("vault.path", without_parents(&vault.path)));
    }
    if let Some(mqtt) = &environment.mqtt {
        let certificates = without_parents(&mqtt.certificate_directory);
        directories.push(("mqtt.certificate_directory", certificates));
        directories.push((
            "mqtt.config_directory",
            without_parents(&mqtt.config_directory),
        ));
    }
    directories
}

fn nested_directories(site: &Site, found: &mut Problems) {
    let ea = directories(&site.environments.ea);
    let eb = directories(&site.environments.eb);
    let checkout = &eb[0].1;
    for (field, own) in &eb {
        // What lies around the whole checkout was said of the checkout.
        let said = |other: &Path| *field != "directory" && checkout.starts_with(other);
        for (other, claimed) in ea.iter().filter(|(_, claimed)| !said(claimed)) {
            let relation = if own.starts_with(claimed) {
                "inside"
            } else if claimed.starts_with(own) {
                "around"
            } else {
                continue;
            };
            let message = format!(
                "{:?} lies {relation} environments.ea.{other} ({:?}); each environment needs its own",
                shown(own),
                shown(claimed)
            );
            found.add(&format!("environments.eb.{field}"), message);
        }
    }
}

/// What an environment names must not be the other's.
fn pointing_at_the_other(site: &Site, found: &mut Problems) {
    for (name, own) in site.both() {
        let other = site.environment(name.other());
        // What both claim was said where it is claimed.
        let mut others = host_names(other);
        others.retain(|(_, host)| host_names(own).iter().all(|(_, own)| own != host));
        for (field, url) in urls(own) {
            let host = Url::parse(url).ok();
            let host = host.as_ref().and_then(Url::host_str).unwrap_or_default();
            if others.iter().any(|(_, other)| other == host) {
                let message = format!("{host:?} is a host of environments.{}", name.other());
                found.add(&format!("environments.{name}.{field}"), message);
            }
        }
        for (field, words) in commands(own) {
            for (index, word) in words.iter().enumerate() {
                if belongs_to(word, &other.project, &own.project) {
                    let message = format!("{word:?} belongs to environments.{}", name.other());
                    found.add(&format!("environments.{name}.{field}.{index}"), message);
                }
            }
        }
    }
}

fn urls(environment: &Environment) -> Vec<(&'static str, &str)> {
    let health_url = environment.health_url.as_deref();
    let oauth = environment.oauth.as_ref();
    let health_url = health_url.map(|url| ("health_url", url));
    let callback = oauth.map(|oauth| ("oauth.callback", oauth.callback.as_str()));
    health_url.into_iter().chain(callback).collect()
}

fn commands(environment: &Environment) -> Vec<(&'static str, &[String])> {
    let commands = &environment.commands;
    let mut all = vec![
        ("commands.test", commands.test.as_slice()),
        ("commands.migrate", &commands.migrate),
        ("commands.revision", &commands.revision),
        ("commands.downgrade", &commands.downgrade),
    ];
    if let Some(database) = &environment.database {
        all.push(("database.client_command", &database.client_command));
    }
    if let Some(mqtt) = &environment.mqtt {
        all.push(("mqtt.reload", &mqtt.reload));
    }
    all
}

/// True for a project's own name and its containers' (`PROJECT-SERVICE`); `makapix-dev-db`
/// belongs to `makapix-dev`, although `makapix` is a project too.
fn belongs_to(word: &str, project: &str, rival: &str) -> bool {
    let claims = |project: &str| {
        word.strip_prefix(project)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    claims(project) && !(claims(rival) && rival.len() >= project.len())
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
