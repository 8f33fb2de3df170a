//! Both environments of the small Makapix in real containers, side by side.

#![allow(clippy::unwrap_used)]

mod world;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use world::{Names, World, canary, write};

const DEV: &str = "makapix-dev/deploy/stack/docker-compose.dev.yml";

/// The world, and everything on the engine that goes with it.
struct Engine(World);

impl Drop for Engine {
    fn drop(&mut self) {
        let names = &self.0.names;
        for project in [&names.eb, &names.ea] {
            let filter = format!("label=com.docker.compose.project={project}");
            let left = docker(&["ps", "--all", "--quiet", "--filter", &filter]).1;
            for container in left.split_whitespace() {
                let _ = docker(&["rm", "--force", "--volumes", container]);
            }
            let _ = docker(&[
                "compose",
                "--project-name",
                project,
                "down",
                "--volumes",
                "--timeout",
                "1",
            ]);
            for kind in ["network", "volume"] {
                let filter = format!("label=com.docker.compose.project={project}");
                let left = docker(&[kind, "ls", "--quiet", "--filter", &filter]).1;
                for name in left.split_whitespace() {
                    let _ = docker(&[kind, "rm", name]);
                }
            }
            let images = docker(&[
                "images",
                "--format",
                "{{.Repository}}",
                &format!("{project}-*"),
            ])
            .1;
            for image in images.split_whitespace() {
                let _ = docker(&["rmi", "--no-prune", image]);
            }
        }
        let _ = docker(&["volume", "rm", &names.pg_volume, &names.edge_volume]);
        let _ = docker(&["network", "rm", &names.network]);
        // What containers wrote as root goes with a container.
        let root = self.0.root();
        let mount = format!("{}:/world", root.display());
        let _ = docker(&[
            "run",
            "--rm",
            "--volume",
            &mount,
            "debian:trixie-slim",
            "sh",
            "-c",
            "rm -rf /world/*/mqtt/certs /world/*/mqtt/config",
        ]);
    }
}

fn docker(arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new("docker").args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[track_caller]
fn must(arguments: &[&str]) -> String {
    let (ok, stdout, stderr) = docker(arguments);
    assert!(
        ok,
        "run scripts/setup: docker {}: {stderr}",
        arguments.join(" ")
    );
    stdout
}

fn free_ports() -> [u16; 7] {
    let listeners: Vec<TcpListener> = (0..7)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    std::array::from_fn(|index| listeners[index].local_addr().unwrap().port())
}

fn engine() -> Engine {
    let tag = format!("mkxt{}", std::process::id());
    let names = Names {
        ea: format!("{tag}-prod"),
        eb: format!("{tag}-dev"),
        network: format!("{tag}-net"),
        pg_volume: format!("{tag}-pg"),
        edge_volume: format!("{tag}-tls"),
        ports: free_ports(),
    };
    must(&[
        "image",
        "inspect",
        "--format",
        "{{.Id}}",
        "debian:trixie-slim",
    ]);
    let engine = Engine(World::named(names));
    let names = &engine.0.names;
    must(&["network", "create", &names.network]);
    must(&["volume", "create", &names.pg_volume]);
    must(&["volume", "create", &names.edge_volume]);
    engine
}

/// The body of a GET through the edge.
fn get(port: u16, host: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    head.contains(" 200 ").then(|| body.to_owned())
}

#[track_caller]
fn health(world: &World, host: &str) -> Value {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(body) = get(world.names.ports[6], host, "/api/health") {
            return serde_json::from_str(&body).unwrap();
        }
        assert!(Instant::now() < until, "{host} does not answer");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn started(world: &World, environment: &str) -> Vec<(String, String)> {
    let record = world.record(&["ps", environment], 0);
    record["containers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].to_string(), one["started_at"].to_string()))
        .collect()
}

fn errors(audit: &Value) -> Vec<(&str, &str)> {
    audit["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["rule"].as_str().unwrap(),
                one["message"].as_str().unwrap(),
            )
        })
        .collect()
}

#[test]
fn both_environments_run_side_by_side_and_only_development_can_be_taken_down() {
    let engine = engine();
    let world = &engine.0;
    let (ea, eb) = (world.names.ea.clone(), world.names.eb.clone());

    // Production first, with its domain typed.
    world.record(
        &[
            "up",
            "ea",
            "--confirm",
            "makapix.test",
            "--",
            "--build",
            "--wait",
            "--quiet-pull",
        ],
        0,
    );
    assert_eq!(health(world, "makapix.test")["environment"], "production");
    let production = started(world, "ea");
    assert_eq!(production.len(), 8);

    // Development beside it, by the pipe that the documentation shows.
    world.record(&["build", "eb"], 0);
    let rendered = world.run(&["render", "eb"]);
    assert_eq!(rendered.status.code(), Some(0));
    let mut up = Command::new("docker")
        .args([
            "compose",
            "--project-name",
            &eb,
            "--file",
            "-",
            "up",
            "--detach",
            "--wait",
        ])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    up.stdin
        .take()
        .unwrap()
        .write_all(&rendered.stdout)
        .unwrap();
    let up = up.wait_with_output().unwrap();
    assert!(
        up.status.success(),
        "{}",
        String::from_utf8_lossy(&up.stderr)
    );
    assert_eq!(
        health(world, "development.makapix.test")["environment"],
        "development"
    );

    // The same by the verb changes nothing that runs.
    let development = started(world, "eb");
    world.record(&["up", "eb", "--", "--wait"], 0);
    assert_eq!(started(world, "eb").len(), 7);
    assert_eq!(development.len(), 7);
    check_engine(world, &ea, &eb);

    // Isolated as written and as it runs, and every fault of the running ones is found.
    let audit = world.record(&["audit", "--live"], 0);
    assert_eq!(errors(&audit), [], "{audit:#}");
    live_faults(world, &eb);
    foreign_containers(world, &ea, &eb);

    let stats = world.record(&["stats"], 0);
    let used = stats["environments"][1]["containers"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(used, 7);
    let revision = world.run(&["exec", "eb", "api", "alembic", "current"]);
    let said = String::from_utf8_lossy(&revision.stdout).into_owned();
    assert!(
        said.contains("20260201 (head)"),
        "{said}{}",
        String::from_utf8_lossy(&revision.stderr)
    );
    assert_eq!(
        world.run(&["exec", "eb", "api", "false"]).status.code(),
        Some(1)
    );
    assert!(
        !world
            .run(&["logs", "eb", "api", "--tail", "5"])
            .stdout
            .is_empty()
    );

    // Production is not taken down by mistake, development is, and production does not notice.
    assert_eq!(world.run(&["down", "ea"]).status.code(), Some(5));
    world.record(&["down", "eb", "--", "--volumes", "--timeout", "1"], 0);
    assert!(started(world, "eb").is_empty());
    assert_eq!(started(world, "ea"), production);
    must(&["network", "inspect", &world.names.network]);
    assert_eq!(health(world, "makapix.test")["environment"], "production");

    let journal = std::fs::read_to_string(world.path("state/journal.jsonl")).unwrap();
    assert!(!journal.contains("canary"));
    assert!(
        journal
            .lines()
            .filter(|line| line.contains("\"started\""))
            .count()
            >= 5
    );
}

/// Containers, networks, volumes and limits are as the design's table says.
fn check_engine(world: &World, ea: &str, eb: &str) {
    let mounted = |container: &str| {
        must(&[
            "inspect",
            "--format",
            "{{range .Mounts}}{{.Source}}{{.Name}} {{end}}",
            container,
        ])
    };
    for (project, vault) in [(ea, "/vault-1"), (eb, "/vault-dev")] {
        for service in ["db", "cache", "broker", "mqtt", "api", "worker", "web"] {
            must(&[
                "inspect",
                "--format",
                "{{.Name}}",
                &format!("{project}-{service}"),
            ]);
        }
        assert!(mounted(&format!("{project}-api")).contains(vault));
    }
    assert!(mounted(&format!("{ea}-db")).contains(&world.names.pg_volume));
    assert!(mounted(&format!("{eb}-db")).contains(&format!("{eb}_pg_data")));
    let limits = must(&[
        "inspect",
        "--format",
        "{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}}",
        &format!("{eb}-api"),
    ]);
    assert_eq!(limits.trim(), format!("600000000 {}", 192 << 20));
    let networks = must(&[
        "inspect",
        "--format",
        "{{json .NetworkSettings.Networks}}",
        &format!("{eb}-db"),
    ]);
    let networks: Value = serde_json::from_str(&networks).unwrap();
    assert_eq!(networks.as_object().unwrap().len(), 1);
}

/// What only the running containers show.
fn live_faults(world: &World, eb: &str) {
    let found = |rule: &str| {
        let output = world.run(&["audit", "--live"]);
        let audit: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(!String::from_utf8_lossy(&output.stdout).contains("canary"));
        let findings = audit["findings"].as_array().unwrap();
        let one = findings.iter().find(|one| one["rule"] == rule);
        one.unwrap_or_else(|| panic!("no {rule} in {audit:#}"))
            .clone()
    };
    // A limit that somebody raised by hand.
    let cache = format!("{eb}-cache");
    must(&["update", "--memory", "96m", "--memory-swap", "192m", &cache]);
    assert!(
        found("drift")["message"]
            .as_str()
            .unwrap()
            .contains("limits")
    );
    must(&["update", "--memory", "48m", "--memory-swap", "96m", &cache]);

    // A database that somebody connected to the shared network.
    must(&["network", "connect", &world.names.network, &cache]);
    assert_eq!(
        found("store-on-shared-network")["evidence"][0]["container"],
        json!(cache)
    );
    must(&["network", "disconnect", &world.names.network, &cache]);

    // A secret of production's that development was started with and is no longer written.
    let env = "makapix-dev/deploy/stack/.env.dev";
    let before = std::fs::read_to_string(world.path(env)).unwrap();
    write(
        &world.path(env),
        &before.replace("canary-eb-mqtt-password", "canary-ea-mqtt-password"),
    );
    world.run(&["up", "eb", "worker", "--", "--no-deps"]);
    write(&world.path(env), &before);
    let secret = found("secret-value");
    assert!(
        secret["evidence"]
            .to_string()
            .contains(&format!("{eb}-worker"))
    );
    world.record(&["up", "eb", "worker", "--", "--no-deps"], 0);

    // Production's vault by another path: a symlink that was there when the container started.
    let link = world.path("vault-link");
    std::os::unix::fs::symlink(world.path("vault-1"), &link).unwrap();
    let override_file = std::fs::read_to_string(world.path(DEV)).unwrap();
    let mount = format!(
        "  worker:\n    volumes:\n      - {}:/other\n",
        link.display()
    );
    write(
        &world.path(DEV),
        &override_file.replace("  worker:\n", &mount),
    );
    world.run(&["up", "eb", "worker", "--", "--no-deps"]);
    let bind = found("bind-source");
    assert!(
        bind["evidence"].to_string().contains("vault-link")
            || bind["message"].to_string().contains("vault-1")
    );
    write(&world.path(DEV), &override_file);
    world.record(&["up", "eb", "worker", "--", "--no-deps"], 0);

    // A service that does not run.
    must(&["stop", "--time", "1", &format!("{eb}-web")]);
    assert!(
        found("not-running")["message"]
            .as_str()
            .unwrap()
            .contains("web of eb")
    );
    must(&["start", &format!("{eb}-web")]);
    assert_eq!(errors(&world.record(&["audit", "--live"], 0)), []);
}

/// A container beside the written ones for each fault; one audit finds them all, by container.
fn foreign_containers(world: &World, ea: &str, eb: &str) {
    let names = &world.names;
    let port = free_ports()[0];
    let certs = world.path("makapix/mqtt/certs").display().to_string();
    let vault = world.path("vault-1").display().to_string();
    let limits = ["--memory", "8m", "--cpus", "0.01"];
    let secret = canary("ea", "JWT_SECRET_KEY");
    let with = |flags: &[&str]| {
        flags
            .iter()
            .map(|flag| (*flag).to_owned())
            .collect::<Vec<_>>()
    };
    let faults: Vec<(&str, Vec<String>)> = vec![
        (
            "published-port",
            with(&["--publish", &format!("{port}:80")]),
        ),
        (
            "docker-socket",
            with(&["--volume", "/var/run/docker.sock:/var/run/docker.sock:ro"]),
        ),
        ("host-access", with(&["--pid", "host"])),
        ("host-access", with(&["--ipc", "host"])),
        (
            "points-at-other",
            with(&["--env", &format!("DB_HOST={ea}-db")]),
        ),
        (
            "points-at-other",
            with(&["--network", &format!("container:{ea}-db")]),
        ),
        (
            "points-at-other",
            with(&["--env", "BASE_URL=http://makapix.test"]),
        ),
        ("secret-value", with(&["--env", &format!("TOKEN={secret}")])),
        (
            "volume",
            with(&["--volume", &format!("{}:/d", names.pg_volume)]),
        ),
        (
            "shared-volume",
            with(&["--volume", &format!("{}:/d:ro", names.edge_volume)]),
        ),
        ("bind-source", with(&["--volume", &format!("{certs}:/d")])),
        (
            "bind-source",
            with(&["--volume", &format!("{vault}:/d:ro")]),
        ),
        ("network", with(&["--network", &format!("{ea}_internal")])),
        (
            "network-alias",
            with(&["--network", &names.network, "--network-alias", "caddy"]),
        ),
        (
            "ambiguous-name",
            with(&[
                "--network",
                &names.network,
                "--env",
                "API_URL=http://api:8000",
            ]),
        ),
        (
            "admin-interface",
            with(&[
                "--network",
                &names.network,
                "--env",
                "CADDY_ADMIN=0.0.0.0:2019",
            ]),
        ),
        (
            "cookie-domain",
            with(&["--env", "COOKIE_DOMAIN=.makapix.test"]),
        ),
        ("edge-host", with(&["--label", "caddy=makapix.test"])),
        ("label-quoting", with(&["--label", "caddy.header.X-A=a, b"])),
        (
            "secret-value",
            with(&["--env", &format!("Q=amqp://a:{secret}@queue")]),
        ),
        (
            "points-at-other",
            with(&["--env", "MQTT_PUBLIC_HOST=makapix.test"]),
        ),
        (
            "points-at-other",
            with(&["--label", "note=http://makapix.test/"]),
        ),
        (
            "bind-source",
            with(&["--volume", &format!("{}:/d:ro", world.root().display())]),
        ),
        ("no-limits", Vec::new()),
        ("memory-mismatch", with(&["--memory", "8m"])),
    ];
    let start = |index: usize| {
        let (rule, flags) = &faults[index];
        let name = format!("{eb}-fault{index}");
        let project = format!("com.docker.compose.project={eb}");
        let service = format!("com.docker.compose.service=fault{index}");
        let mut words = vec![
            "run", "--detach", "--init", "--name", &name, "--label", &project, "--label", &service,
        ];
        words.extend(flags.iter().map(String::as_str));
        if *rule != "no-limits" && *rule != "memory-mismatch" {
            words.extend(limits);
        }
        words.extend(["debian:trixie-slim", "sh", "-c", "sleep 600"]);
        if *rule == "memory-mismatch" {
            words.extend(["--maxmemory", "64mb"]);
        }
        must(&words);
    };
    let (start, count) = (&start, faults.len());
    std::thread::scope(|scope| {
        for first in 0..4 {
            scope.spawn(move || (first..count).step_by(4).for_each(start));
        }
    });
    let output = world.run(&["audit", "--live"]);
    let audit: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("canary"));
    for (index, (rule, _)) in faults.iter().enumerate() {
        let name = format!("{eb}-fault{index}");
        let found = audit["findings"].as_array().unwrap().iter().any(|one| {
            let evidence = one["evidence"].as_array().unwrap();
            one["rule"] == *rule
                && evidence
                    .iter()
                    .any(|place| place["container"] == name.as_str())
        });
        assert!(found, "{rule} of {name}: {:#?}", errors(&audit));
    }
    let containers: Vec<String> = (0..faults.len())
        .map(|index| format!("{eb}-fault{index}"))
        .collect();
    let words: Vec<&str> = ["rm", "--force"]
        .into_iter()
        .chain(containers.iter().map(String::as_str))
        .collect();
    must(&words);
    assert_eq!(errors(&world.record(&["audit", "--live"], 0)), []);
}
