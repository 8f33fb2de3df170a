//! `split` on small files, each with one form: what comes out, and what is told.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// A checkout with a compose file and a site document, in a folder that goes with the value.
pub struct App {
    folder: tempfile::TempDir,
    pub file: &'static str,
}

impl App {
    pub fn new(text: &str) -> App {
        App::named("docker-compose.yml", text)
    }

    pub fn named(file: &'static str, text: &str) -> App {
        let folder = tempfile::tempdir().unwrap();
        let app = App { folder, file };
        app.save_site(&app.site());
        app.write(&format!("ea/{file}"), text);
        app
    }

    /// The folder stays.
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }

    /// All services of files beside the compose file, filled by one env file.
    pub fn resolve(&self, files: &[&str], env_file: &str) -> Output {
        let mut docker = Command::new("docker");
        docker.arg("compose").current_dir(self.path("ea"));
        for file in files {
            docker.args(["--file", file]);
        }
        docker.args(["--env-file", env_file, "--profile", "*"]);
        docker
            .args(["config", "--format", "json"])
            .output()
            .unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn site(&self) -> Value {
        let environment = |role: &str, over: &str, tag: &str, domain: &str, percent: u32| {
            json!({
                "role": role,
                "project": format!("shop-{over}"),
                "directory": tag,
                "compose_files": ["docker-compose.yml", format!("docker-compose.{over}.yml")],
                "env_files": [format!(".env.{over}")],
                "branch": "main",
                "domain": domain,
                "access": {"kind": "public"},
                "share": {"percent": percent},
            })
        };
        json!({
            "record": "mkx.site/2",
            "name": "shop",
            "state_directory": "state",
            "host": {"cpus": 4, "memory_bytes": 8_589_934_592_u64},
            "shared": {"network": "proxy", "volumes": []},
            "environments": {
                "ea": environment("production", "prod", "ea", "shop.example", 60),
                "eb": environment("development", "dev", "eb", "dev.shop.example", 40),
            },
        })
    }

    pub fn save_site(&self, site: &Value) {
        self.write("site.json", &site.to_string());
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_mkx-compose"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("MKX_SITE")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Splits, and returns what is told.
    #[track_caller]
    pub fn split(&self) -> String {
        let output = self.run(&["split", &format!("ea/{}", self.file)]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{told}");
        told
    }

    /// What Docker Compose resolves the result to.
    #[track_caller]
    pub fn config(&self, over: &str) -> Value {
        let output = self.compose(
            &["docker-compose.yml", &format!("docker-compose.{over}.yml")],
            over,
        );
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "run scripts/setup: {stderr}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn compose(&self, files: &[&str], over: &str) -> Output {
        let mut docker = Command::new("docker");
        docker.arg("compose").current_dir(self.path("ea"));
        for file in files {
            docker.args(["--file", file]);
        }
        let example = format!(".env.{over}.example");
        if !over.is_empty() {
            docker.args(["--env-file", &example]);
            let own = self.path("ea/.env.dev");
            if !own.exists() {
                std::fs::write(own, "").unwrap();
            }
        }
        docker
            .args(["config", "--format", "json"])
            .output()
            .unwrap()
    }
}

#[test]
fn a_former_name_is_followed_wherever_a_host_stands() {
    let app = App::new(
        "services:
  db:
    image: postgres:16
    container_name: app_db
    healthcheck: {test: [CMD, pg_isready, -h, app_db, -d, app_db]}
  vpn:
    image: alpine:3.20
    container_name: \"vpn\"
  app:
    image: alpine:3.20
    entrypoint: [wait-for, 'app_db:5432', --]
    command: nc -z app_db 5432
    environment:
      DB_HOST: app_db
      DB_NAME: app_db
      READ_HOST: ${READ_HOST:-app_db}
      DATABASE_URL: 'postgres://app_db:word@app_db/app_db'
    labels:
      - backup.container=app_db
    external_links: [app_db:db]
  joined:
    image: alpine:3.20
    network_mode: container:vpn
    pid: \"container:vpn\"
    volumes_from: [container:app_db:ro]
",
    );
    app.split();
    for (over, project) in [("prod", "shop-prod"), ("dev", "shop-dev")] {
        let model = app.config(over);
        let services = &model["services"];
        let name = format!("{project}-db");
        let environment = &services["app"]["environment"];
        assert_eq!(environment["DB_HOST"], name);
        assert_eq!(environment["DB_NAME"], "app_db");
        assert_eq!(environment["READ_HOST"], name);
        assert_eq!(
            environment["DATABASE_URL"],
            format!("postgres://app_db:word@{name}/app_db")
        );
        assert_eq!(
            services["db"]["healthcheck"]["test"],
            json!(["CMD", "pg_isready", "-h", name, "-d", "app_db"])
        );
        assert_eq!(services["app"]["entrypoint"][1], format!("{name}:5432"));
        assert_eq!(
            services["app"]["command"],
            json!(["nc", "-z", name, "5432"])
        );
        assert_eq!(services["app"]["labels"]["backup.container"], name);
        assert_eq!(
            services["app"]["external_links"],
            json!([format!("{name}:db")])
        );
        assert_eq!(services["joined"]["network_mode"], "service:vpn");
        assert_eq!(services["joined"]["pid"], "service:vpn");
        assert_eq!(services["joined"]["volumes_from"], json!(["db:ro"]));
    }
    let again = app.split();
    assert!(again.contains("is split already"), "{again}");
}

#[test]
fn what_cannot_be_followed_is_told_by_place() {
    let app = App::new(
        "services:
  db:
    image: postgres:16
    container_name: app_db
  app:
    image: alpine:3.20
    command: run --store app_db
    env_file: app.env
    environment: {DB_HOST: '${DB_HOST}'}
    volumes: ['./nginx:/etc/nginx:ro']
    configs: [pool]
configs: {pool: {file: ./pool.ini}}
",
    );
    app.write("ea/.env", "# Of the host.\nDB_HOST=app_db\n");
    app.write(
        "ea/app.env",
        "CACHE=x\nREPLICA_URL=postgres://app_db:5432/x\n",
    );
    app.write(
        "ea/nginx/conf.d/site.conf",
        "server {\n  proxy_pass http://app_db:80;\n}\n",
    );
    app.write("ea/pool.ini", "[x]\nhost=app_db port=5432\n");
    let told = app.split();
    let folder = app.path("ea").display().to_string();
    for place in [
        "/.env:2 (DB_HOST) says app_db",
        "/app.env:2 (REPLICA_URL) says app_db",
        "/nginx/conf.d/site.conf:2 says app_db",
        "/pool.ini:2 says app_db",
    ] {
        assert!(
            told.contains(&format!("{folder}{place}")),
            "{place}: {told}"
        );
    }
    assert!(
        told.contains(
            "services.app.command says app_db, which is called ${COMPOSE_PROJECT_NAME}-db now"
        ),
        "{told}"
    );
    assert!(
        app.read("ea/.env.prod.example")
            .contains("DB_HOST=shop-prod-db")
    );
    assert!(
        app.read("ea/.env.dev.example")
            .contains("DB_HOST=shop-dev-db")
    );
}

#[test]
fn names_on_the_shared_network_get_their_project() {
    let app = App::new(
        "x-env: &env
  API: http://api:8000/x
services:
  api:
    image: alpine:3.20
    networks:
      default:
      proxy:
        aliases: [backend, api]
  web:
    image: alpine:3.20
    container_name: web
    environment: {<<: *env, API_HOST: backend, ROLE: api}
    labels:
      caddy: shop.example
      caddy.handle.reverse_proxy: api:8000
    networks: [proxy]
  jobs:
    image: alpine:3.20
    environment: {API: 'http://api:8000'}
  many:
    image: alpine:3.20
    deploy: {replicas: 2}
    networks: [proxy]
networks:
  proxy:
    external: true
",
    );
    let told = app.split();
    let model = app.config("dev");
    let services = &model["services"];
    assert_eq!(services["api"]["container_name"], "shop-dev-api");
    assert_eq!(
        services["api"]["networks"]["proxy"]["aliases"],
        json!(["shop-dev-backend", "shop-dev-api"])
    );
    let environment = &services["web"]["environment"];
    assert_eq!(environment["API"], "http://shop-dev-api:8000/x");
    assert_eq!(environment["API_HOST"], "shop-dev-api");
    assert_eq!(environment["ROLE"], "api");
    assert_eq!(
        services["web"]["labels"]["caddy.handle.reverse_proxy"],
        "shop-dev-api:8000"
    );
    // On the project's own network nobody else answers.
    assert_eq!(services["jobs"]["environment"]["API"], "http://api:8000");
    assert!(
        told.contains("many has no container_name, since it has several containers"),
        "{told}"
    );
}

#[test]
fn secrets_and_configs_are_each_environments_own() {
    let app = App::new(
        "services:
  app:
    image: alpine:3.20
    secrets: [word, key]
    configs: [app]
secrets:
  word: {file: ./word.txt}
  key:
    file: /etc/shop/key.pem
configs:
  app: {file: ./app.conf}
",
    );
    app.split();
    let file = |over: &str| app.config(over)["secrets"]["key"]["file"].clone();
    assert_eq!(file("prod"), "/etc/shop/key.pem");
    assert_eq!(file("dev"), "/etc/shop/key.pem-dev");
}

#[test]
fn every_form_of_a_port_is_developments_own() {
    let app = App::new(
        "x-web: &web
  ports: ['127.0.0.1:1:1', '[::1]:8080:80']
services:
  web:
    <<: *web
    image: alpine:3.20
  base:
    image: alpine:3.20
    ports: ['7000-7002:7000-7002']
  extended:
    extends: {service: base}
    image: alpine:3.20
    ports: !override ['7100:7100']
  own:
    image: alpine:3.20
    ports:
      - 9000-9003:90/udp
      - '[::1]:9090:91'
      - ${OWN_PORT:-9100}:92
      - 93
",
    );
    app.split();
    let published = |over: &str| {
        let model = app.config(over);
        let services = model["services"].as_object().unwrap().clone();
        let ports = services
            .into_iter()
            .flat_map(|(_, one)| one["ports"].as_array().cloned().unwrap_or_default());
        let ports = ports.filter_map(|port| port["published"].as_str().map(str::to_owned));
        ports.collect::<Vec<_>>()
    };
    let (ea, eb) = (published("prod"), published("dev"));
    assert_eq!(ea.len(), 9, "{ea:?}");
    assert_eq!(eb.len(), 9, "{eb:?}");
    assert!(eb.iter().all(|port| !ea.contains(port)), "{ea:?} {eb:?}");
    let model = app.config("dev");
    assert_eq!(model["services"]["web"]["ports"][1]["host_ip"], "::1");
}

#[test]
fn a_static_subnet_is_productions_alone() {
    let app = App::new(
        "services:
  a:
    image: alpine:3.20
    networks:
      inner:
        # The router knows it.
        ipv4_address: 172.30.7.4
        aliases: [one]
  b:
    image: alpine:3.20
    networks: {inner: {ipv4_address: 172.30.7.5}}
networks:
  inner:
    driver: bridge
    # Of our own.
    ipam:
      config:
        - subnet: 172.30.7.0/24
",
    );
    app.split();
    let (ea, eb) = (app.config("prod"), app.config("dev"));
    assert_eq!(
        ea["networks"]["inner"]["ipam"]["config"][0]["subnet"],
        "172.30.7.0/24"
    );
    assert_eq!(
        ea["services"]["a"]["networks"]["inner"]["ipv4_address"],
        "172.30.7.4"
    );
    assert_eq!(
        ea["services"]["b"]["networks"]["inner"]["ipv4_address"],
        "172.30.7.5"
    );
    assert!(!eb.to_string().contains("172.30.7"), "{eb:#}");
    assert!(
        app.read("ea/docker-compose.prod.yml")
            .contains("# Of our own.")
    );
}

#[test]
fn what_lies_in_other_files_is_told() {
    let app = App::new(
        "include: [inc/more.yml]
services:
  a:
    extends: {file: inc/base.yml, service: k}
    image: alpine:3.20
",
    );
    app.write("ea/inc/more.yml", "services:\n  o:\n    image: alpine:3.20\n    ports: ['81:80']\n    volumes: [data:/data]\nvolumes:\n  data:\n");
    app.write(
        "ea/inc/base.yml",
        "services:\n  k:\n    container_name: kk\n    ports: ['82:80']\n",
    );
    let told = app.split();
    assert!(
        told.contains("o has the host's ports 81 from an included file"),
        "{told}"
    );
    assert!(
        told.contains("a has the host's ports 82 from inc/base.yml"),
        "{told}"
    );
    assert!(
        told.contains("a has the container's name kk from inc/base.yml"),
        "{told}"
    );
    assert_eq!(app.config("prod")["volumes"]["data"]["name"], "ea_data");
}

#[test]
fn an_env_file_of_a_service_reaches_development_as_its_own() {
    let app = App::new(
        "x-app: &app
  image: alpine:3.20
  env_file: .env.production
services:
  app: {<<: *app}
  jobs:
    <<: *app
    env_file:
      - path: .env.jobs
        required: false
  db:
    image: postgres:16
    env_file: [.env.production]
",
    );
    app.write(
        "ea/.env.production",
        "SECRET_KEY_BASE=leak-0123456789\nLOCAL_DOMAIN=shop.example\nDB_POOL=5\n",
    );
    app.write("ea/.env.jobs", "DB_POOL=9\n");
    let told = app.split();
    assert!(told.contains("differ in DB_POOL"), "{told}");
    let example = app.read("ea/.env.dev.example");
    assert!(example.contains("SECRET_KEY_BASE=CHANGE_ME"), "{example}");
    assert!(
        example.contains("LOCAL_DOMAIN=dev.shop.example"),
        "{example}"
    );
    assert!(!app.read("ea/.env.prod.example").contains("SECRET_KEY_BASE"));
    app.write("ea/.env.dev", "LOCAL_DOMAIN=dev.shop.example\n");
    let (ea, eb) = (app.config("prod"), app.config("dev"));
    for service in ["app", "db"] {
        assert_eq!(
            ea["services"][service]["environment"]["LOCAL_DOMAIN"],
            "shop.example"
        );
    }
    assert_eq!(ea["services"]["jobs"]["environment"]["DB_POOL"], "9");
    for service in ["app", "jobs", "db"] {
        let environment = &eb["services"][service]["environment"];
        assert_eq!(environment["LOCAL_DOMAIN"], "dev.shop.example");
        assert!(environment["SECRET_KEY_BASE"].is_null());
    }
    // Development's env file is made from that of the services too.
    app.write("ea/.env.prod", &app.read("ea/.env.prod.example"));
    std::fs::remove_file(app.path("ea/.env.dev")).unwrap();
    let made = app.run(&["env", "new", "eb", "--output", "ea/.env.dev"]);
    assert_eq!(
        made.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let made = app.read("ea/.env.dev");
    assert!(
        made.contains("SECRET_KEY_BASE=") && !made.contains("leak-"),
        "{made}"
    );
}

#[test]
fn the_base_alone_is_refused() {
    for text in [
        "services:\n  a:\n    image: alpine:3.20\n    environment: [SITE=shop.example]\n",
        "# Ours.\nservices: {a: {image: 'alpine:3.20'}}\n",
    ] {
        let app = App::new(text);
        app.split();
        app.config("prod");
        app.config("dev");
        let alone = app.compose(&["docker-compose.yml"], "");
        let stderr = String::from_utf8_lossy(&alone.stderr);
        assert!(
            !alone.status.success() && stderr.contains("give --"),
            "{stderr}"
        );
    }
}

#[test]
fn the_files_are_called_as_the_site_calls_them() {
    let app = App::named("compose.yaml", "services: {a: {image: 'alpine:3.20'}}\n");
    let mut site = app.site();
    for (environment, over) in [("ea", "compose.live.yaml"), ("eb", "compose.override.yaml")] {
        site["environments"][environment]["compose_files"] = json!(["compose.yaml", over]);
    }
    app.save_site(&site);
    let dry = app.run(&["split", "ea/compose.yaml", "--dry-run"]);
    let said = String::from_utf8_lossy(&dry.stderr);
    assert!(
        said.contains("ea/compose.yaml would be kept beside the new one"),
        "{said}"
    );
    app.split();
    assert!(
        app.read("ea/compose.live.yaml")
            .contains("--file compose.yaml --file compose.live.yaml")
    );
    assert!(app.path("ea/compose.override.yaml").exists());
    assert!(!app.path("ea/docker-compose.yml").exists());
    // Others' files are not replaced unasked, and the dry run says so.
    app.write("ea/compose.live.yaml", "services: {}\n");
    app.write("ea/compose.yaml", "services: {a: {image: 'alpine:3.20'}}\n");
    let dry = app.run(&["split", "ea/compose.yaml", "--dry-run"]);
    let said = String::from_utf8_lossy(&dry.stderr);
    assert!(
        said.contains("this is refused: cannot write") && said.contains("--force"),
        "{said}"
    );
    assert_eq!(
        app.run(&["split", "ea/compose.yaml"]).status.code(),
        Some(5)
    );
    assert_eq!(app.read("ea/compose.live.yaml"), "services: {}\n");
}

#[test]
fn line_ends_and_a_byte_order_mark_stay() {
    let text = "\u{feff}# Ours.\nservices:\n  a:\n    image: alpine:3.20\n    ports:\n      - '80:80'\n    command: |\n      one\n      two\n";
    let app = App::new(&text.replace('\n', "\r\n"));
    app.split();
    let base = app.read("ea/docker-compose.yml");
    assert!(base.starts_with("\u{feff}# Ours.\r\n"), "{base:?}");
    for name in ["docker-compose.yml", "docker-compose.prod.yml"] {
        let text = app.read(&format!("ea/{name}"));
        assert_eq!(
            text.matches('\n').count(),
            text.matches("\r\n").count(),
            "{text:?}"
        );
    }
    assert_eq!(
        app.config("prod")["services"]["a"]["ports"][0]["published"],
        "80"
    );
}

#[test]
fn limits_hold_what_processes_are_told_to_take() {
    let services: String = (0..12)
        .map(|index| format!("  s{index}:\n    image: alpine:3.20\n"))
        .collect();
    let app = App::new(&format!(
        "services:
  cache:
    image: redis:7
    command: redis-server --maxmemory 256mb --maxmemory-policy noeviction
  search:
    image: search:1
    environment: {{JAVA_OPTS: -Xmx512m}}
{services}"
    ));
    app.split();
    let model = app.config("dev");
    let mut sum = 0;
    for (name, service) in model["services"].as_object().unwrap() {
        let limits = &service["deploy"]["resources"]["limits"];
        assert!(limits["cpus"].as_f64().unwrap() >= 0.05, "{name}");
        let memory: u64 = limits["memory"].as_str().unwrap().parse().unwrap();
        sum += memory;
        match name.as_str() {
            "cache" => assert!(memory > 256 << 20),
            "search" => assert!(memory > 512 << 20),
            _ => assert!(memory > 100 << 20, "{name}"),
        }
    }
    assert!(sum <= 8_589_934_592 * 4 / 10);
}

#[test]
fn developments_vault_is_behind_developments_host() {
    let app = App::new(
        "services:
  site:
    image: alpine:3.20
    labels:
      caddy: shop.example
      caddy.reverse_proxy: '{{upstreams 80}}'
      caddy_1: http://vault.shop.example
      caddy_1.root: '* /srv/vault'
      caddy_1.file_server:
    networks: [proxy]
  files:
    image: nginx:1.27
    volumes: ['/mnt/vault:/usr/share/nginx/html:ro']
  caddy:
    image: caddy:2.8
    volumes:
      - /mnt/vault:/srv/vault:ro
      - data:/data # keys
    networks: [proxy]
networks:
  proxy: {external: true}
volumes:
  data:
",
    );
    let mut site = app.site();
    site["environments"]["ea"]["vault"] =
        json!({"path": "/mnt/vault", "domain": "vault.shop.example"});
    site["environments"]["eb"]["vault"] =
        json!({"path": "/mnt/vault-dev", "domain": "vault-dev.shop.example"});
    site["environments"]["eb"]["access"] =
        json!({"kind": "basic_auth", "users_file": "users", "public_paths": []});
    app.save_site(&site);
    app.split();
    let (ea, eb) = (app.config("prod"), app.config("dev"));
    let labels = &eb["services"]["site"]["labels"];
    assert_eq!(labels["caddy_1"], "http://vault-dev.shop.example");
    assert_eq!(labels["caddy_1.root"], "* /srv/vault-dev");
    assert_eq!(
        ea["services"]["site"]["labels"]["caddy_1.root"],
        "* /srv/vault"
    );
    assert!(labels["caddy.basic_auth"].is_string());
    assert!(labels["caddy_1.basic_auth"].is_null(), "{labels:#}");
    assert!(labels["caddy_1.header.X-Robots-Tag"].is_string());
    assert_eq!(
        eb["services"]["files"]["volumes"][0]["source"],
        "/mnt/vault-dev"
    );
    let mounts = ea["services"]["caddy"]["volumes"].to_string();
    assert!(
        mounts.contains("\"/srv/vault-dev\"") && mounts.contains("\"/srv/vault\""),
        "{mounts}"
    );
}
