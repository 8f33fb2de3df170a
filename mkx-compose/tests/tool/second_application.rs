//! An application of another kind, written by another hand: a PHP shop with MariaDB behind Traefik,
//! which runs from one file. From nothing to two environments side by side.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

use crate::containers::{docker, free_ports, must};

const IMAGES: [&str; 3] = ["traefik:v3.1", "monica:4-apache", "mariadb:11.4"];

/// The shop's checkout, what is on the engine for it, and both go with the value.
struct Shop {
    folder: tempfile::TempDir,
    name: String,
    ports: [u16; 7],
}

impl Drop for Shop {
    fn drop(&mut self) {
        for project in [self.name.clone(), format!("{}-dev", self.name)] {
            let of = format!("label=com.docker.compose.project={project}");
            for container in docker(&["ps", "--all", "--quiet", "--filter", &of])
                .1
                .split_whitespace()
            {
                let _ = docker(&["rm", "--force", "--volumes", container]);
            }
            for kind in ["network", "volume"] {
                for name in docker(&[kind, "ls", "--quiet", "--filter", &of])
                    .1
                    .split_whitespace()
                {
                    let _ = docker(&[kind, "rm", name]);
                }
            }
        }
        let _ = docker(&["network", "rm", &self.network()]);
        for image in IMAGES {
            let _ = docker(&["rmi", "--no-prune", &format!("{}/{image}", self.name)]);
        }
    }
}

impl Shop {
    fn new() -> Shop {
        let shop = Shop {
            folder: tempfile::tempdir().unwrap(),
            name: format!("mkxshop{}", std::process::id()),
            ports: free_ports(),
        };
        for image in IMAGES {
            must(&[
                "tag",
                "debian:trixie-slim",
                &format!("{}/{image}", shop.name),
            ]);
        }
        must(&["network", "create", &shop.network()]);
        std::fs::create_dir_all(shop.path("storage")).unwrap();
        shop.write("docker-compose.yml", &shop.compose_file());
        shop.write(
            ".env",
            "APP_ENV=production\nAPP_KEY=base64:3x8Zq1LmPq40XyZw83Kd9f8Ab7Qz61Lm\nDB_PASSWORD=correct-horse-battery\nMAIL_FROM=hello@people.example\n",
        );
        shop
    }

    fn network(&self) -> String {
        format!("{}-edge", self.name)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(&self.name).join(name)
    }

    fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o600)).unwrap();
    }

    fn compose_file(&self) -> String {
        include_str!("../second-application/docker-compose.yml")
            .replace("@NAME@", &self.name)
            .replace("@NETWORK@", &self.network())
            .replace("@PORT@", &self.ports[0].to_string())
    }

    fn shell(&self, command: &str) -> Output {
        let tools = PathBuf::from(env!("CARGO_BIN_EXE_mkx-compose"));
        let path = std::env::var("PATH").unwrap();
        Command::new("bash")
            .args(["-o", "pipefail", "-ec", command])
            .current_dir(self.path(""))
            .env(
                "PATH",
                format!("{}:{path}", tools.parent().unwrap().display()),
            )
            .env_remove("MKX_SITE")
            .output()
            .unwrap()
    }

    /// What a command that a person types prints.
    #[track_caller]
    fn run(&self, command: &str) -> String {
        let output = self.shell(command);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{command}: {stderr}{}",
            String::from_utf8_lossy(&output.stdout)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// The errors of an audit, as `rule subject`.
    fn errors(&self, command: &str) -> Vec<String> {
        let output = self.shell(command);
        let audit: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = audit["findings"].as_array().unwrap().iter();
        findings
            .filter(|one| one["severity"] == "error")
            .map(|one| format!("{} {}", one["rule"], one["subject"]).replace('"', ""))
            .collect()
    }
}

#[test]
fn a_shop_behind_traefik_becomes_two_environments_side_by_side() {
    let shop = Shop::new();
    let (name, port) = (&shop.name, shop.ports[0]);
    shop.run("docker compose up --detach --quiet-pull");

    // Three commands to an audit that says what both would share.
    // The journal of a site lies under /var/lib; this one's goes with the test.
    let state = "jq '.state_directory = \"../state\"' site.json > site && mv site site.json";
    shop.run(&format!(
        "mkx-compose init --from docker-compose.yml && {state}"
    ));
    shop.run(&format!("cp -a . ../{name}-dev"));
    let shared = shop.errors("mkx-compose audit");
    for expected in [
        format!("host-port {port}"),
        "container-name proxy".replace("proxy", &format!("{name}-proxy")),
        "secret-value DB_PASSWORD".into(),
        "edge-host people.example".into(),
        "docker-socket proxy".into(),
    ] {
        assert!(shared.contains(&expected), "{expected}: {shared:?}");
    }
    let site: Value = serde_json::from_str(&shop.run("cat site.json")).unwrap();
    let eb = &site["environments"]["eb"];
    assert_eq!(site["environments"]["ea"]["project"], *name);
    assert_eq!(eb["domain"], "dev.people.example");
    assert!(eb["database"].is_null() && eb["mqtt"].is_null() && eb["vault"].is_null());
    assert_eq!(site["shared"]["edge"]["service"], "proxy");
    assert_eq!(site["shared"]["network"], shop.network().as_str());

    // Kept apart, by what split writes.
    shop.run("mkx-compose split docker-compose.yml --force");
    shop.run("(cat .env; grep --extended-regexp '^SITE_DOMAIN=' .env.prod.example) > .env.prod && chmod 600 .env.prod");
    shop.run(&format!(
        "cp -a .env.prod .env.*.example docker-compose*.yml ../{name}-dev/"
    ));
    shop.run(&format!(
        "mkx-compose init --from docker-compose.yml --force && {state}"
    ));
    shop.run("mkx-compose env new eb");
    assert_eq!(shop.errors("mkx-compose audit"), Vec::<String>::new());

    // Production goes on under its project, development beside it.
    shop.run("mkx-compose render ea >/dev/null");
    shop.run(&format!("mkx-compose render eb | docker compose --project-name {name}-dev --file - up --detach --quiet-pull"));
    shop.run("mkx-compose up ea --confirm people.example");
    assert_eq!(
        shop.errors("mkx-compose audit --live"),
        Vec::<String>::new()
    );
    for environment in ["ea", "eb"] {
        shop.run(&format!("mkx-compose drift {environment}"));
    }
    let running = shop.run("mkx-compose ps eb | jq --raw-output '.containers[].service'");
    assert_eq!(running, "app\ndb\n");
}
