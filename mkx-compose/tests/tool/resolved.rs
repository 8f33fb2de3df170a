//! The verbs that need Docker Compose, but no engine, on the small Makapix.

use std::os::unix::fs::PermissionsExt;

use crate::world::{World, canary, write};
use serde_json::Value;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_clean_pair_has_no_finding() {
    let audit = World::new().record(&["audit"], 0);
    assert_eq!(audit["findings"], serde_json::json!([]), "{audit:#}");
}

#[test]
fn a_rendered_environment_is_what_its_files_resolve_to_without_a_secret() {
    let world = World::new();
    for (environment, project) in [("ea", "makapix-prod"), ("eb", "makapix-dev")] {
        let output = world.run(&["render", environment]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(!text(&output.stdout).contains("canary"));
        assert!(!text(&output.stderr).contains("canary"));
        let file = world.path(&format!("{environment}.json"));
        std::fs::write(&file, &output.stdout).unwrap();
        let checkout = world.path(if environment == "ea" {
            "makapix"
        } else {
            "makapix-dev"
        });
        let stack = checkout.join("deploy/stack");
        let (over, env) = if environment == "ea" {
            ("prod", ".env.prod")
        } else {
            ("dev", ".env.dev")
        };
        let written = config(&[
            "--project-name",
            project,
            "--file",
            stack.join("docker-compose.yml").to_str().unwrap(),
            "--file",
            stack
                .join(format!("docker-compose.{over}.yml"))
                .to_str()
                .unwrap(),
            "--env-file",
            stack.join(env).to_str().unwrap(),
        ]);
        let rendered = config(&["--project-name", project, "--file", file.to_str().unwrap()]);
        assert_eq!(rendered["services"], written["services"]);
        assert_eq!(rendered["networks"], written["networks"]);
        assert_eq!(rendered["volumes"], written["volumes"]);
        let secrets = world.path("state/render").join(environment).join("api.env");
        let mode = std::fs::metadata(&secrets).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(
            std::fs::read_to_string(secrets)
                .unwrap()
                .contains(&canary(environment, "JWT_SECRET_KEY"))
        );
    }
}

#[test]
fn a_rendered_environment_is_the_same_in_yaml() {
    let world = World::new();
    let odd = "    environment:\n      DAY: \"2026-01-01\"\n      COUNT: \"1_000\"\n      WORD: \"no\"\n      TEXT: \"a: 'b' #c\\n\\td\"\n      SPACE: \" x \"\n      TIME: \"12:30\"\n      HEX: \"0x1F\"\n      NOTHING: \"\"\n      TILDE: \"~\"\n      STAR: \"*a\"\n";
    world.edit(
        "makapix-dev/deploy/stack/docker-compose.dev.yml",
        "  cache:\n",
        &format!("  cache:\n{odd}"),
    );
    let models = ["json", "yaml"].map(|format| {
        let output = world.run(&["render", "eb", "--format", format]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(!text(&output.stdout).contains("canary"));
        let file = world.path(&format!("eb.{format}"));
        std::fs::write(&file, &output.stdout).unwrap();
        config(&["--project-name", "x", "--file", file.to_str().unwrap()])
    });
    assert_eq!(models[0], models[1]);
    assert_eq!(
        models[0]["services"]["cache"]["environment"]["DAY"],
        "2026-01-01"
    );
    assert_eq!(models[0]["services"]["cache"]["environment"]["WORD"], "no");
}

fn config(arguments: &[&str]) -> Value {
    let output = std::process::Command::new("docker")
        .arg("compose")
        .args(arguments)
        .args(["config", "--format", "json"])
        .current_dir("/")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "run scripts/setup: {}",
        text(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn what_the_shell_exports_never_reaches_an_environment() {
    // `World::run` exports VAULT_HOST_PATH.
    let model = World::new().record(&["render", "eb"], 0);
    let mounts = model["services"]["api"]["volumes"].to_string();
    assert!(mounts.contains("/vault-dev") && !mounts.contains("/from/the/shell"));
}

#[test]
fn a_secret_with_every_odd_character_survives_rendering() {
    let world = World::new();
    let odd = "a'b$c\"d\\e#f ${X} $$y";
    world.edit(
        "makapix-dev/deploy/stack/.env.dev",
        &format!("JWT_SECRET_KEY={}", canary("eb", "JWT_SECRET_KEY")),
        "JWT_SECRET_KEY=\"a'b\\$c\\\"d\\\\e#f \\${X} \\$\\$y\"",
    );
    let output = world.run(&["render", "eb"]);
    let file = world.path("eb.json");
    std::fs::write(&file, &output.stdout).unwrap();
    let model = config(&["--project-name", "x", "--file", file.to_str().unwrap()]);
    let value = model["services"]["api"]["environment"]["JWT_SECRET_KEY"]
        .as_str()
        .unwrap();
    assert_eq!(value.replace("$$", "$"), odd);
}

#[test]
fn limits_are_proposed_within_the_share() {
    let world = World::new();
    let limits = world.record(&["limits"], 0);
    assert_eq!(limits["within"], true);
    let sum: u64 = limits["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["memory_bytes"].as_u64().unwrap())
        .sum();
    assert!(sum <= limits["memory_bytes"].as_u64().unwrap());
    world.edit(
        "makapix-dev/deploy/stack/docker-compose.dev.yml",
        "memory: 192M",
        "memory: 4G",
    );
    assert_eq!(world.record(&["limits"], 1)["within"], false);
    let yaml = world.run(&["limits", "--format", "yaml"]);
    std::fs::write(
        world.path("makapix-dev/deploy/stack/limits.yml"),
        &yaml.stdout,
    )
    .unwrap();
    let mut site = world.site();
    site["environments"]["eb"]["compose_files"]
        .as_array_mut()
        .unwrap()
        .push("deploy/stack/limits.yml".into());
    world.save_site(&site);
    assert_eq!(world.record(&["limits"], 0)["within"], true);
}

#[test]
fn the_graph_shows_what_is_shared_and_nothing_else_between_the_two() {
    let world = World::new();
    let graph = world.record(&["graph"], 0);
    let shared: Vec<&str> = graph["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|node| node["environment"].is_null())
        .map(|node| node["label"].as_str().unwrap())
        .collect();
    assert_eq!(shared, ["caddy_net", "makapix-stack_caddy_data"]);
    let mermaid = text(&world.run(&["graph", "--format", "mermaid"]).stdout);
    assert!(mermaid.starts_with("flowchart LR\n") && mermaid.contains("makapix-dev-api"));
    let dot = text(&world.run(&["graph", "--format", "dot"]).stdout);
    assert!(dot.starts_with("digraph site {") && dot.ends_with("}\n"));
}

#[test]
fn env_check_and_diff_never_show_a_value() {
    let world = World::new();
    assert_eq!(world.record(&["env", "check"], 0)["ok"], true);
    world.edit(
        "makapix-dev/deploy/stack/.env.dev",
        &canary("eb", "JWT_SECRET_KEY"),
        &canary("ea", "JWT_SECRET_KEY"),
    );
    world.edit(
        "makapix-dev/deploy/stack/.env.dev",
        "ENVIRONMENT=development",
        "ENVIRONMENT=production",
    );
    let check = world.record(&["env", "check"], 1);
    let rules: Vec<&str> = check["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["rule"].as_str().unwrap())
        .collect();
    assert_eq!(
        rules,
        ["variable-equal", "variable-equal", "variable-value"]
    );
    let diff = world.record(&["env", "diff"], 0);
    let jwt = diff["variables"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "JWT_SECRET_KEY")
        .unwrap();
    assert_eq!(
        (&jwt["same"], &jwt["secret"]),
        (&Value::Bool(true), &Value::Bool(true))
    );
    for verb in ["check", "diff"] {
        let output = world.run(&["env", verb]);
        assert!(
            !text(&output.stdout).contains("canary") && !text(&output.stderr).contains("canary")
        );
    }
}

#[test]
fn a_new_env_file_is_developments_own_and_waits_for_a_person_where_it_must() {
    let world = World::new();
    let path = world.path("makapix-dev/deploy/stack/.env.dev");
    let refused = world.run(&["env", "new", "eb"]);
    assert_eq!(refused.status.code(), Some(5));
    let record = world.record(&["env", "new", "eb", "--force"], 0);
    assert!(record["files"][0]["backup"].is_string());
    let output = world.run(&["env", "new", "eb", "--output", "other.env"]);
    assert!(!text(&output.stdout).contains("canary") && !text(&output.stderr).contains("canary"));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let new = std::fs::read_to_string(&path).unwrap();
    assert!(!new.contains("canary-ea"), "{new}");
    assert!(new.contains("# Identity; the alphabet is the same"));
    assert!(new.contains("BASE_URL=http://development.makapix.test\n"));
    assert!(new.contains(&format!(
        "VAULT_HOST_PATH={}\n",
        world.path("vault-dev").display()
    )));
    let check = world.record(&["env", "check"], 1);
    let waiting: Vec<&str> = check["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["rule"].as_str().unwrap())
        .collect();
    assert_eq!(
        waiting,
        ["variable-placeholder", "variable-placeholder"],
        "{check:#}"
    );
}

#[test]
fn production_is_not_changed_without_its_domain() {
    let world = World::new();
    for verb in ["up", "down", "restart", "build"] {
        for confirm in [&[][..], &["--confirm", "development.makapix.test"][..]] {
            let output = world.run(&[&[verb, "ea"][..], confirm].concat());
            assert_eq!(
                output.status.code(),
                Some(5),
                "{verb}: {}",
                text(&output.stderr)
            );
        }
    }
    let output = world.run(&["exec", "ea", "db", "true"]);
    assert_eq!(output.status.code(), Some(5));
    assert!(!world.path("state/journal.jsonl").exists());
}

#[test]
fn development_is_not_started_onto_what_is_productions() {
    let world = World::new();
    let path = "makapix-dev/deploy/stack/docker-compose.dev.yml";
    let override_file = std::fs::read_to_string(world.path(path)).unwrap();
    let volumes = "\nvolumes:\n  pg_data:\n    external: true\n    name: makapix_pg_data\n";
    write(&world.path(path), &(override_file + volumes));
    for verb in ["up", "build"] {
        let output = world.run(&[verb, "eb"]);
        assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("makapix_pg_data"));
    }
    assert!(!world.path("state/journal.jsonl").exists());
}

#[test]
fn only_the_first_generation_of_compose_is_named_with_what_is_needed() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let bin = world.path("bin");
    std::fs::create_dir(&bin).unwrap();
    for (name, body) in [("docker", "exit 1"), ("docker-compose", "echo 1.29.2")] {
        std::fs::write(bin.join(name), format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_mkx-compose"))
        .args(["render", "eb"])
        .current_dir(world.root())
        .env("PATH", &bin)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(
        text(&output.stderr)
            .contains("Docker Compose 2 is needed, and only docker-compose 1.29.2 is here")
    );
}
