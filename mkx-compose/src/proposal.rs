//! A site document for an application that nobody has described: what its compose files say, and
//! what runs of them. What is not written there is guessed, and named under `guesses`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mkx_contract::record::secret::is_secret_name;
use mkx_contract::record::site::{Host, env_file};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::model::{Model, Service};

/// What a proposal is made from.
pub struct Found<'a> {
    /// Production's compose files, absolute, base first.
    pub files: &'a [PathBuf],
    /// The env files that fill them.
    pub env_files: &'a [PathBuf],
    /// What they resolve to.
    pub model: &'a Model,
    /// What the env files set.
    pub variables: &'a BTreeMap<String, String>,
    /// The project that runs from this folder, where one does.
    pub running: Option<&'a str>,
    /// Production's host name, where it is given.
    pub domain: Option<&'a str>,
    /// Development's, where it is given.
    pub development_domain: Option<&'a str>,
}

/// A site document, and what a person should know.
pub struct Proposal {
    /// The document.
    pub site: Value,
    /// What was seen and has no place in it, what to look at.
    pub notes: Vec<String>,
}

/// What a service is, as its image tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Postgres,
    OtherDatabase,
    Cache,
    Broker,
    Edge,
    Application,
}

fn part(service: &Service) -> Part {
    let image = service.image.as_deref().unwrap_or_default();
    let repository = image.split(['@', ':']).next().unwrap_or_default();
    let name = repository.rsplit('/').next().unwrap_or_default();
    let is = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let serves_the_web = service.ports.iter().any(|port| {
        matches!(port.published.as_deref(), Some("80" | "443")) || matches!(port.target, 80 | 443)
    });
    // A proxy that is built here looks for sites by the engine's socket.
    let holds_socket = service.volumes.iter().any(|mount| {
        let source = mount.source.as_deref().unwrap_or_default();
        source.ends_with("/docker.sock")
    });
    if is(&["postgres", "postgis", "timescale", "pgvector"]) {
        Part::Postgres
    } else if is(&["mysql", "mariadb", "mongo", "percona", "mssql"]) {
        Part::OtherDatabase
    } else if is(&["redis", "valkey", "keydb", "memcached", "dragonfly"]) {
        Part::Cache
    } else if is(&["mosquitto", "emqx", "vernemq", "hivemq", "rabbitmq", "nats"]) {
        Part::Broker
    } else if serves_the_web && (holds_socket || is(&["caddy", "traefik", "nginx", "haproxy"])) {
        Part::Edge
    } else {
        Part::Application
    }
}

/// Proposes; none where nothing tells production's host name.
pub fn propose(found: &Found<'_>, host: &Host) -> Option<Proposal> {
    let mut draft = Draft {
        found,
        guesses: Vec::new(),
        notes: Vec::new(),
    };
    let domain = draft.domain()?;
    let project = found.running.unwrap_or(&found.model.name).to_owned();
    let edge = draft.first(Part::Edge);
    let development = draft.development_domain(&domain);
    let [ea_files, eb_files] = draft.compose_files();
    let [ea_env, eb_env] = draft.env_files();
    let folder = folder(found);
    let environment = |role: &str, project: &str, directory: PathBuf, files, env, domain: &str| {
        json!({ "role": role, "project": project, "directory": directory, "compose_files": files,
            "env_files": env, "domain": domain })
    };
    let production = environment(
        "production",
        &project,
        folder.clone(),
        ea_files,
        ea_env,
        &domain,
    );
    let mut production = production;
    let own = format!("{project}-dev");
    let beside = folder.with_file_name(format!(
        "{}-dev",
        folder.file_name().unwrap_or_default().to_string_lossy()
    ));
    let mut eb = environment("development", &own, beside, eb_files, eb_env, &development);
    draft.guess("environments.eb.project");
    draft.guess("environments.eb.directory");
    production["share"] = json!({ "percent": 70.0 });
    eb["share"] = json!({ "percent": 30.0 });
    draft.guess("environments.ea.share.percent");
    draft.guess("environments.eb.share.percent");
    eb["access"] = json!({ "kind": "basic_auth", "users_file": "secrets/development-users" });
    draft.guess("environments.eb.access");
    draft.database(&mut production, &mut eb, &own);
    draft.others();
    let shared = draft.shared(edge.as_deref());
    let site = json!({
        "record": "mkx.site/2",
        "name": project,
        "host": { "cpus": host.cpus, "memory_bytes": host.memory_bytes },
        "shared": shared,
        "environments": { "ea": production, "eb": eb },
        "guesses": draft.guesses,
    });
    Some(Proposal {
        site,
        notes: draft.notes,
    })
}

/// Production's and development's override of a base, as `split` calls them: `compose.prod.yml`.
pub fn overrides(base: &Path) -> [PathBuf; 2] {
    let kind = base.extension().unwrap_or_default().to_string_lossy();
    ["prod", "dev"].map(|name| base.with_extension(format!("{name}.{kind}")))
}

/// They, where both are there.
pub fn present_overrides(base: &Path) -> Option<[PathBuf; 2]> {
    let both = overrides(base);
    both.iter().all(|file| file.is_file()).then_some(both)
}

fn folder(found: &Found<'_>) -> PathBuf {
    let folder = found.files.first().and_then(|file| file.parent());
    folder.unwrap_or(Path::new(".")).to_owned()
}

struct Draft<'a> {
    found: &'a Found<'a>,
    guesses: Vec<String>,
    notes: Vec<String>,
}

impl Draft<'_> {
    fn guess(&mut self, place: &str) {
        self.guesses.push(place.to_owned());
    }

    fn all(&self, wanted: Part) -> Vec<String> {
        let services = self.found.model.services.iter();
        let named = services.filter(|(_, service)| part(service) == wanted);
        named.map(|(name, _)| name.clone()).collect()
    }

    fn first(&self, wanted: Part) -> Option<String> {
        self.all(wanted).into_iter().next()
    }

    fn domain(&mut self) -> Option<String> {
        if let Some(domain) = self.found.domain {
            return Some(domain.to_owned());
        }
        let services = || self.found.model.services.values();
        let labels = services()
            .flat_map(|one| one.labels.iter())
            .filter_map(|(label, value)| {
                let is_site = label == "caddy" || label.ends_with(".rule");
                is_site.then(|| host_in(value)).flatten()
            });
        // The plainest name first: a URL may be another service's.
        let words = [
            "DOMAIN",
            "VIRTUAL_HOST",
            "SITE_URL",
            "APP_URL",
            "PUBLIC_URL",
            "BASE_URL",
        ];
        let named = words.iter().flat_map(|word| {
            services()
                .flat_map(|one| one.environment.iter())
                .filter(move |(name, _)| name.to_ascii_uppercase().ends_with(word))
                .filter_map(|(_, value)| host_in(value.as_deref()?))
        });
        let found = labels.chain(named).next()?;
        self.guess("environments.ea.domain");
        Some(found)
    }

    fn development_domain(&mut self, domain: &str) -> String {
        match self.found.development_domain {
            Some(domain) => domain.to_owned(),
            None => {
                self.guess("environments.eb.domain");
                format!("dev.{domain}")
            }
        }
    }

    /// Production's and development's, as `split` calls them where they are there.
    fn compose_files(&mut self) -> [Vec<PathBuf>; 2] {
        let folder = folder(self.found);
        let relative = |file: &PathBuf| {
            let inside = file.strip_prefix(&folder);
            inside.map_or_else(|_| file.clone(), Path::to_path_buf)
        };
        let files: Vec<PathBuf> = self.found.files.iter().map(relative).collect();
        if let [base, own] = files.as_slice()
            && let Some([ea, eb]) = present_overrides(&folder.join(base))
            && folder.join(own) == ea
        {
            return [files.clone(), vec![base.clone(), relative(&eb)]];
        }
        self.guess("environments.eb.compose_files");
        [files.clone(), files]
    }

    fn env_files(&mut self) -> [Vec<PathBuf>; 2] {
        let folder = folder(self.found);
        let names = self.found.env_files.iter().map(|file| {
            let inside = file.strip_prefix(&folder);
            inside.map_or_else(|_| file.clone(), Path::to_path_buf)
        });
        let own: Vec<PathBuf> = names.collect();
        if own.is_empty() {
            return [Vec::new(), Vec::new()];
        }
        self.guess("environments.eb.env_files");
        let is_prod = own.len() == 1 && own[0] == Path::new(".env.prod");
        match is_prod {
            true => [own, vec![".env.dev".into()]],
            false => [own.clone(), own],
        }
    }

    fn database(&mut self, ea: &mut Value, eb: &mut Value, project: &str) {
        let Some(name) = self.first(Part::Postgres) else {
            return;
        };
        let model = self.found.model;
        let service = &model.services[&name];
        let given = |variable: &str| {
            let value = service.environment.get(variable).cloned().flatten();
            value.filter(|value| !value.is_empty())
        };
        let user = given("POSTGRES_USER").unwrap_or_else(|| "postgres".into());
        let database = given("POSTGRES_DB").unwrap_or_else(|| user.clone());
        let published = (service.ports.iter())
            .find(|port| port.target == 5432)
            .and_then(|port| port.published.as_deref()?.parse::<u16>().ok());
        if published.is_none() {
            self.notes.push(format!(
                "{name} publishes no port: mkx-sample reaches it once its port 5432 is published on 127.0.0.1"
            ));
            self.guess("environments.ea.database.url");
        }
        let port = published.unwrap_or(5432);
        let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let (user, database) = (escaped(&user), escaped(&database));
        let url = |port: u16| format!("postgresql://{user}@127.0.0.1:{port}/{database}");
        let command = |container: &str| json!(["docker", "exec", "--interactive", container]);
        ea["database"] = json!({
            "url": url(port),
            "client_command": command(&model.container_name(&name)),
            "client_url": format!("postgresql://{user}@127.0.0.1:5432/{database}"),
        });
        let own = match service.container_name {
            Some(_) => format!("{project}-{name}"),
            None => format!("{project}-{name}-1"),
        };
        eb["database"] = json!({
            "url": url(port.checked_add(1).unwrap_or(5432)),
            "client_command": command(&own),
            "client_url": format!("postgresql://{user}@127.0.0.1:5432/{database}"),
        });
        self.guess("environments.eb.database.url");
        self.guess("environments.eb.database.client_command");
        let password = given("POSTGRES_PASSWORD");
        let variables = self.found.variables.iter();
        let holder = password.and_then(|password| {
            let mut same =
                variables.filter(|(name, value)| **value == password && is_secret_name(name));
            same.next().map(|(name, _)| name.clone())
        });
        match holder {
            Some(variable) => {
                ea["database"]["password"] = json!({ "env_file": variable });
                eb["database"]["password"] = json!({ "env_file": variable });
            }
            None => self.notes.push(format!(
                "no env file sets the password of {name}: say where it is under environments.ea.database.password, or use ~/.pgpass"
            )),
        }
    }

    fn others(&mut self) {
        let about = [
            (
                Part::OtherDatabase,
                "is no PostgreSQL: mkx-sample has nothing to do with it",
            ),
            (
                Part::Broker,
                "is a broker: mkx-mqtt looks after it once environments.*.mqtt describes it",
            ),
        ];
        for (kind, what) in about {
            for name in self.all(kind) {
                self.notes.push(format!("{name} {what}"));
            }
        }
        let model = self.found.model;
        for (name, service) in &model.services {
            let binds = service.volumes.iter().filter(|mount| {
                let source = mount
                    .source
                    .as_deref()
                    .unwrap_or_default()
                    .to_ascii_lowercase();
                let last = source.rsplit('/').next().unwrap_or_default();
                mount.kind == "bind"
                    && !mount.read_only
                    && [
                        "vault",
                        "upload",
                        "media",
                        "files",
                        "artwork",
                        "attachments",
                        "storage",
                    ]
                    .iter()
                    .any(|word| last.contains(word))
            });
            for mount in binds {
                let source = mount.source.as_deref().unwrap_or_default();
                self.notes.push(format!(
                    "{name} writes to {source}: if these are users' files, describe it under environments.*.vault"
                ));
            }
        }
    }

    fn shared(&mut self, edge: Option<&str>) -> Value {
        let model = self.found.model;
        let service = edge.map(|name| &model.services[name]);
        // The network that an application of its own needs for itself is not the one to share.
        let on_edge = service.into_iter().flat_map(|one| one.networks.keys());
        let mut on_edge = on_edge.filter(|key| *key != "default");
        let external = model.networks.iter().find(|(_, one)| one.external);
        let network = match external.map(|(key, _)| key).or_else(|| on_edge.next()) {
            Some(key) => model.network_name(key),
            None => "edge".into(),
        };
        if external.is_none() {
            self.guess("shared.network");
        }
        if external.is_none() && edge.is_some() {
            self.notes.push(format!(
                "the network that both environments meet the edge on is {network}: make it once with docker network create, and write external: true"
            ));
        }
        let mounts = service.into_iter().flat_map(|one| one.volumes.iter());
        let volumes: Vec<String> = mounts
            .filter(|mount| mount.kind == "volume")
            .filter_map(|mount| Some(model.volume_name(mount.source.as_deref()?)))
            .collect();
        match edge {
            Some(name) => {
                json!({ "network": network, "volumes": volumes, "edge": { "service": name } })
            }
            None => json!({ "network": network, "volumes": volumes }),
        }
    }
}

/// The first host name in a label's or a variable's value.
fn host_in(value: &str) -> Option<String> {
    // What stands behind the first slash of a URL is a path.
    let authority = value.split_once("://").map_or(value, |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    let words = authority.split(|c: char| !(c.is_alphanumeric() || ".-".contains(c)));
    let is_host = |word: &&str| {
        let last = word.rsplit('.').next().unwrap_or_default();
        word.contains('.')
            && word.is_ascii()
            && !word.starts_with('.')
            && last.len() >= 2
            && last.chars().all(|c| c.is_ascii_alphabetic())
    };
    words.into_iter().find(is_host).map(str::to_ascii_lowercase)
}

/// What env files set, the last one winning.
pub fn variables(texts: &[String]) -> BTreeMap<String, String> {
    let all = texts.iter().flat_map(|text| env_file::entries(text));
    all.map(|entry| (entry.name.to_owned(), entry.value))
        .collect()
}
