//! Two tiny environments on the real engine, a database and a web service each that sleep; whatever
//! is made goes with the value.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::containers::{docker, free_ports, must};
use crate::world::write;

/// The pair, and everything on the engine that bears its tag.
pub struct Small {
    folder: tempfile::TempDir,
    pub tag: String,
    pub ea: String,
    pub eb: String,
    pub network: String,
    pub ports: [u16; 2],
}

const BASE: &str = "
x-asleep: &asleep
  image: debian:trixie-slim
  pull_policy: never
  entrypoint: [sleep, infinity]
  stop_signal: SIGKILL
  deploy: {resources: {limits: {cpus: \"0.1\", memory: 32M}}}
services:
  db:
    <<: *asleep
    container_name: ${COMPOSE_PROJECT_NAME}-db
    ports: [\"127.0.0.1:${PORT}:5432\"]
    volumes: [\"rows:/rows\"]
    networks: [internal]
  web:
    <<: *asleep
    container_name: ${COMPOSE_PROJECT_NAME}-web
    ipc: shareable
    volumes: [\"${VAULT}:/vault\"]
    networks:
      internal:
      edge: {aliases: [\"${COMPOSE_PROJECT_NAME}-site\"]}
networks:
  internal:
  edge: {external: true, name: \"${NETWORK}\"}
volumes:
  rows:
";

impl Small {
    pub fn new(kind: &str) -> Small {
        let tag = format!("mkxt{}{kind}", std::process::id());
        let ports = free_ports();
        let small = Small {
            folder: tempfile::tempdir().unwrap(),
            ea: format!("{tag}-prod"),
            eb: format!("{tag}-dev"),
            network: format!("{tag}-net"),
            ports: [ports[0], ports[1]],
            tag,
        };
        for (name, port) in [("ea", small.ports[0]), ("eb", small.ports[1])] {
            for folder in [name.to_owned(), format!("vault-{name}/inner")] {
                std::fs::create_dir_all(small.path(&folder)).unwrap();
            }
            let vault = small.path(&format!("vault-{name}"));
            let values = format!(
                "PORT={port}\nVAULT={}\nNETWORK={}\n",
                vault.display(),
                small.network
            );
            small.write(&format!("{name}/.env"), &values);
            small.write(&format!("{name}/compose.yml"), BASE);
            small.write(&format!("{name}/over.yml"), "services: {}\n");
        }
        small.write("site.json", &small.site().to_string());
        must(&[
            "image",
            "inspect",
            "--format",
            "{{.Id}}",
            "debian:trixie-slim",
        ]);
        must(&["network", "create", &small.network]);
        must(&["volume", "create", &small.shared()]);
        small
    }

    fn site(&self) -> Value {
        let environment = |name: &str, role: &str, project: &str, domain: &str, percent: u64| {
            json!({
                "role": role,
                "project": project,
                "directory": name,
                "compose_files": ["compose.yml", "over.yml"],
                "env_files": [".env"],
                "domain": domain,
                "vault": {
                    "path": self.path(&format!("vault-{name}")),
                    "domain": format!("vault.{domain}"),
                },
                "access": {"kind": "public"},
                "share": {"percent": percent},
            })
        };
        json!({
            "record": "mkx.site/2",
            "name": "small",
            "state_directory": "state",
            "host": {"cpus": 4, "memory_bytes": 8_589_934_592_u64},
            "shared": {"network": self.network, "volumes": [self.shared()]},
            "environments": {
                "ea": environment("ea", "production", &self.ea, "small.test", 60),
                "eb": environment("eb", "development", &self.eb, "dev.small.test", 40),
            },
            "variables": {},
        })
    }

    /// The volume that belongs to neither.
    pub fn shared(&self) -> String {
        format!("{}-tls", self.tag)
    }

    /// The path without symlinks.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(relative)
    }

    pub fn write(&self, relative: &str, text: &str) {
        write(&self.path(relative), text);
    }

    fn tool(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mkx-compose"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("MKX_SITE")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.tool(arguments).output().unwrap()
    }

    /// The same where no engine answers.
    pub fn run_without_engine(&self, arguments: &[&str]) -> Output {
        let nowhere = format!("unix://{}", self.path("no.sock").display());
        let mut command = self.tool(arguments);
        command.env("DOCKER_HOST", nowhere).output().unwrap()
    }

    /// Expects the exit code, and gives what was said.
    #[track_caller]
    pub fn said(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        said
    }

    pub fn up(&self, environment: &str) {
        let confirmed = ["--confirm", "small.test"];
        self.said(&[&["up", environment][..], &confirmed].concat(), 0);
    }

    /// `docker run` or `docker create` of a container that sleeps and goes with the value.
    pub fn container(&self, verb: &[&str], name: &str, flags: &[&str]) {
        let label = format!("mkx-test={}", self.tag);
        let own = [
            "--name",
            name,
            "--label",
            &label,
            "--stop-signal",
            "SIGKILL",
        ];
        let asleep = ["debian:trixie-slim", "sleep", "infinity"];
        must(&[verb, &own, flags, &asleep].concat());
    }

    /// The status of a container; empty where it is not there.
    pub fn status(&self, name: &str) -> String {
        let asked = ["inspect", "--format", "{{.State.Status}}", name];
        docker(&asked).1.trim().to_owned()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let label = "label=com.docker.compose.project";
        let filters = [
            format!("label=mkx-test={}", self.tag),
            format!("{label}={}", self.ea),
            format!("{label}={}", self.eb),
        ];
        for filter in &filters {
            let left = docker(&["ps", "--all", "--quiet", "--filter", filter]).1;
            let left: Vec<&str> = left.split_whitespace().collect();
            if !left.is_empty() {
                let _ = docker(&[&["rm", "--force", "--volumes"][..], &left].concat());
            }
        }
        for kind in ["network", "volume"] {
            let filter = format!("name={}", self.tag);
            let left = docker(&[kind, "ls", "--quiet", "--filter", &filter]).1;
            for name in left.split_whitespace() {
                let _ = docker(&[kind, "rm", name]);
            }
        }
    }
}
