//! Faults seeded one at a time into the clean pair: each is found by the right rule, at the right
//! line, and nothing else is.

#![allow(clippy::unwrap_used)]

mod world;

use serde_json::Value;
use world::{World, canary, write};

const BASE: &str = "makapix-dev/deploy/stack/docker-compose.yml";
const DEV: &str = "makapix-dev/deploy/stack/docker-compose.dev.yml";
const PROD: &str = "makapix/deploy/stack/docker-compose.prod.yml";
const DEV_ENV: &str = "makapix-dev/deploy/stack/.env.dev";

/// Seeds with `seed`, then expects the rule with its last place at the line of `needle` in `file`;
/// `also` may be found too.
#[track_caller]
fn check(rule: &str, also: &[&str], place: (&str, &str), seed: impl Fn(&World)) -> Value {
    let world = World::new();
    seed(&world);
    let output = world.run(&["audit"]);
    let audit: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let findings = audit["findings"].as_array().unwrap();
    let found: Vec<&Value> = findings.iter().filter(|one| one["rule"] == rule).collect();
    assert!(!found.is_empty(), "{rule} in {audit:#}");
    for one in findings {
        let id = one["rule"].as_str().unwrap();
        assert!(
            id == rule || also.contains(&id),
            "{id} beside {rule}: {one:#}"
        );
        for field in ["message", "why", "fix"] {
            assert!(!one[field].as_str().unwrap().contains("canary"));
        }
    }
    let path = world.path(place.0);
    let text = std::fs::read_to_string(&path).unwrap();
    let line = text
        .lines()
        .position(|line| line.contains(place.1))
        .unwrap()
        + 1;
    let at_line = |one: &&&Value| {
        let last = one["evidence"].as_array().unwrap().last().unwrap();
        last["file"] == path.to_str().unwrap() && last["line"] == line
    };
    assert!(
        found.iter().any(|one| at_line(&one)),
        "line {line} of {}: {found:#?}",
        place.0
    );
    let severe = found.iter().any(|one| one["severity"] == "error");
    let others = findings.iter().any(|one| one["severity"] == "error");
    assert_eq!(output.status.code(), Some(i32::from(severe || others)));
    audit
}

/// Names the base's environment by one line of EB's override.
fn dev_service(world: &World, service: &str, lines: &str) {
    world.edit(
        DEV,
        &format!("  {service}:\n"),
        &format!("  {service}:\n{lines}"),
    );
}

#[test]
fn what_both_claim_on_the_engine_is_found() {
    check(
        "container-name",
        &[],
        (DEV, "container_name: makapix-prod-db"),
        |world| {
            dev_service(world, "db", "    container_name: makapix-prod-db\n");
        },
    );
    check("host-port", &[], (DEV, "127.0.0.1:5432:5432"), |world| {
        world.edit(
            DEV,
            "127.0.0.1:${DB_PUBLISHED_PORT}:5432",
            "127.0.0.1:5432:5432",
        );
    });
    check(
        "host-port",
        &[],
        (DEV, "127.0.0.1:${DB_PUBLISHED_PORT}:5432"),
        |world| {
            world.edit(DEV_ENV, "DB_PUBLISHED_PORT=5433", "DB_PUBLISHED_PORT=5432");
        },
    );
    check(
        "volume",
        &[],
        (BASE, "- pg_data:/var/lib/postgresql"),
        |world| {
            write_append(
                world,
                DEV,
                "\nvolumes:\n  pg_data:\n    external: true\n    name: makapix_pg_data\n",
            );
        },
    );
    check("shared-volume", &[], (DEV, "- caddy_data:/tls"), |world| {
        dev_service(world, "web", "    volumes:\n      - caddy_data:/tls\n");
        write_append(
            world,
            DEV,
            "\nvolumes:\n  caddy_data:\n    external: true\n    name: makapix-stack_caddy_data\n",
        );
    });
    check(
        "bind-source",
        &[],
        (DEV, "- /var/log/makapix:/log"),
        |world| {
            dev_service(
                world,
                "api",
                "    volumes:\n      - /var/log/makapix:/log\n",
            );
            world.edit(PROD, "    networks: [caddy_net]\n", "    networks: [caddy_net]\n\n  worker:\n    volumes:\n      - /var/log/makapix:/log\n");
        },
    );
    check(
        "shared-secret-file",
        &[],
        (DEV, "- /etc/makapix/htpasswd:/p:ro"),
        |world| {
            dev_service(
                world,
                "api",
                "    volumes:\n      - /etc/makapix/htpasswd:/p:ro\n",
            );
            world.edit(PROD, "    networks: [caddy_net]\n", "    networks: [caddy_net]\n\n  api:\n    volumes:\n      - /etc/makapix/htpasswd:/p:ro\n");
        },
    );
    check("network", &[], (DEV, "internal:"), |world| {
        write_append(
            world,
            DEV,
            "\nnetworks:\n  internal:\n    external: true\n    name: makapix-prod_internal\n",
        );
    });
    check(
        "network-owner",
        &[],
        (BASE, "caddy_net:\n".trim()),
        |world| {
            world.edit(
                BASE,
                "    external: true\n    name: ${EDGE_NETWORK:-caddy_net}\n",
                "    name: ${EDGE_NETWORK:-caddy_net}\n",
            );
            // The place is the network's key; the first line that says caddy_net must be that one.
            world.edit(
                BASE,
                "networks: [internal, caddy_net]",
                "networks: &both [internal, \"caddy\\x5fnet\"]",
            );
            world.edit(
                BASE,
                "networks: [caddy_net]",
                "networks: [\"caddy\\x5fnet\"]",
            );
        },
    );
    check("image-name", &[], (DEV, "image: makapix-api"), |world| {
        dev_service(world, "api", "    image: makapix-api\n");
        world.edit(
            PROD,
            "    networks: [caddy_net]\n",
            "    networks: [caddy_net]\n\n  api:\n    image: makapix-api\n",
        );
    });
}

fn write_append(world: &World, file: &str, text: &str) {
    let path = world.path(file);
    let before = std::fs::read_to_string(&path).unwrap();
    write(&path, &(before + text));
}

#[test]
fn what_leads_into_the_other_environment_is_found() {
    check("secret-value", &[], (DEV, "TOKEN: ${OTHER}"), |world| {
        dev_service(world, "api", "    environment:\n      TOKEN: ${OTHER}\n");
        write_append(
            world,
            DEV_ENV,
            &format!("OTHER={}\n", canary("ea", "MQTT_PASSWORD")),
        );
    });
    check(
        "secret-value",
        &[],
        (DEV, "QUEUE_URL: amqp://worker:${OTHER}@queue:5672"),
        |world| {
            dev_service(
                world,
                "api",
                "    environment:\n      QUEUE_URL: amqp://worker:${OTHER}@queue:5672\n",
            );
            write_append(
                world,
                DEV_ENV,
                &format!("OTHER={}\n", canary("ea", "MQTT_PASSWORD")),
            );
        },
    );
    check(
        "points-at-other",
        &["variable-equal"],
        (BASE, "BASE_URL: ${BASE_URL}"),
        |world| {
            world.edit(
                DEV_ENV,
                "BASE_URL=http://development.makapix.test\n",
                "BASE_URL=http://makapix.test\n",
            );
            let env = world.path(DEV_ENV);
            let text = std::fs::read_to_string(&env).unwrap();
            write(
                &env,
                &text.replace(
                    "API_BASE_URL=http://makapix.test",
                    "API_BASE_URL=http://development.makapix.test",
                ),
            );
        },
    );
    check(
        "points-at-other",
        &[],
        (DEV, "DB_HOST: makapix-prod-db"),
        |world| {
            dev_service(
                world,
                "api",
                "    environment:\n      DB_HOST: makapix-prod-db\n",
            );
        },
    );
    check(
        "points-at-other",
        &["bind-source"],
        (BASE, "${VAULT_HOST_PATH}:/vault"),
        |world| {
            let env = world.path(DEV_ENV);
            let text = std::fs::read_to_string(&env).unwrap();
            write(&env, &text.replace("/vault-dev", "/vault-1"));
        },
    );
    check(
        "points-at-other",
        &[],
        (DEV, "NEXT_PUBLIC_API_BASE_URL: http://makapix.test/api"),
        |world| {
            dev_service(
                world,
                "web",
                "    build:\n      args:\n        NEXT_PUBLIC_API_BASE_URL: http://makapix.test/api\n",
            );
        },
    );
    check(
        "network-alias",
        &[],
        (DEV, "networks: {caddy_net: {aliases: [mqtt]}}"),
        |world| {
            dev_service(
                world,
                "mqtt",
                "    networks: {caddy_net: {aliases: [mqtt]}}\n",
            );
            world.edit(
                PROD,
                "  mqtt:\n",
                "  mqtt:\n    networks: {caddy_net: {aliases: [mqtt]}}\n",
            );
        },
    );
    check(
        "ambiguous-name",
        &[],
        (DEV, "API_URL: http://api:8000"),
        |world| {
            dev_service(
                world,
                "web",
                "    environment:\n      API_URL: http://api:8000\n",
            );
        },
    );
    check(
        "ambiguous-name",
        &[],
        (DEV, "caddy.handle.reverse_proxy: web:3000"),
        |world| {
            world.edit(
                DEV,
                "caddy.handle.reverse_proxy: ${COMPOSE_PROJECT_NAME}-web:3000",
                "caddy.handle.reverse_proxy: web:3000",
            );
        },
    );
    check(
        "cookie-domain",
        &["points-at-other"],
        (DEV, "COOKIE_DOMAIN: makapix.test"),
        |world| {
            dev_service(
                world,
                "api",
                "    environment:\n      COOKIE_DOMAIN: makapix.test\n",
            );
        },
    );
    check(
        "env-file",
        &["secret-value", "points-at-other", "bind-source"],
        (DEV, "- ../../../makapix/deploy/stack/.env.prod"),
        |world| {
            dev_service(
                world,
                "worker",
                "    env_file:\n      - ../../../makapix/deploy/stack/.env.prod\n",
            );
        },
    );
    check(
        "foreign-build",
        &["points-at-other"],
        (DEV, "build: ../../../makapix/api"),
        |world| {
            dev_service(world, "worker", "    build: ../../../makapix/api\n");
        },
    );
    check(
        "default-names-other",
        &[],
        (DEV, "${MAIL_FROM:-https://makapix.test}"),
        |world| {
            dev_service(
                world,
                "worker",
                "    environment:\n      MAIL_FROM: ${MAIL_FROM:-https://makapix.test}\n",
            );
            write_append(
                world,
                DEV_ENV,
                "MAIL_FROM=https://development.makapix.test\n",
            );
        },
    );
    check("project-name", &[], (DEV, "name: makapix-prod"), |world| {
        world.edit(DEV, "services:\n", "name: makapix-prod\nservices:\n");
    });
    check(
        "project-name",
        &[],
        (DEV_ENV, "COMPOSE_PROJECT_NAME=makapix-prod"),
        |world| {
            write_append(world, DEV_ENV, "COMPOSE_PROJECT_NAME=makapix-prod\n");
        },
    );
    check(
        "working-directory",
        &[],
        ("makapix-dev/Makefile", "ifeq"),
        |world| {
            write(
                &world.path("makapix-dev/Makefile"),
                "ifeq ($(CURDIR),/opt/makapix-dev)\nENV := dev\nendif\n",
            );
        },
    );
}

#[test]
fn variables_that_do_not_fit_each_other_are_found() {
    check(
        "variable-equal",
        &["secret-value"],
        (DEV_ENV, "JWT_SECRET_KEY="),
        |world| {
            world.edit(
                DEV_ENV,
                &canary("eb", "JWT_SECRET_KEY"),
                &canary("ea", "JWT_SECRET_KEY"),
            );
        },
    );
    check(
        "variable-equal",
        &[],
        (DEV_ENV, "GITHUB_OAUTH_CLIENT_ID="),
        |world| {
            world.edit(DEV_ENV, "client-of-eb", "client-of-ea");
        },
    );
    check(
        "variable-differs",
        &[],
        (DEV_ENV, "SQIDS_ALPHABET="),
        |world| {
            world.edit(DEV_ENV, "SQIDS_ALPHABET=k3G7", "SQIDS_ALPHABET=3kG7");
        },
    );
    check(
        "variable-missing",
        &[],
        (DEV_ENV, "JWT_SECRET_KEY="),
        |world| {
            world.edit(DEV_ENV, &canary("eb", "JWT_SECRET_KEY"), "");
        },
    );
    check("variable-value", &[], (DEV_ENV, "ENVIRONMENT="), |world| {
        world.edit(DEV_ENV, "ENVIRONMENT=development", "ENVIRONMENT=staging");
    });
    check("variable-value", &[], (DEV_ENV, "SENTRY_DSN="), |world| {
        write_append(world, DEV_ENV, "SENTRY_DSN=https://k@sentry.example/1\n");
    });
    check(
        "variable-placeholder",
        &[],
        (DEV_ENV, "GITHUB_OAUTH_CLIENT_ID="),
        |world| {
            world.edit(DEV_ENV, "client-of-eb", "CHANGE_ME");
        },
    );
    check(
        "literal-secret",
        &[],
        (DEV, "RESEND_API_KEY: abc"),
        |world| {
            dev_service(
                world,
                "api",
                "    environment:\n      RESEND_API_KEY: abc\n",
            );
        },
    );
    check(
        "unset-variable",
        &[],
        (DEV, "X: ${NOBODY_SETS_ME}"),
        |world| {
            dev_service(
                world,
                "api",
                "    environment:\n      X: ${NOBODY_SETS_ME}\n",
            );
        },
    );
}

#[test]
fn what_is_reached_from_where_it_should_not_is_found() {
    check("published-port", &[], (DEV, "\"5433:5432\""), |world| {
        world.edit(
            DEV,
            "\"127.0.0.1:${DB_PUBLISHED_PORT}:5432\"",
            "\"5433:5432\"",
        );
    });
    check(
        "store-on-shared-network",
        &[],
        (DEV, "networks: [internal, caddy_net]"),
        |world| {
            dev_service(world, "cache", "    networks: [internal, caddy_net]\n");
        },
    );
    check(
        "admin-interface",
        &[],
        (PROD, "CADDY_ADMIN: 0.0.0.0:2019"),
        |world| {
            world.edit(
                PROD,
                "      EA: ${COMPOSE_PROJECT_NAME}\n",
                "      EA: ${COMPOSE_PROJECT_NAME}\n      CADDY_ADMIN: 0.0.0.0:2019\n",
            );
        },
    );
    check(
        "docker-socket",
        &[],
        (DEV, "- /var/run/docker.sock:/var/run/docker.sock:ro"),
        |world| {
            dev_service(
                world,
                "worker",
                "    volumes:\n      - /var/run/docker.sock:/var/run/docker.sock:ro\n",
            );
        },
    );
    check("host-access", &[], (DEV, "privileged: true"), |world| {
        dev_service(world, "worker", "    privileged: true\n");
    });
    check("edge-auth", &[], (DEV, "caddy: ${WEB_DOMAIN}"), |world| {
        let path = world.path(DEV);
        let text = std::fs::read_to_string(&path).unwrap();
        let kept: Vec<&str> = text
            .lines()
            .filter(|line| !line.contains("basic_auth"))
            .collect();
        write(&path, &(kept.join("\n") + "\n"));
    });
    check(
        "edge-host",
        &[],
        (DEV, "caddy_1: www.makapix.test"),
        |world| {
            world.edit(
                DEV,
                "      caddy: ${WEB_DOMAIN}\n",
                "      caddy: ${WEB_DOMAIN}\n      caddy_1: www.makapix.test\n",
            );
            world.edit(
                PROD,
                "      caddy: ${WEB_DOMAIN}\n",
                "      caddy: ${WEB_DOMAIN}\n      caddy_1: www.makapix.test\n",
            );
        },
    );
    check(
        "edge-noindex",
        &[],
        (DEV, "caddy: ${WEB_DOMAIN}"),
        |world| {
            world.edit(
                DEV,
                "      caddy.header.X-Robots-Tag: '\"noindex, nofollow, noarchive\"'\n",
                "",
            );
        },
    );
    check(
        "label-quoting",
        &[],
        (DEV, "caddy.header.X-Robots-Tag: noindex, nofollow"),
        |world| {
            world.edit(
                DEV,
                "'\"noindex, nofollow, noarchive\"'",
                "noindex, nofollow",
            );
        },
    );
    check(
        "label-dollar",
        &[],
        (DEV, "caddy.handle.basic_auth.developer: $2b$12$"),
        |world| {
            let path = world.path(DEV);
            let text = std::fs::read_to_string(&path).unwrap();
            write(&path, &text.replace("$$", "$"));
        },
    );
}

#[test]
fn what_takes_too_much_is_found() {
    check("no-limits", &[], (DEV, "  worker:"), |world| {
        world.edit(
            DEV,
            "    deploy: {resources: {limits: {cpus: \"0.20\", memory: 128M}}}\n\n  web:",
            "    stop_grace_period: 5s\n\n  web:",
        );
    });
    check("no-limits", &[], (DEV, "limits: {memory: 192M}"), |world| {
        world.edit(DEV, "cpus: \"0.60\", memory: 192M", "memory: 192M");
    });
    check("over-share", &[], (DEV, "memory: 6G"), |world| {
        world.edit(DEV, "memory: 192M", "memory: 6G");
    });
    check(
        "memory-mismatch",
        &[],
        (BASE, "command: [redis-server, --save"),
        |world| {
            world.edit(BASE, "--maxmemory, 16mb", "--maxmemory, 64mb");
        },
    );
    check(
        "evicting-queue",
        &[],
        (BASE, "CELERY_BROKER_URL: redis://broker:6379/0"),
        |world| {
            world.edit(BASE, "noeviction", "allkeys-lru");
        },
    );
    check(
        "mutable-tag",
        &["no-limits"],
        (DEV, "image: alpine:latest"),
        |world| {
            world.edit(
                DEV,
                "  worker:\n",
                "  vault:\n    image: alpine:latest\n\n  worker:\n",
            );
        },
    );
}

/// A service that `up` starts only where its profile is chosen.
fn dev_tool(world: &World, lines: &str) {
    let tool = "  tool:\n    image: debian:trixie-slim\n    profiles: [tools]\n";
    world.edit(DEV, "services:\n", &format!("services:\n{tool}{lines}\n"));
}

#[test]
fn what_waits_for_a_profile_is_audited_and_takes_its_share_when_it_is_chosen() {
    let limits = |memory: &str| {
        format!("    deploy: {{resources: {{limits: {{cpus: \"0.01\", memory: {memory}}}}}}}\n")
    };
    check("host-port", &[], (DEV, "127.0.0.1:5432:80"), |world| {
        dev_tool(
            world,
            &format!("    ports: [\"127.0.0.1:5432:80\"]\n{}", limits("8M")),
        );
    });
    check("no-limits", &[], (DEV, "  tool:"), |world| {
        dev_tool(world, "");
    });
    let world = World::new();
    dev_tool(&world, &limits("7G"));
    assert_eq!(
        world.record(&["audit"], 0)["findings"],
        serde_json::json!([])
    );
    check("over-share", &[], (DEV, "memory: 7G"), |world| {
        dev_tool(world, &limits("7G"));
        write_append(world, DEV_ENV, "COMPOSE_PROFILES=tools\n");
    });
}

#[test]
fn the_mode_of_an_env_file_is_found() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    std::fs::set_permissions(world.path(DEV_ENV), std::fs::Permissions::from_mode(0o644)).unwrap();
    let audit = world.record(&["audit"], 0);
    assert_eq!(audit["findings"][0]["rule"], "env-file-mode");
}

#[test]
fn evidence_of_both_sides_is_given_where_both_have_a_part() {
    let audit = check(
        "volume",
        &[],
        (BASE, "- pg_data:/var/lib/postgresql"),
        |world| {
            write_append(
                world,
                DEV,
                "\nvolumes:\n  pg_data:\n    external: true\n    name: makapix_pg_data\n",
            );
        },
    );
    let evidence = audit["findings"][0]["evidence"].as_array().unwrap();
    assert_eq!(
        (&evidence[0]["environment"], &evidence[1]["environment"]),
        (&"ea".into(), &"eb".into())
    );
}

#[test]
fn sarif_carries_every_finding_with_its_rule_and_place() {
    let world = World::new();
    world.edit(
        DEV,
        "'\"noindex, nofollow, noarchive\"'",
        "noindex, nofollow",
    );
    let log = world.record(&["audit", "--format", "sarif"], 1);
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let result = &run["results"][0];
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(
        run["tool"]["driver"]["rules"][index]["id"],
        result["ruleId"]
    );
    let place = &result["locations"][0]["physicalLocation"];
    assert!(
        place["artifactLocation"]["uri"]
            .as_str()
            .unwrap()
            .starts_with("file:///")
    );
    assert!(place["region"]["startLine"].as_u64().unwrap() > 1);
}

#[test]
fn a_rule_is_explained_by_its_id() {
    let world = World::new();
    let rule = world.record(&["audit", "--explain", "ambiguous-name"], 0);
    assert_eq!(rule["record"], "mkx.rule/1");
    assert!(rule["why"].as_str().unwrap().contains("by turns"));
    assert_eq!(
        world.run(&["audit", "--explain", "nonsense"]).status.code(),
        Some(2)
    );
}
