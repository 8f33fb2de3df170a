//! While a flip is open in the journal, every verb that changes something is refused, but for one
//! that says it belongs to the flip.

#![allow(clippy::unwrap_used)] // a test that fails says where

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mkx_contract::EnvironmentName;
use mkx_contract::record::journal::State;
use mkx_contract::tool::journal::Journal;
use mkx_tests::tool::{Finished, Tool};
use serde_json::{Value, json};

/// Every changing verb, and what it reads from its stdin.
const CHANGING: &[(&str, &[&str], &str)] = &[
    ("mkx-compose", &["up", "eb"], ""),
    (
        "mkx-compose",
        &["up", "ea", "--confirm", "small.example"],
        "",
    ),
    ("mkx-compose", &["down", "eb"], ""),
    ("mkx-compose", &["build", "eb"], ""),
    ("mkx-compose", &["restart", "eb"], ""),
    ("mkx-compose", &["exec", "eb", "web", "true"], ""),
    ("mkx-compose", &["split", "prod/compose.yml", "--force"], ""),
    (
        "mkx-compose",
        &["env", "new", "eb", "--output", "new.env"],
        "",
    ),
    ("mkx-sample", &["run"], ""),
    ("mkx-sample", &["reset"], ""),
    ("mkx-vault", &["sync", "manifest.jsonl"], ""),
    ("mkx-vault", &["prune", "manifest.jsonl"], ""),
    ("mkx-caddy", &["apply"], ""),
    ("mkx-caddy", &["users", "add", "fab"], "a password\n"),
    ("mkx-caddy", &["users", "remove", "fab"], ""),
    ("mkx-mqtt", &["certs", "init", "eb"], ""),
    (
        "mkx-mqtt",
        &["certs", "init", "ea", "--confirm", "small.example"],
        "",
    ),
    ("mkx-mqtt", &["passwd", "eb"], "a password\n"),
    ("mkx-mqtt", &["render", "eb", "--output"], ""),
];

fn environment(name: &str, domain: &str, ports: [u16; 3]) -> Value {
    json!({
        "project": name,
        "directory": name,
        "compose_files": ["compose.yml"],
        "env_files": [".env"],
        "domain": domain,
        "database": { "url": format!("postgresql://owner@127.0.0.1:{}/db", ports[0]) },
        "vault": { "path": format!("{name}-vault"), "domain": format!("vault.{domain}") },
        "mqtt": {
            "host": format!("{name}-mqtt"), "public_host": domain,
            "port": ports[1], "plain_port": ports[2],
            "certificate_directory": "certs", "config_directory": "config",
            "service": { "user": "service", "password": { "env_file": "MQTT_PASSWORD" } }
        }
    })
}

fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: String| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    };
    let image = format!("nginx@sha256:{}", "0".repeat(64));
    let compose =
        json!({ "services": { "web": { "image": image, "mem_limit": "64m", "cpus": 0.1 } } });
    for name in ["prod", "dev"] {
        write(&format!("{name}/compose.yml"), compose.to_string());
        write(
            &format!("{name}/.env"),
            format!("MQTT_PASSWORD=of-{name}\n"),
        );
        fs::create_dir(folder.path().join(format!("{name}-vault"))).unwrap();
    }
    let mut eb = environment("dev", "dev.small.example", [2, 8884, 1884]);
    eb["access"] = json!({ "kind": "basic_auth", "users_file": "users" });
    let site = json!({
        "record": "mkx.site/1",
        "name": "small",
        "state_directory": "state",
        "shared": { "network": "edge" },
        "environments": { "ea": environment("prod", "small.example", [1, 8883, 1883]), "eb": eb }
    });
    write("site.json", site.to_string());
    write(
        "manifest.jsonl",
        "{\"record\":\"mkx.vault.manifest/1\",\"files\":0,\"ok\":true}\n".into(),
    );
    let policy =
        Tool::new("mkx-sample").args(["policy", "init", "--preset", "makapix", "--output", "-"]);
    write("policy.json", policy.run().expect_code(0).stdout);
    folder
}

fn run(
    folder: &Path,
    (tool, arguments, stdin): (&str, &[&str], &str),
    part_of: Option<&str>,
) -> Finished {
    let mut tool = Tool::new(tool)
        .args(arguments)
        .stdin(stdin)
        .directory(folder)
        .env("PGPASSWORD", "none");
    if let Some(id) = part_of {
        tool = tool.env("MKX_PART_OF", id);
    }
    tool.run()
}

#[test]
fn every_changing_verb_of_every_tool_is_refused_without_the_id_of_the_open_flip() {
    let folder = site();
    let journal = Journal::at(&folder.path().join("state"));
    let id = journal
        .open("mkx-flip", EnvironmentName::Ea, json!({}))
        .unwrap();
    for &verb in CHANGING {
        let finished = run(folder.path(), verb, None).expect_code(5);
        let named = "mkx-flip is open since";
        assert!(
            finished.stderr.contains(named),
            "{verb:?}: {}",
            finished.stderr
        );
        assert!(
            finished.stderr.contains(&format!("--part-of {id}")),
            "{verb:?}: {}",
            finished.stderr
        );
    }
    let another = run(folder.path(), CHANGING[13], Some("another")).expect_code(5);
    assert!(another.stderr.contains(&id), "{}", another.stderr);
    run(folder.path(), CHANGING[13], Some(&id)).expect_code(0);
    let noted = journal.entries().unwrap();
    assert!(
        noted[1..]
            .iter()
            .all(|entry| entry.part_of.as_deref() == Some(&id)),
        "{noted:?}"
    );

    journal.close(&id, State::Done, json!({})).unwrap();
    run(folder.path(), CHANGING[14], Some(&id)).expect_code(5);
    run(folder.path(), CHANGING[14], None).expect_code(0);
}
