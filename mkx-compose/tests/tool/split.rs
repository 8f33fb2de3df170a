//! `split` on three compose files: production resolves to what it was, every comment survives,
//! and a second run changes nothing.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::world::World;
use serde_json::Value;

struct Corpus {
    world: World,
    folder: PathBuf,
    file: &'static str,
}

impl Corpus {
    fn new(name: &str, file: &'static str) -> Corpus {
        let world = World::new();
        let mut site = world.site();
        site["environments"]["ea"]["domain"] = "makapix.club".into();
        site["environments"]["ea"]["vault"] =
            serde_json::json!({"path": "/mnt/vault-1", "domain": "vault.makapix.club"});
        site["environments"]["ea"]["mqtt"]["public_host"] = "makapix.club".into();
        site["environments"]["ea"]["oauth"]["callback"] = "https://makapix.club/cb".into();
        site["environments"]["ea"]["health_url"] = "https://makapix.club/api/health".into();
        world.save_site(&site);
        let folder = world.path("app/deploy/stack");
        std::fs::create_dir_all(&folder).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/corpus")
            .join(name);
        for entry in std::fs::read_dir(source).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
        Corpus {
            world,
            folder,
            file,
        }
    }

    fn split(&self, flags: &[&str]) -> Output {
        let file = self.folder.join(self.file);
        self.world
            .run(&[&["split", file.to_str().unwrap()][..], flags].concat())
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap()
    }

    fn config(&self, arguments: &[&str]) -> Value {
        let output = Command::new("docker")
            .arg("compose")
            .args(arguments)
            .args(["--profile", "*", "config", "--format", "json"])
            .current_dir(&self.folder)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "run scripts/setup: {stderr}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn comments(text: &str) -> Vec<String> {
    let mut found: Vec<String> = text
        .lines()
        .filter_map(|line| {
            let at = line
                .find(" #")
                .map(|at| at + 1)
                .or(line.starts_with('#').then_some(0))?;
            Some(line[at..].trim_end().to_owned())
        })
        .collect();
    found.sort();
    found
}

/// What may differ: names that carry the project, and who makes a volume.
pub fn normal(mut model: Value) -> Value {
    model
        .as_object_mut()
        .unwrap()
        .retain(|name, _| !name.starts_with("x-") && name != "name");
    for service in model["services"].as_object_mut().unwrap().values_mut() {
        service.as_object_mut().unwrap().remove("container_name");
    }
    for kind in ["volumes", "networks"] {
        for one in model[kind].as_object_mut().into_iter().flatten() {
            one.1.as_object_mut().unwrap().remove("external");
            if kind == "networks" && one.1["name"] != "caddy_net" {
                one.1.as_object_mut().unwrap().remove("name");
            }
        }
    }
    model
}

/// The first place where two documents differ.
pub fn difference(a: &Value, b: &Value, way: &str) -> Option<String> {
    match (a, b) {
        (Value::Object(left), Value::Object(right)) => {
            left.keys().chain(right.keys()).find_map(|name| {
                let way = format!("{way}.{name}");
                match (left.get(name), right.get(name)) {
                    (Some(a), Some(b)) => difference(a, b, &way),
                    _ => Some(way),
                }
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let mut pairs = left.iter().zip(right).enumerate();
            pairs.find_map(|(index, (a, b))| difference(a, b, &format!("{way}.{index}")))
        }
        // What answers on the shared network is called by its project.
        _ if a == "makapix-prod-mqtt" && b == "mqtt" => None,
        _ => (a != b).then(|| format!("{way}: {a} {b}")),
    }
}

#[track_caller]
fn check(name: &str, file: &'static str) -> Corpus {
    let corpus = Corpus::new(name, file);
    let original = corpus.read(file);
    let before = corpus.config(&["--file", file]);

    // What is made in a folder and removed again shows in the folder's own time of change.
    let changed = || {
        let metadata = std::fs::metadata(&corpus.folder).unwrap();
        (metadata.ctime(), metadata.ctime_nsec())
    };
    let untouched = changed();
    let dry = corpus.split(&["--dry-run"]);
    assert_eq!(changed(), untouched, "--dry-run wrote into the checkout");
    assert_eq!(
        dry.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&dry.stderr)
    );
    assert!(String::from_utf8_lossy(&dry.stdout).contains("+++ "));
    assert_eq!(corpus.read(file), original);

    // Where the file is the base itself, it is what is split: it is kept, and --force not needed.
    let flags: &[&str] = match file {
        "docker-compose.yml" => &[],
        _ => &["--force"],
    };
    let output = corpus.split(flags);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for text in [&output.stdout, &output.stderr, &dry.stdout] {
        assert!(!String::from_utf8_lossy(text).contains("canary"));
    }

    // Production: what it was, with the variables of its template.
    let examples = corpus.read(".env.prod.example");
    assert!(!examples.contains("canary"));
    let secrets = corpus.read(".env");
    std::fs::write(
        corpus.folder.join(".env.prod"),
        format!("{examples}{secrets}"),
    )
    .unwrap();
    let arguments = [
        "--project-name",
        "makapix-prod",
        "--file",
        "docker-compose.yml",
        "--file",
        "docker-compose.prod.yml",
        "--env-file",
        ".env.prod",
    ];
    let after = corpus.config(&arguments);
    assert_eq!(
        difference(&normal(after.clone()), &normal(before), ""),
        None
    );

    // Development: it resolves, and nothing of production's is in it.
    std::fs::write(
        corpus.folder.join(".env.dev"),
        corpus.read(".env.dev.example"),
    )
    .unwrap();
    let arguments = [
        "--project-name",
        "makapix-dev",
        "--file",
        "docker-compose.yml",
        "--file",
        "docker-compose.dev.yml",
        "--env-file",
        ".env.dev",
    ];
    let development = corpus.config(&arguments);
    let text = development.to_string();
    for production in [
        "/mnt/vault-1",
        "\"makapix.club",
        "//makapix.club",
        "makapix-prod",
    ] {
        assert!(
            !text.contains(production),
            "{production} in {development:#}"
        );
    }
    let services = development["services"].as_object().unwrap();
    assert!(!services.contains_key("caddy"));
    for (name, service) in services {
        let limited = service["deploy"]["resources"]["limits"]["memory"].is_string()
            || service["mem_limit"].is_string();
        assert!(limited, "{name}");
    }

    // Every comment is somewhere, once.
    let written = ["docker-compose.yml", "docker-compose.prod.yml"]
        .map(|name| corpus.read(name))
        .concat();
    let mut left = comments(&written);
    for comment in comments(&original) {
        let at = left.iter().position(|one| *one == comment);
        left.remove(at.unwrap_or_else(|| panic!("{comment:?} is lost\n{written}")));
    }

    // Again: of the original, and of the result.
    let all: Vec<String> = std::fs::read_dir(&corpus.folder)
        .unwrap()
        .map(|one| one.unwrap().path().display().to_string())
        .collect();
    let again = corpus.split(&["--force"]);
    assert_eq!(
        again.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&again.stderr)
    );
    let record: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert!(
        record["files"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["written"] == false),
        "{record}"
    );
    let base = corpus.folder.join("docker-compose.yml");
    let result = corpus.world.run(&["split", base.to_str().unwrap()]);
    assert_eq!(
        result.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&result.stderr)
    );
    let now: Vec<String> = std::fs::read_dir(&corpus.folder)
        .unwrap()
        .map(|one| one.unwrap().path().display().to_string())
        .collect();
    assert_eq!(all.len(), now.len());
    corpus
}

#[test]
fn a_large_file_with_every_construct() {
    let corpus = check("large", "compose.yml");
    let base = corpus.read("docker-compose.yml");
    let production = corpus.read("docker-compose.prod.yml");
    let development = corpus.read("docker-compose.dev.yml");
    assert!(base.contains("container_name: ${COMPOSE_PROJECT_NAME}-db\n"));
    assert!(base.contains(
        "      test: [\"CMD-SHELL\", \"pg_isready -U $$POSTGRES_USER -d $$POSTGRES_DB\"]\n"
    ));
    assert!(base.contains("  # pgadmin:\n  #   image: dpage/pgadmin4:8\n"));
    assert!(
        base.contains("- ${VAULT_HOST_PATH:?give --env-file .env.prod or .env.dev}:/data/vault\n")
    );
    assert!(base.contains("MQTT_BROKER_HOST: ${COMPOSE_PROJECT_NAME}-mqtt\n"));
    assert!(!base.contains("\n    ports:\n") && !base.contains("makapix.club"));
    assert!(production.contains("    # For psql from the host; never on all addresses.\n    ports:\n      - \"127.0.0.1:5432:5432\"   # loopback only\n      # - \"5432:5432\"\n"));
    assert!(production.contains("name: makapix_pg_data"));
    assert!(production.contains("name: makapix_broker_data"));
    assert!(
        development.contains("- \"8884:8883\"")
            && development.contains("- \"127.0.0.1:5433:5432\"")
    );
    assert!(development.contains("caddy.header.X-Robots-Tag: '\"noindex, nofollow, noarchive\"'"));
    assert!(development.contains("caddy.basic_auth: \"@closed\""));
    assert!(development.contains("shared_buffers="));
}

#[test]
fn a_file_with_braces_and_services_that_build_on_one_another() {
    check("flow", "compose.yml");
}

#[test]
fn a_small_file_that_is_replaced_by_its_own_base() {
    let corpus = check("small", "docker-compose.yml");
    let backups = std::fs::read_dir(&corpus.folder)
        .unwrap()
        .filter(|one| {
            one.as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .ends_with(".bak")
        })
        .count();
    assert_eq!(backups, 1);
}
