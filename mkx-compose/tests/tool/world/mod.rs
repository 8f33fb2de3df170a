//! Two checkouts of the small Makapix of `tests/stack`, with env files and a site document, in a
//! folder that goes with the value.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// What is free to choose, so that worlds can run side by side.
pub struct Names {
    pub ea: String,
    pub eb: String,
    pub network: String,
    pub pg_volume: String,
    pub edge_volume: String,
    /// EA's database, TLS, plain, EB's the same, the edge.
    pub ports: [u16; 7],
}

impl Default for Names {
    fn default() -> Names {
        Names {
            ea: "makapix-prod".into(),
            eb: "makapix-dev".into(),
            network: "caddy_net".into(),
            pg_volume: "makapix_pg_data".into(),
            edge_volume: "makapix-stack_caddy_data".into(),
            ports: [5432, 8883, 1883, 5433, 8884, 1884, 8080],
        }
    }
}

pub struct World {
    folder: tempfile::TempDir,
    pub names: Names,
}

impl World {
    pub fn new() -> World {
        World::named(Names::default())
    }

    pub fn named(names: Names) -> World {
        let world = World {
            folder: tempfile::tempdir().unwrap(),
            names,
        };
        let stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/stack");
        for (name, example, own) in [
            ("makapix", ".env.prod.example", ".env.prod"),
            ("makapix-dev", ".env.dev.example", ".env.dev"),
        ] {
            let checkout = world.path(name);
            copy(&stack, &checkout);
            let text = std::fs::read_to_string(stack.join("deploy/stack").join(example)).unwrap();
            let text = world.filled(&text, name == "makapix");
            write(&checkout.join("deploy/stack").join(own), &text);
        }
        for vault in ["vault-1", "vault-dev", "state"] {
            std::fs::create_dir(world.path(vault)).unwrap();
        }
        world.save_site(&world.site());
        world
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    fn filled(&self, text: &str, is_ea: bool) -> String {
        let names = &self.names;
        let ports = &names.ports[if is_ea { 0 } else { 3 }..];
        let tag = if is_ea { "ea" } else { "eb" };
        let vault = self.path(if is_ea { "vault-1" } else { "vault-dev" });
        let mut values: BTreeMap<&str, String> = [
            ("DB_PUBLISHED_PORT", ports[0].to_string()),
            ("MQTT_PUBLIC_PORT", ports[1].to_string()),
            ("MQTT_PLAIN_PORT", ports[2].to_string()),
            ("VAULT_HOST_PATH", vault.display().to_string()),
            ("EDGE_NETWORK", names.network.clone()),
            ("EDGE_VOLUME", names.edge_volume.clone()),
            ("EDGE_PORT", names.ports[6].to_string()),
            ("EDGE_EB_PROJECT", names.eb.clone()),
            ("PG_VOLUME", names.pg_volume.clone()),
            (
                "SQIDS_ALPHABET",
                "k3G7QAe51FCsPW92uEOyq4Bg6Sp8YzVTmnU0liwDdHXLajZrfxNhobJIRcMvKt".into(),
            ),
        ]
        .into();
        values.insert("GITHUB_OAUTH_CLIENT_ID", format!("client-of-{tag}"));
        for secret in [
            "DB_ADMIN_PASSWORD",
            "DB_API_WORKER_PASSWORD",
            "JWT_SECRET_KEY",
            "GITHUB_OAUTH_CLIENT_SECRET",
            "MQTT_PASSWORD",
        ] {
            values.insert(secret, canary(tag, secret));
        }
        let lines = text.lines().map(|line| match line.split_once('=') {
            Some((name, _)) if values.contains_key(name) => format!("{name}={}\n", values[name]),
            _ => format!("{line}\n"),
        });
        lines.collect()
    }

    pub fn site(&self) -> Value {
        let names = &self.names;
        let environment = |is_ea: bool| {
            let (role, project, checkout, over, env, branch, domain, vault) = if is_ea {
                (
                    "production",
                    &names.ea,
                    "makapix",
                    "prod",
                    ".env.prod",
                    "main",
                    "makapix.test",
                    "vault-1",
                )
            } else {
                (
                    "development",
                    &names.eb,
                    "makapix-dev",
                    "dev",
                    ".env.dev",
                    "develop",
                    "development.makapix.test",
                    "vault-dev",
                )
            };
            let ports = &names.ports[if is_ea { 0 } else { 3 }..];
            let access = if is_ea {
                json!({"kind": "public"})
            } else {
                json!({"kind": "basic_auth", "users_file": "users", "public_paths": ["/api/*"]})
            };
            json!({
                "role": role,
                "project": project,
                "directory": checkout,
                "compose_files": [
                    "deploy/stack/docker-compose.yml",
                    format!("deploy/stack/docker-compose.{over}.yml"),
                ],
                "env_files": [format!("deploy/stack/{env}")],
                "branch": branch,
                "domain": domain,
                "database": {
                    "url": format!("postgresql://owner@127.0.0.1:{}/makapix", ports[0]),
                    "password": {"env_file": "DB_ADMIN_PASSWORD"},
                },
                "vault": {"path": vault, "domain": format!("{vault}.{domain}")},
                "mqtt": {
                    "host": format!("{project}-mqtt"),
                    "public_host": domain,
                    "port": ports[1],
                    "plain_port": ports[2],
                    "certificate_directory": "mqtt/certs",
                    "config_directory": "mqtt/config",
                    "service": {"user": "svc_backend", "password": {"env_file": "MQTT_PASSWORD"}},
                },
                "oauth": {
                    "client_id_variable": "GITHUB_OAUTH_CLIENT_ID",
                    "client_secret_variable": "GITHUB_OAUTH_CLIENT_SECRET",
                    "callback_variable": "GITHUB_REDIRECT_URI",
                    "callback": format!("http://{domain}/api/auth/github/callback"),
                    "login_path": "/api/auth/github/login",
                },
                "access": access,
                "share": {"percent": if is_ea { 60 } else { 40 }},
                "health_url": format!("http://{domain}/api/health"),
            })
        };
        let rule = |rule: &str| json!({"rule": rule, "required": true});
        json!({
            "record": "mkx.site/2",
            "name": "makapix",
            "state_directory": "state",
            "host": {"cpus": 4, "memory_bytes": 8_589_934_592_u64},
            "shared": {"network": names.network, "volumes": [names.edge_volume]},
            "environments": {"ea": environment(true), "eb": environment(false)},
            "variables": {
                "DB_ADMIN_PASSWORD": rule("differ"),
                "DB_API_WORKER_PASSWORD": rule("differ"),
                "JWT_SECRET_KEY": rule("differ"),
                "MQTT_PASSWORD": rule("differ"),
                "SQIDS_ALPHABET": {"rule": "equal", "required": true, "secret": true},
                "GITHUB_OAUTH_CLIENT_ID": {"rule": "differ", "required": true, "ask": "register an app"},
                "GITHUB_OAUTH_CLIENT_SECRET": {"rule": "differ", "required": true, "ask": "see there"},
                "GITHUB_REDIRECT_URI": rule("differ"),
                "ENVIRONMENT": {"rule": "differ", "ea": "production", "eb": "development"},
                "BASE_URL": rule("differ"),
                "SENTRY_DSN": {"rule": "differ", "eb": ""},
            },
        })
    }

    pub fn save_site(&self, site: &Value) {
        write(
            &self.path("site.json"),
            &serde_json::to_string_pretty(site).unwrap(),
        );
    }

    /// Replaces the one occurrence of `from` in a file.
    #[track_caller]
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {file}");
        write(&path, &text.replace(from, to));
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_mkx-compose"))
            .args(arguments)
            .current_dir(self.root())
            .env_remove("MKX_SITE")
            .env("VAULT_HOST_PATH", "/from/the/shell")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs, expects the exit code, and reads the record.
    #[track_caller]
    pub fn record(&self, arguments: &[&str], code: i32) -> Value {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{stderr}{}",
            String::from_utf8_lossy(&output.stdout)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// A secret's value in an environment.
pub fn canary(tag: &str, name: &str) -> String {
    format!(
        "canary-{tag}-{}",
        name.to_ascii_lowercase().replace('_', "-")
    )
}

pub fn write(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    let mode = if path
        .file_name()
        .unwrap()
        .to_string_lossy()
        .starts_with(".env")
    {
        0o600
    } else {
        0o644
    };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
