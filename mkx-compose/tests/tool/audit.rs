//! The audit through Docker Compose: some faults, one at a time, each found by the right rule, at
//! the right line, and nothing else; all others are seeded into models (`src/audit/faults.rs`),
//! which are held here against what Docker Compose resolves.

use std::path::Path;
use std::process::Command;

use crate::world::{World, canary, write};
use serde_json::Value;

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

fn write_append(world: &World, file: &str, text: &str) {
    let path = world.path(file);
    let before = std::fs::read_to_string(&path).unwrap();
    write(&path, &(before + text));
}

#[test]
fn what_docker_compose_fills_in_and_merges_is_what_is_judged() {
    let port = "127.0.0.1:${DB_PUBLISHED_PORT}:5432";
    check("host-port", &[], (DEV, port), |world| {
        world.edit(DEV_ENV, "DB_PUBLISHED_PORT=5433", "DB_PUBLISHED_PORT=5432");
    });
    let queue = "QUEUE_URL: amqp://worker:${OTHER}@queue:5672";
    check("secret-value", &[], (DEV, queue), |world| {
        dev_service(world, "api", &format!("    environment:\n      {queue}\n"));
        let password = canary("ea", "MQTT_PASSWORD");
        write_append(world, DEV_ENV, &format!("OTHER={password}\n"));
    });
    let alias = "networks: {caddy_net: {aliases: [mqtt]}}";
    check("network-alias", &[], (DEV, alias), |world| {
        dev_service(world, "mqtt", &format!("    {alias}\n"));
        world.edit(PROD, "  mqtt:\n", &format!("  mqtt:\n    {alias}\n"));
    });
    check("image-name", &[], (DEV, "image: makapix-api"), |world| {
        dev_service(world, "api", "    image: makapix-api\n");
        let networks = "    networks: [caddy_net]\n";
        let api = format!("{networks}\n  api:\n    image: makapix-api\n");
        world.edit(PROD, networks, &api);
    });
    let also = ["secret-value", "points-at-other", "bind-source"];
    let file = "- ../../../makapix/deploy/stack/.env.prod";
    check("env-file", &also, (DEV, file), |world| {
        dev_service(world, "worker", &format!("    env_file:\n      {file}\n"));
    });
    check(
        "mutable-tag",
        &["no-limits"],
        (DEV, "image: alpine:latest"),
        |world| {
            let vault = "  vault:\n    image: alpine:latest\n\n  worker:\n";
            world.edit(DEV, "  worker:\n", vault);
        },
    );
}

#[test]
fn what_only_the_text_of_files_shows_is_found() {
    let label = "caddy.handle.basic_auth.developer: $2b$12$";
    check("label-dollar", &[], (DEV, label), |world| {
        let path = world.path(DEV);
        let text = std::fs::read_to_string(&path).unwrap();
        write(&path, &text.replace("$$", "$"));
    });
    let name = "COMPOSE_PROJECT_NAME=makapix-prod";
    check("project-name", &[], (DEV_ENV, name), |world| {
        write_append(world, DEV_ENV, &format!("{name}\n"));
    });
    check(
        "working-directory",
        &[],
        ("makapix-dev/Makefile", "ifeq"),
        |world| {
            let makefile = "ifeq ($(CURDIR),/opt/makapix-dev)\nENV := dev\nendif\n";
            write(&world.path("makapix-dev/Makefile"), makefile);
        },
    );
}

/// What the rules look at, of what Docker Compose resolves.
fn judged(mut model: Value) -> Value {
    let service = [
        "build",
        "command",
        "container_name",
        "deploy",
        "environment",
        "labels",
        "networks",
        "ports",
        "volumes",
    ];
    let keep = |value: &mut Value, names: &[&str]| {
        let fields = value.as_object_mut().unwrap();
        fields.retain(|name, value| names.contains(&name.as_str()) && !value.is_null());
    };
    keep(&mut model, &["name", "services", "networks", "volumes"]);
    for one in model["services"].as_object_mut().unwrap().values_mut() {
        keep(one, &service);
        keep(&mut one["build"], &["context", "args"]);
        for port in one["ports"].as_array_mut().into_iter().flatten() {
            keep(port, &["host_ip", "target", "published", "protocol"]);
        }
        for mount in one["volumes"].as_array_mut().into_iter().flatten() {
            keep(mount, &["type", "source", "target", "read_only"]);
        }
        one.as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
    }
    for kind in ["networks", "volumes"] {
        for one in model[kind].as_object_mut().unwrap().values_mut() {
            keep(one, &["name", "external"]);
        }
    }
    model
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

#[test]
fn the_models_that_the_rules_are_tested_on_are_what_docker_compose_resolves() {
    let world = World::new();
    let mut made = vec![("site.json".to_owned(), pretty(&world.site()))];
    let names = &world.names;
    for (name, project, checkout, over) in [
        ("ea", &names.ea, "makapix", "prod"),
        ("eb", &names.eb, "makapix-dev", "dev"),
    ] {
        let stack = world.path(checkout).join("deploy/stack");
        let (over, env) = (format!("docker-compose.{over}.yml"), format!(".env.{over}"));
        let output = Command::new("docker")
            .args(["compose", "--project-name", project])
            .args([
                "--file",
                "docker-compose.yml",
                "--file",
                &over,
                "--env-file",
                &env,
            ])
            .args(["config", "--format", "json"])
            .current_dir(&stack)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "run scripts/setup: {said}");
        let model = judged(serde_json::from_slice(&output.stdout).unwrap());
        let variables = std::fs::read_to_string(stack.join(env)).unwrap();
        made.push((format!("{name}.json"), pretty(&model)));
        made.push((format!("{name}.env"), variables));
    }
    let root = world.root().display().to_string();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models");
    for (file, text) in made {
        let (path, text) = (folder.join(file), text.replace(&root, "/srv/world"));
        if std::env::var_os("MKX_WRITE_MODELS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let present = std::fs::read_to_string(&path).unwrap();
        let path = path.display();
        assert_eq!(present, text, "MKX_WRITE_MODELS=1 writes {path} anew");
    }
}

#[test]
fn a_file_that_may_not_be_looked_at_is_said_and_nothing_is_judged_without_the_files() {
    let world = World::new();
    let audit = world.record(&["audit"], 0);
    assert_eq!(audit["unseen"], serde_json::json!([]), "{audit:#}");
    // A folder of scripts that leads to itself can not be listed, also not by root.
    let scripts = world.path("makapix/scripts");
    std::os::unix::fs::symlink(&scripts, &scripts).unwrap();
    let unseen = world.record(&["audit"], 3)["unseen"].to_string();
    assert!(unseen.contains(scripts.to_str().unwrap()), "{unseen}");
    // Docker Compose refuses a file: the site may live with what was found in it until then, and
    // is not isolated for that.
    let text = std::fs::read_to_string(world.path(DEV)).unwrap();
    let refused = text.replace("$$", "$") + "\nvolumes:\n  x:\n    name: ${\n";
    write(&world.path(DEV), &refused);
    let mut site = world.site();
    site["accepted"] = serde_json::json!([{
        "rule": "label-dollar",
        "subject": "caddy.handle.basic_auth.developer",
        "reason": "nobody logs in",
    }]);
    world.save_site(&site);
    let audit = world.record(&["audit"], 3);
    assert_eq!(
        (&audit["errors"], &audit["accepted"]),
        (&0.into(), &1.into())
    );
    assert!(
        audit["unseen"].to_string().contains("what the files mean"),
        "{audit:#}"
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

/// Docker Compose reads `${X:-./x}:/y` filled in and refuses it as it is written
/// (docker/compose 13327); a hash with single dollar signs is found before that.
#[test]
fn development_does_not_start_where_it_can_not_be_told_what_it_reaches() {
    let world = World::new();
    let volume = &world.names.pg_volume;
    let service = "  tool:\n    image: debian:trixie-slim\n    volumes: [\"data:/d\", \"${X:-./x}:/y\"]\n    labels: {caddy.basic_auth.dev: $2b$$12$$abc}\n";
    world.edit(DEV, "services:\n", &format!("services:\n{service}"));
    let text = std::fs::read_to_string(world.path(DEV)).unwrap();
    let volumes = format!("volumes:\n  data: {{external: true, name: {volume}}}\n");
    write(&world.path(DEV), &format!("{text}\n{volumes}"));
    for verb in ["up", "build"] {
        let refused = world.run(&[verb, "eb"]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(5), "{said}");
        assert!(said.contains("cannot start makapix-dev"), "{said}");
    }
}
