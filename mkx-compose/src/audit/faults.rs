//! Faults seeded one at a time into the models of a clean pair: each is found by the right rule,
//! at the right line, and nothing else is.
//!
//! The models are what Docker Compose resolves the small Makapix of `tests/stack` to;
//! `tests/…/audit.rs` holds them against it, and seeds some faults through Docker Compose itself.

use std::collections::BTreeMap;
use std::path::Path;

use mkx_contract::EnvironmentName::{self, Ea, Eb};
use mkx_contract::Site;
use mkx_contract::record::finding::{Finding, Findings, Rule as _};
use serde_json::{Value, json};

use super::{Pair, Side, on_pair};
use crate::env::Values;
use crate::model::Model;
use crate::rules::Rule;
use crate::yaml::Document;

/// Where the world lies that the models are of.
const ROOT: &str = "/srv/world";
const BASE: &str = "makapix-dev/deploy/stack/docker-compose.yml";
const DEV: &str = "makapix-dev/deploy/stack/docker-compose.dev.yml";
const DEV_ENV: &str = "makapix-dev/deploy/stack/.env.dev";
const PROD: &str = "makapix/deploy/stack/docker-compose.prod.yml";

/// The files of both checkouts, and what they resolve to.
struct World {
    texts: BTreeMap<String, String>,
    ea: Value,
    eb: Value,
}

impl World {
    fn clean() -> World {
        let stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/stack/deploy/stack");
        let mut texts = BTreeMap::new();
        for (checkout, over) in [("makapix", "prod"), ("makapix-dev", "dev")] {
            for name in [
                "docker-compose.yml".into(),
                format!("docker-compose.{over}.yml"),
            ] {
                let text = std::fs::read_to_string(stack.join(&name)).unwrap();
                texts.insert(format!("{checkout}/deploy/stack/{name}"), text);
            }
        }
        let prod = "makapix/deploy/stack/.env.prod".to_owned();
        texts.insert(prod, model_file("ea.env"));
        texts.insert(DEV_ENV.into(), model_file("eb.env"));
        let model = |name| serde_json::from_str(&model_file(name)).unwrap();
        World {
            texts,
            ea: model("ea.json"),
            eb: model("eb.json"),
        }
    }

    /// Replaces the one occurrence of `from` in a file.
    #[track_caller]
    fn edit(&mut self, file: &str, from: &str, to: &str) {
        let text = self.texts.get_mut(file).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {file}");
        *text = text.replace(from, to);
    }

    fn append(&mut self, file: &str, lines: &str) {
        let text = self.texts.get_mut(file).unwrap();
        text.push_str(lines);
    }

    /// Members of a service of development's, in its override and in what that resolves to.
    fn dev(&mut self, service: &str, lines: &str, members: Value) {
        self.service(DEV, service, lines);
        self.resolves(Eb, json!({"services": {service: members}}));
    }

    /// The same of production's.
    fn prod(&mut self, service: &str, lines: &str, members: Value) {
        self.service(PROD, service, lines);
        self.resolves(Ea, json!({"services": {service: members}}));
    }

    fn service(&mut self, file: &str, service: &str, lines: &str) {
        let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
        let head = format!("  {service}:\n");
        if self.texts[file].contains(&head) {
            self.edit(file, &head, &format!("{head}{lines}"));
        } else {
            self.edit(file, "services:\n", &format!("services:\n{head}{lines}"));
        }
    }

    /// Lays `change` over what an environment resolves to, as an override does.
    fn resolves(&mut self, environment: EnvironmentName, change: Value) {
        match environment {
            Ea => lay_over(&mut self.ea, change),
            Eb => lay_over(&mut self.eb, change),
        }
    }

    /// Sets what development resolves to at a JSON pointer.
    #[track_caller]
    fn set(&mut self, pointer: &str, value: &str) {
        *self.eb.pointer_mut(pointer).unwrap() = value.into();
    }

    /// Sets a variable of those services that take the application's.
    fn set_variable(&mut self, name: &str, value: &str) {
        for service in ["api", "worker"] {
            self.set(&format!("/services/{service}/environment/{name}"), value);
        }
    }

    fn side<'a>(&self, site: &'a Site, name: EnvironmentName, model: &Value) -> Side<'a> {
        let environment = site.environment(name);
        let text = |path: &Path| &self.texts[path.strip_prefix(ROOT).unwrap().to_str().unwrap()];
        let mut values = Values::default();
        for file in environment.env_file_paths() {
            values.add(&file, text(&file));
        }
        let documents = environment.compose_files.iter().map(|file| {
            let path = environment.path(file);
            let document = Document::parse(text(&path), &path).unwrap();
            (path, document)
        });
        Side {
            name,
            environment,
            model: Model::parse(model.clone()).unwrap(),
            values,
            documents: documents.collect(),
            active: None,
        }
    }

    fn audit(&self) -> Findings {
        let text = model_file("site.json");
        let site = mkx_contract::record::site::read(&text, "site.json", Path::new(ROOT)).unwrap();
        let pair = Pair {
            site: &site,
            ea: self.side(&site, Ea, &self.ea),
            eb: self.side(&site, Eb, &self.eb),
        };
        let mut unseen = Vec::new();
        let findings = Findings::gather(on_pair(&pair, &mut unseen), &[], Rule::ALL);
        assert!(unseen.is_empty(), "{unseen:?}");
        findings
    }
}

fn model_file(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// Objects are laid over each other, ports and mounts are added, null takes away.
fn lay_over(model: &mut Value, change: Value) {
    match (model, change) {
        (Value::Object(model), Value::Object(change)) => {
            for (name, value) in change {
                match (model.get_mut(&name), value) {
                    (_, Value::Null) => {
                        model.remove(&name);
                    }
                    (Some(Value::Array(items)), Value::Array(more))
                        if matches!(name.as_str(), "ports" | "volumes") =>
                    {
                        items.extend(more);
                    }
                    (Some(present), value) => lay_over(present, value),
                    (None, value) => {
                        model.insert(name, value);
                    }
                }
            }
        }
        (model, change) => *model = change,
    }
}

fn mount(kind: &str, source: &str, target: &str, read_only: bool) -> Value {
    json!({"volumes": [{"type": kind, "source": source, "target": target, "read_only": read_only}]})
}

fn variable(name: &str, value: &str) -> (String, Value) {
    let lines = format!("environment:\n  {name}: {value}");
    (lines, json!({"environment": {name: value}}))
}

fn canary(tag: &str, name: &str) -> String {
    let name = name.to_ascii_lowercase().replace('_', "-");
    format!("canary-{tag}-{name}")
}

/// Seeds with `seed`, then expects the rule with its last place at the line of `needle` in `file`;
/// `also` may be found too.
#[track_caller]
fn check(rule: Rule, also: &[Rule], (file, needle): (&str, &str), seed: impl Fn(&mut World)) {
    let mut world = World::clean();
    seed(&mut world);
    let findings = world.audit();
    let found: Vec<&Finding> = findings
        .iter()
        .filter(|one| one.rule == rule.id())
        .collect();
    assert!(!found.is_empty(), "{} in {findings:#?}", rule.id());
    for one in findings.iter() {
        let expected = one.rule == rule.id() || also.iter().any(|also| also.id() == one.rule);
        assert!(expected, "beside {}: {one:#?}", rule.id());
        for text in [&one.subject, &one.message, &one.why, &one.fix] {
            assert!(!text.contains("canary"), "{text}");
        }
    }
    let line = world.texts[file]
        .lines()
        .position(|line| line.contains(needle));
    let line = line.unwrap() as u64 + 1;
    let at_line = |one: &&Finding| {
        let last = one.evidence.last().unwrap();
        last.file.as_deref() == Some(&Path::new(ROOT).join(file)) && last.line == Some(line)
    };
    assert!(
        found.iter().any(at_line),
        "line {line} of {file}: {found:#?}"
    );
}

#[test]
fn the_clean_pair_has_no_finding() {
    assert_eq!(World::clean().audit(), Findings::default());
}

#[test]
fn what_both_claim_on_the_engine_is_found() {
    let name = "container_name: makapix-prod-db";
    check(Rule::ContainerName, &[], (DEV, name), |world| {
        world.dev("db", name, json!({"container_name": "makapix-prod-db"}));
    });
    check(Rule::HostPort, &[], (DEV, "127.0.0.1:5432:5432"), |world| {
        world.edit(
            DEV,
            "127.0.0.1:${DB_PUBLISHED_PORT}:5432",
            "127.0.0.1:5432:5432",
        );
        world.set("/services/db/ports/0/published", "5432");
    });
    let port = "127.0.0.1:${DB_PUBLISHED_PORT}:5432";
    check(Rule::HostPort, &[], (DEV, port), |world| {
        world.edit(DEV_ENV, "DB_PUBLISHED_PORT=5433", "DB_PUBLISHED_PORT=5432");
        world.set("/services/db/ports/0/published", "5432");
    });
    let external = |key: &str, name: &str| {
        let lines = format!("\nvolumes:\n  {key}:\n    external: true\n    name: {name}\n");
        (
            lines,
            json!({"volumes": {key: {"name": name, "external": true}}}),
        )
    };
    check(
        Rule::Volume,
        &[],
        (BASE, "- pg_data:/var/lib/postgresql"),
        |world| {
            let (lines, model) = external("pg_data", "makapix_pg_data");
            world.append(DEV, &lines);
            world.resolves(Eb, model);
        },
    );
    check(
        Rule::SharedVolume,
        &[],
        (DEV, "- caddy_data:/tls"),
        |world| {
            let own = mount("volume", "caddy_data", "/tls", false);
            world.dev("web", "volumes:\n  - caddy_data:/tls", own);
            let (lines, model) = external("caddy_data", "makapix-stack_caddy_data");
            world.append(DEV, &lines);
            world.resolves(Eb, model);
        },
    );
    check(
        Rule::BindSource,
        &[],
        (DEV, "- /var/log/makapix:/log"),
        |world| {
            let lines = "volumes:\n  - /var/log/makapix:/log";
            let log = mount("bind", "/var/log/makapix", "/log", false);
            world.dev("api", lines, log.clone());
            world.prod("worker", lines, log);
        },
    );
    let users = "- /etc/makapix/htpasswd:/p:ro";
    check(Rule::SharedSecretFile, &[], (DEV, users), |world| {
        let lines = format!("volumes:\n  {users}");
        let users = mount("bind", "/etc/makapix/htpasswd", "/p", true);
        world.dev("api", &lines, users.clone());
        world.prod("api", &lines, users);
    });
    check(Rule::Network, &[], (DEV, "internal:"), |world| {
        let name = "makapix-prod_internal";
        world.append(
            DEV,
            &format!("\nnetworks:\n  internal:\n    external: true\n    name: {name}\n"),
        );
        let network = json!({"name": name, "external": true});
        world.resolves(Eb, json!({"networks": {"internal": network}}));
    });
    check(Rule::NetworkOwner, &[], (BASE, "caddy_net:"), |world| {
        let name = "    name: ${EDGE_NETWORK:-caddy_net}\n";
        world.edit(BASE, &format!("    external: true\n{name}"), name);
        // The first line that says `caddy_net:` must be the network's key.
        let owned = json!({"networks": {"caddy_net": {"external": null}}});
        world.resolves(Eb, owned);
    });
    check(Rule::ImageName, &[], (DEV, "image: makapix-api"), |world| {
        let image = json!({"image": "makapix-api"});
        world.dev("api", "image: makapix-api", image.clone());
        world.prod("api", "image: makapix-api", image);
    });
}

#[test]
fn what_leads_into_the_other_environment_is_found() {
    let password = canary("ea", "MQTT_PASSWORD");
    for (name, written, value) in [
        ("TOKEN", "${OTHER}", password.clone()),
        (
            "QUEUE_URL",
            "amqp://worker:${OTHER}@queue:5672",
            format!("amqp://worker:{password}@queue:5672"),
        ),
    ] {
        let place = format!("{name}: {written}");
        check(Rule::SecretValue, &[], (DEV, &place), |world| {
            let lines = variable(name, written).0;
            world.dev("api", &lines, variable(name, &value).1);
            world.append(DEV_ENV, &format!("OTHER={password}\n"));
        });
    }
    let also = [Rule::VariableEqual];
    check(
        Rule::PointsAtOther,
        &also,
        (BASE, "BASE_URL: ${BASE_URL}"),
        |world| {
            let (eb, ea) = ("http://development.makapix.test", "http://makapix.test");
            world.edit(
                DEV_ENV,
                &format!("\nBASE_URL={eb}\n"),
                &format!("\nBASE_URL={ea}\n"),
            );
            world.set_variable("BASE_URL", ea);
        },
    );
    check(
        Rule::PointsAtOther,
        &[],
        (DEV, "DB_HOST: makapix-prod-db"),
        |world| {
            let (lines, members) = variable("DB_HOST", "makapix-prod-db");
            world.dev("api", &lines, members);
        },
    );
    let also = [Rule::BindSource];
    check(
        Rule::PointsAtOther,
        &also,
        (BASE, "${VAULT_HOST_PATH}:/vault"),
        |world| {
            world.edit(DEV_ENV, "/vault-dev", "/vault-1");
            for service in ["api", "worker"] {
                world.set(
                    &format!("/services/{service}/volumes/0/source"),
                    "/srv/world/vault-1",
                );
            }
        },
    );
    let argument = "NEXT_PUBLIC_API_BASE_URL: http://makapix.test/api";
    check(Rule::PointsAtOther, &[], (DEV, argument), |world| {
        let arguments = json!({"NEXT_PUBLIC_API_BASE_URL": "http://makapix.test/api"});
        let lines = format!("build:\n  args:\n    {argument}");
        world.dev("web", &lines, json!({"build": {"args": arguments}}));
    });
    let alias = "networks: {caddy_net: {aliases: [mqtt]}}";
    check(Rule::NetworkAlias, &[], (DEV, alias), |world| {
        let networks = json!({"networks": {"caddy_net": {"aliases": ["mqtt"]}}});
        world.dev("mqtt", alias, networks.clone());
        world.prod("mqtt", alias, networks);
    });
    check(
        Rule::AmbiguousName,
        &[],
        (DEV, "API_URL: http://api:8000"),
        |world| {
            let (lines, members) = variable("API_URL", "http://api:8000");
            world.dev("web", &lines, members);
        },
    );
    check(
        Rule::AmbiguousName,
        &[],
        (DEV, "caddy.handle.reverse_proxy: web:3000"),
        |world| {
            let label = "caddy.handle.reverse_proxy";
            world.edit(
                DEV,
                &format!("{label}: ${{COMPOSE_PROJECT_NAME}}-"),
                &format!("{label}: "),
            );
            world.set(&format!("/services/web/labels/{label}"), "web:3000");
        },
    );
    let also = [Rule::PointsAtOther];
    check(
        Rule::CookieDomain,
        &also,
        (DEV, "COOKIE_DOMAIN: makapix.test"),
        |world| {
            let (lines, members) = variable("COOKIE_DOMAIN", "makapix.test");
            world.dev("api", &lines, members);
        },
    );
    check(
        Rule::ForeignBuild,
        &also,
        (DEV, "build: ../../../makapix/api"),
        |world| {
            let build = json!({"build": {"context": "/srv/world/makapix/api"}});
            world.dev("worker", "build: ../../../makapix/api", build);
        },
    );
    let default = "${MAIL_FROM:-https://makapix.test}";
    check(Rule::DefaultNamesOther, &[], (DEV, default), |world| {
        let set = "https://development.makapix.test";
        let lines = variable("MAIL_FROM", default).0;
        world.dev("worker", &lines, variable("MAIL_FROM", set).1);
        world.append(DEV_ENV, &format!("MAIL_FROM={set}\n"));
    });
    check(
        Rule::ProjectName,
        &[],
        (DEV, "name: makapix-prod"),
        |world| {
            world.edit(DEV, "services:\n", "name: makapix-prod\nservices:\n");
        },
    );
    let name = "COMPOSE_PROJECT_NAME=makapix-prod";
    check(Rule::ProjectName, &[], (DEV_ENV, name), |world| {
        world.append(DEV_ENV, &format!("{name}\n"));
    });
}

#[test]
fn variables_that_do_not_fit_each_other_are_found() {
    let (own, theirs) = (
        canary("eb", "JWT_SECRET_KEY"),
        canary("ea", "JWT_SECRET_KEY"),
    );
    let also = [Rule::SecretValue];
    check(
        Rule::VariableEqual,
        &also,
        (DEV_ENV, "JWT_SECRET_KEY="),
        |world| {
            world.edit(DEV_ENV, &own, &theirs);
            world.set_variable("JWT_SECRET_KEY", &theirs);
        },
    );
    check(
        Rule::VariableEqual,
        &[],
        (DEV_ENV, "GITHUB_OAUTH_CLIENT_ID="),
        |world| {
            world.edit(DEV_ENV, "client-of-eb", "client-of-ea");
            world.set_variable("GITHUB_OAUTH_CLIENT_ID", "client-of-ea");
        },
    );
    check(
        Rule::VariableDiffers,
        &[],
        (DEV_ENV, "SQIDS_ALPHABET="),
        |world| {
            world.edit(DEV_ENV, "SQIDS_ALPHABET=k3G7", "SQIDS_ALPHABET=3kG7");
        },
    );
    check(
        Rule::VariableMissing,
        &[],
        (DEV_ENV, "JWT_SECRET_KEY="),
        |world| {
            world.edit(DEV_ENV, &own, "");
            world.set_variable("JWT_SECRET_KEY", "");
        },
    );
    check(
        Rule::VariableValue,
        &[],
        (DEV_ENV, "ENVIRONMENT="),
        |world| {
            world.edit(DEV_ENV, "ENVIRONMENT=development", "ENVIRONMENT=staging");
            world.set_variable("ENVIRONMENT", "staging");
        },
    );
    check(
        Rule::VariableValue,
        &[],
        (DEV_ENV, "SENTRY_DSN="),
        |world| {
            world.append(DEV_ENV, "SENTRY_DSN=https://k@sentry.example/1\n");
        },
    );
    check(
        Rule::VariablePlaceholder,
        &[],
        (DEV_ENV, "GITHUB_OAUTH_CLIENT_ID="),
        |world| {
            world.edit(DEV_ENV, "client-of-eb", "CHANGE_ME");
            world.set_variable("GITHUB_OAUTH_CLIENT_ID", "CHANGE_ME");
        },
    );
    check(
        Rule::LiteralSecret,
        &[],
        (DEV, "RESEND_API_KEY: abc"),
        |world| {
            let (lines, members) = variable("RESEND_API_KEY", "abc");
            world.dev("api", &lines, members);
        },
    );
    check(
        Rule::UnsetVariable,
        &[],
        (DEV, "X: ${NOBODY_SETS_ME}"),
        |world| {
            let lines = variable("X", "${NOBODY_SETS_ME}").0;
            world.dev("api", &lines, variable("X", "").1);
        },
    );
}

#[test]
fn a_variable_that_is_wrong_in_both_environments_is_one_finding_that_tells_both() {
    let mut world = World::clean();
    world.append(DEV_ENV, "ENVIRONMENT=staging\n");
    world.append("makapix/deploy/stack/.env.prod", "ENVIRONMENT=staging\n");
    let findings = world.audit();
    let value = findings
        .iter()
        .find(|one| one.rule == "variable-value")
        .unwrap();
    let expected =
        "ENVIRONMENT in ea is not \"production\"; ENVIRONMENT in eb is not \"development\"";
    assert_eq!(value.message, expected);
    assert_eq!(
        (value.evidence.len(), &value.environments[..]),
        (2, &[Ea, Eb][..])
    );
}

#[test]
fn what_is_reached_from_where_it_should_not_is_found() {
    check(Rule::PublishedPort, &[], (DEV, "\"5433:5432\""), |world| {
        world.edit(
            DEV,
            "\"127.0.0.1:${DB_PUBLISHED_PORT}:5432\"",
            "\"5433:5432\"",
        );
        world.eb["services"]["db"]["ports"][0]["host_ip"] = Value::Null;
    });
    let networks = "networks: [internal, caddy_net]";
    check(Rule::StoreOnSharedNetwork, &[], (DEV, networks), |world| {
        world.dev("cache", networks, json!({"networks": {"caddy_net": {}}}));
    });
    check(
        Rule::AdminInterface,
        &[],
        (PROD, "CADDY_ADMIN: 0.0.0.0:2019"),
        |world| {
            let first = "      EA: ${COMPOSE_PROJECT_NAME}\n";
            world.edit(
                PROD,
                first,
                &format!("{first}      CADDY_ADMIN: 0.0.0.0:2019\n"),
            );
            let (_, members) = variable("CADDY_ADMIN", "0.0.0.0:2019");
            world.resolves(Ea, json!({"services": {"caddy": members}}));
        },
    );
    let socket = "- /var/run/docker.sock:/var/run/docker.sock:ro";
    check(Rule::DockerSocket, &[], (DEV, socket), |world| {
        let path = "/var/run/docker.sock";
        world.dev(
            "worker",
            &format!("volumes:\n  {socket}"),
            mount("bind", path, path, true),
        );
    });
    check(Rule::HostAccess, &[], (DEV, "privileged: true"), |world| {
        world.dev("worker", "privileged: true", json!({"privileged": true}));
    });
    check(
        Rule::EdgeAuth,
        &[],
        (DEV, "caddy: ${WEB_DOMAIN}"),
        |world| {
            let kept = world.texts[DEV]
                .lines()
                .filter(|line| !line.contains("basic_auth"));
            let kept = kept.map(|line| format!("{line}\n")).collect();
            world.texts.insert(DEV.into(), kept);
            let labels = world.eb["services"]["web"]["labels"]
                .as_object_mut()
                .unwrap();
            labels.retain(|label, _| !label.contains("basic_auth"));
        },
    );
    check(
        Rule::EdgeHost,
        &[],
        (DEV, "caddy_1: www.makapix.test"),
        |world| {
            let own = "      caddy: ${WEB_DOMAIN}\n";
            for (file, environment) in [(DEV, Eb), (PROD, Ea)] {
                world.edit(
                    file,
                    own,
                    &format!("{own}      caddy_1: www.makapix.test\n"),
                );
                let labels = json!({"labels": {"caddy_1": "www.makapix.test"}});
                world.resolves(environment, json!({"services": {"web": labels}}));
            }
        },
    );
    let header = "caddy.header.X-Robots-Tag";
    check(
        Rule::EdgeNoindex,
        &[],
        (DEV, "caddy: ${WEB_DOMAIN}"),
        |world| {
            let line = format!("      {header}: '\"noindex, nofollow, noarchive\"'\n");
            world.edit(DEV, &line, "");
            world.resolves(Eb, json!({"services": {"web": {"labels": {header: null}}}}));
        },
    );
    let unquoted = "noindex, nofollow";
    check(
        Rule::LabelQuoting,
        &[],
        (DEV, &format!("{header}: {unquoted}")),
        |world| {
            world.edit(DEV, "'\"noindex, nofollow, noarchive\"'", unquoted);
            world.resolves(
                Eb,
                json!({"services": {"web": {"labels": {header: unquoted}}}}),
            );
        },
    );
}

#[test]
fn what_takes_too_much_is_found() {
    let limits = |limits: Value| json!({"deploy": {"resources": {"limits": limits}}});
    check(Rule::NoLimits, &[], (DEV, "  worker:"), |world| {
        world.edit(
            DEV,
            "    deploy: {resources: {limits: {cpus: \"0.20\", memory: 128M}}}\n\n  web:",
            "    stop_grace_period: 5s\n\n  web:",
        );
        world.resolves(Eb, json!({"services": {"worker": {"deploy": null}}}));
    });
    check(
        Rule::NoLimits,
        &[],
        (DEV, "limits: {memory: 192M}"),
        |world| {
            world.edit(DEV, "cpus: \"0.60\", memory: 192M", "memory: 192M");
            world.resolves(
                Eb,
                json!({"services": {"api": limits(json!({"cpus": null}))}}),
            );
        },
    );
    check(Rule::OverShare, &[], (DEV, "memory: 6G"), |world| {
        world.edit(DEV, "memory: 192M", "memory: 6G");
        let memory = limits(json!({"memory": (6_u64 << 30).to_string()}));
        world.resolves(Eb, json!({"services": {"api": memory}}));
    });
    let command = "command: [redis-server, --save";
    check(Rule::MemoryMismatch, &[], (BASE, command), |world| {
        world.edit(BASE, "--maxmemory, 16mb", "--maxmemory, 64mb");
        world.set("/services/cache/command/4", "64mb");
    });
    let queue = "CELERY_BROKER_URL: redis://broker:6379/0";
    check(Rule::EvictingQueue, &[], (BASE, queue), |world| {
        world.edit(BASE, "noeviction", "allkeys-lru");
        world.set("/services/broker/command/6", "allkeys-lru");
    });
    let also = [Rule::NoLimits];
    check(
        Rule::MutableTag,
        &also,
        (DEV, "image: alpine:latest"),
        |world| {
            world.dev(
                "vault",
                "image: alpine:latest",
                json!({"image": "alpine:latest"}),
            );
        },
    );
}

#[test]
fn a_moving_tag_is_one_finding_with_every_service_that_runs_it() {
    let mut world = World::clean();
    for service in ["one", "two"] {
        let limits = json!({"limits": {"cpus": 0.01, "memory": "8388608"}});
        let members = json!({"image": "alpine", "deploy": {"resources": limits}});
        world.dev(service, "image: alpine", members.clone());
        world.prod(service, "image: alpine", members);
    }
    let findings = world.audit();
    let tags: Vec<&Finding> = findings.iter().collect();
    assert_eq!(tags.len(), 1, "{tags:#?}");
    assert_eq!(
        (tags[0].subject.as_str(), tags[0].evidence.len()),
        ("alpine", 4)
    );
}
