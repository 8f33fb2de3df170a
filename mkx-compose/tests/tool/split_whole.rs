//! From one file to two environments: what `split` writes is rendered, resolved and audited clean,
//! for applications of three shapes; and a split that is cut off can be repeated.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::split_forms::App;

/// Splits, brings development's checkout up, fills both env files in, and looks with every verb.
#[track_caller]
fn check(app: &App, files: &[&str]) -> Value {
    app.split();
    let own = app.read("ea/.env");
    let example = app.read("ea/.env.prod.example");
    app.write("ea/.env.prod", &format!("{example}{own}"));
    for name in [&["docker-compose.yml", "docker-compose.dev.yml"], files].concat() {
        app.write(&format!("eb/{name}"), &app.read(&format!("ea/{name}")));
    }
    let made = app.run(&["env", "new", "eb"]);
    let said = String::from_utf8_lossy(&made.stderr);
    assert_eq!(made.status.code(), Some(0), "{said}");
    let hash = "BASIC_AUTH_HASH='$2b$10$7Wt0Ssz1hcXsTSVHvnO9Qe8zN1q0nYIvV6Oq1tBpX3Q8nq0nTnWeu'\n";
    let filled = app
        .read("eb/.env.dev")
        .replace("BASIC_AUTH_HASH=CHANGE_ME\n", hash);
    app.write(
        "eb/.env.dev",
        &filled.replace("CHANGE_ME", "chosen-by-hand-7"),
    );
    let audit = app.run(&["audit"]);
    let record: Value = serde_json::from_slice(&audit.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&audit.stderr)));
    let findings = record["findings"].as_array().unwrap().iter();
    let errors: Vec<&Value> = findings.filter(|one| one["severity"] == "error").collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(audit.status.code(), Some(0), "{record:#}");
    for environment in ["ea", "eb"] {
        let rendered = app.run(&["render", environment]);
        let said = String::from_utf8_lossy(&rendered.stderr);
        assert_eq!(rendered.status.code(), Some(0), "{environment}: {said}");
        assert!(!String::from_utf8_lossy(&rendered.stdout).contains("canary"));
    }
    serde_json::from_slice(&app.run(&["render", "eb"]).stdout).unwrap()
}

#[test]
fn the_applications_own_file() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/large");
    let app = App::named(
        "compose.yml",
        &std::fs::read_to_string(corpus.join("compose.yml"))
            .unwrap()
            .replace("../../", "./"),
    );
    let mut site = app.site();
    site["shared"] = json!({"network": "caddy_net", "volumes": ["makapix-stack_caddy_data", "makapix-stack_caddy_config"]});
    for (name, vault, domain, ports) in [
        ("ea", "vault-1", "makapix.club", [8883, 1883]),
        ("eb", "vault-dev", "development.makapix.club", [8884, 1884]),
    ] {
        let environment = &mut site["environments"][name];
        environment["domain"] = domain.into();
        environment["vault"] = json!({"path": format!("/mnt/{vault}"), "domain": format!("{}.makapix.club", vault.replace("-1", ""))});
        environment["mqtt"] = json!({"host": "x", "public_host": domain, "port": ports[0], "plain_port": ports[1], "certificate_directory": "mqtt/certs", "config_directory": "mqtt/config", "service": {"user": "svc", "password": {"env_file": "MQTT_PASSWORD"}}});
    }
    site["environments"]["eb"]["access"] =
        json!({"kind": "basic_auth", "users_file": "users", "public_paths": ["/api/*"]});
    site["environments"]["ea"]["mqtt"]["host"] = "shop-prod-mqtt".into();
    site["environments"]["eb"]["mqtt"]["host"] = "shop-dev-mqtt".into();
    app.save_site(&site);
    let secrets = [
        "DB_ADMIN_PASSWORD",
        "DB_API_WORKER_PASSWORD",
        "MQTT_PASSWORD",
        "HEALTHCHECKS_PING_KEY",
    ];
    let secrets: String = secrets
        .iter()
        .map(|name| format!("{name}=canary-{name}\n"))
        .collect();
    app.write(
        "ea/.env",
        &format!("{secrets}DB_DATABASE=makapix\nDB_ADMIN_USER=owner\nDB_API_WORKER_USER=worker\n"),
    );
    let model = check(&app, &[]);
    assert_eq!(
        model["services"]["api"]["environment"]["MQTT_BROKER_HOST"],
        "shop-dev-mqtt"
    );
    assert!(model["services"].get("caddy").is_none());
}

#[test]
fn lists_env_files_and_names_without_a_project() {
    let app = App::new(
        "services:
    database:
        image: mariadb:11.4
        container_name: mariadb
        restart: always
        environment:
            - MARIADB_DATABASE=cloud
            - MARIADB_USER=cloud
            - MARIADB_PASSWORD=${DB_PASS}
            - MARIADB_ROOT_PASSWORD=${DB_ROOT_PASS}
        volumes:
            - db:/var/lib/mysql
    cache:
        image: redis:7.4-alpine
        container_name: redis
        command: redis-server --maxmemory 256mb --maxmemory-policy noeviction
    app:
        image: nextcloud:29.0-apache
        container_name: nextcloud
        env_file:
            - ./app.env
        environment:
            - MYSQL_HOST=mariadb
            - REDIS_HOST=redis
            - OVERWRITEHOST=shop.example
        ports:
            - 127.0.0.1:8080:80
        volumes:
            - html:/var/www/html
            - /srv/cloud/data:/data
        networks:
            - default
            - proxy
    cron:
        image: nextcloud:29.0-apache
        network_mode: container:nextcloud
        entrypoint: /cron.sh
        volumes_from:
            - container:nextcloud
    push:
        image: ghcr.io/example/push:2.1
        environment:
            - NEXTCLOUD_URL=http://app:80
        networks: [proxy]
networks:
    proxy:
        external: true
volumes:
    db:
    html:
        name: nextcloud_html
",
    );
    app.write("ea/.env", "DB_PASS=canary-db\nDB_ROOT_PASS=canary-root\n");
    app.write(
        "ea/app.env",
        "SMTP_HOST=smtp.example\nSMTP_PASSWORD=canary-smtp\n",
    );
    let model = check(&app, &[]);
    let services = &model["services"];
    assert_eq!(
        services["app"]["environment"]["MYSQL_HOST"],
        "shop-dev-database"
    );
    assert_eq!(services["app"]["environment"]["SMTP_HOST"], "smtp.example");
    assert_eq!(services["cron"]["network_mode"], "service:app");
    assert_eq!(
        services["push"]["environment"]["NEXTCLOUD_URL"],
        "http://shop-dev-app:80"
    );
    assert_eq!(services["app"]["ports"][0]["published"], "8081");
    let memory = &services["cache"]["deploy"]["resources"]["limits"]["memory"];
    assert!(memory.as_str().unwrap().parse::<u64>().unwrap() > 256 << 20);
}

#[test]
fn anchors_secrets_configs_and_a_subnet() {
    let app = App::new(
        "x-base: &base
  restart: unless-stopped
  logging: &logging {driver: json-file, options: {max-size: 5m}}
x-rails: &rails
  <<: *base
  image: ghcr.io/example/web:4.2.1
  env_file: [.env.production]
  environment: &rails-env
    LOCAL_DOMAIN: shop.example
    DB_HOST: db
  secrets: [key]
  networks:
    inner:
services:
  db:
    <<: *base
    image: postgres:16.4-alpine
    environment: {POSTGRES_PASSWORD_FILE: /run/secrets/word}
    secrets:
      - source: word
        target: word
    configs: [{source: tuning, target: /etc/postgresql/tuning.conf}]
    volumes: [rows:/var/lib/postgresql/data]
    networks:
      inner: {ipv4_address: 172.29.3.10}
  web:
    <<: *rails
    command: bundle exec puma --bind tcp://0.0.0.0:3000
    ports: ['127.0.0.1:3000:3000', '[::1]:3000:3000']
    healthcheck: {test: [CMD-SHELL, 'curl -fs http://localhost:3000/health']}
    depends_on: {db: {condition: service_started}}
  sidekiq:
    <<: *rails
    environment: {<<: *rails-env, ROLE: worker}
    command: [bundle, exec, sidekiq]
secrets:
  word: {file: ./word.txt}
  key: {environment: SECRET_KEY}
configs:
  tuning: {file: ./tuning.conf}
networks:
  inner:
    ipam: {config: [{subnet: 172.29.3.0/24}]}
volumes:
  rows: {name: old_rows}
",
    );
    app.write("ea/.env", "SECRET_KEY=canary-key\n");
    app.write(
        "ea/.env.production",
        "SECRET_KEY_BASE=canary-0123456789\nVAPID_PRIVATE_KEY=canary-vapid\n",
    );
    app.write("ea/word.txt", "canary-ea\n");
    app.write("ea/tuning.conf", "work_mem = 4MB\n");
    app.write("eb/word.txt", "canary-eb\n");
    let model = check(&app, &["tuning.conf"]);
    assert!(!model.to_string().contains("172.29.3"));
    assert_eq!(
        model["services"]["web"]["environment"]["LOCAL_DOMAIN"],
        "dev.shop.example"
    );
    assert_eq!(
        model["services"]["sidekiq"]["environment"]["ROLE"],
        "worker"
    );
}

const CUT_OFF: &str = "services:
  db:
    image: postgres:16
    container_name: app_db
    ports: ['5432:5432']
  app:
    image: alpine:3.20
    environment: {DB_HOST: app_db, SITE: shop.example, GIVEN: '${GIVEN:-}', OPEN: '${OPEN}'}
";

const FILES: [&str; 5] = [
    "docker-compose.yml",
    "docker-compose.prod.yml",
    "docker-compose.dev.yml",
    ".env.prod.example",
    ".env.dev.example",
];

#[test]
fn a_split_that_was_cut_off_between_two_files_can_be_repeated() {
    for file in ["docker-compose.yml", "compose.yml"] {
        let whole = App::named(file, CUT_OFF);
        whole.split();
        let texts = FILES.map(|name| whole.read(&format!("ea/{name}")));
        // The base comes last.
        for written in 0..FILES.len() {
            let app = App::named(file, CUT_OFF);
            let present = FILES.iter().zip(&texts).rev().take(written);
            for (name, text) in present {
                app.write(&format!("ea/{name}"), text);
            }
            app.split();
            for (name, text) in FILES.iter().zip(&texts) {
                assert_eq!(app.read(&format!("ea/{name}")), *text, "{written} {name}");
            }
        }
    }
}

#[test]
fn a_killed_split_leaves_whole_files_and_can_be_repeated() {
    let whole = App::new(CUT_OFF);
    let started = Instant::now();
    whole.split();
    let length = started.elapsed();
    let texts = FILES.map(|name| whole.read(&format!("ea/{name}")));
    // Most of the time Docker Compose resolves: the end is where files are written.
    for step in 0..12_u32 {
        let app = App::new(CUT_OFF);
        let mut child = Command::new(env!("CARGO_BIN_EXE_mkx-compose"))
            .args(["split", "ea/docker-compose.yml"])
            .current_dir(app.path(""))
            .env_remove("MKX_SITE")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // The first file shows that it writes; later steps let it go on.
        let begun = Instant::now();
        let first = app.path("ea/.env.dev.example");
        while !first.exists()
            && begun.elapsed() < length * 10
            && child.try_wait().unwrap().is_none()
        {
            std::thread::sleep(Duration::from_micros(50));
        }
        std::thread::sleep(Duration::from_micros(u64::from(step) * 300));
        let _ = child.kill();
        child.wait().unwrap();
        for (name, text) in FILES.iter().zip(&texts) {
            let path = app.path(&format!("ea/{name}"));
            if path.exists() {
                let present = std::fs::read_to_string(path).unwrap();
                assert!(
                    present == *text || present == CUT_OFF,
                    "{step}: {name}: {present}"
                );
            }
        }
        app.split();
        for (name, text) in FILES.iter().zip(&texts) {
            assert_eq!(app.read(&format!("ea/{name}")), *text, "{step}: {name}");
        }
    }
}
