//! Both environments of the small Makapix in real containers, side by side.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::containers::{engine, must};
use crate::world::World;
use serde_json::{Value, json};

/// As `mkx-compose render --help` and the documentation show it.
const PIPE: &str =
    "mkx-compose render eb | docker compose --project-name makapix-dev --file - up --detach";

/// The head and the body that a GET through the edge brings; `headers` end in line breaks.
fn answer(port: u16, host: &str, path: &str, headers: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: {host}\r\n{headers}\r\n"
    )
    .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.to_owned(), body.to_owned()))
}

/// The body of a GET through the edge.
fn get(port: u16, host: &str, path: &str) -> Option<String> {
    let (head, body) = answer(port, host, path, "")?;
    head.contains(" 200 ").then_some(body)
}

/// Development's pages are behind a password and say noindex, production's are open.
fn check_edge(world: &World) {
    // A container that runs need not listen yet: the edge says 502 until then.
    let until = Instant::now() + Duration::from_secs(30);
    let head = |host: &str, headers: &str| loop {
        let found = answer(world.names.ports[6], host, "/", headers);
        let head = found.unwrap().0.to_ascii_lowercase();
        if !head.contains(" 502 ") || Instant::now() > until {
            break head;
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    let password = "Authorization: Basic ZGV2ZWxvcGVyOmRldmVsb3BtZW50\r\n";
    let closed = head("development.makapix.test", "");
    assert!(
        closed.contains(" 401 ") && closed.contains("noindex"),
        "{closed}"
    );
    let opened = head("development.makapix.test", password);
    assert!(
        opened.contains(" 200 ") && opened.contains("noindex"),
        "{opened}"
    );
    let production = head("makapix.test", "");
    assert!(
        production.contains(" 200 ") && !production.contains("noindex"),
        "{production}"
    );
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

#[test]
fn both_environments_run_side_by_side_and_only_development_can_be_taken_down() {
    let engine = engine();
    let world = &engine.0;
    let (ea, eb) = (world.names.ea.clone(), world.names.eb.clone());

    build_at_once(world);
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

    // Development beside it, by the pipe that the documentation shows, as it is typed there.
    world.record(&["build", "eb"], 0);
    let pipe = PIPE.replace("makapix-dev", &eb);
    let tools = Path::new(env!("CARGO_BIN_EXE_mkx-compose"))
        .parent()
        .unwrap();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let up = Command::new("bash")
        .args(["-o", "pipefail", "-c", &pipe])
        .current_dir(world.root())
        .env("PATH", path)
        .output()
        .unwrap();
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
    check_edge(world);

    // Isolated as written and as it runs.
    let audit = world.record(&["audit", "--live"], 0);
    assert_eq!(audit["findings"], json!([]), "{audit:#}");

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

/// Docker's own builder makes one image after the other, and then has both in its cache.
fn build_at_once(world: &World) {
    std::thread::scope(|scope| {
        for (image, folder) in [("servers", "deploy/stack/servers"), ("api", "api")] {
            let tag = format!("{}-layers-of-{image}", world.names.ea);
            let folder = world.path("makapix").join(folder).display().to_string();
            scope.spawn(move || must(&["build", "--quiet", "--tag", &tag, &folder]));
        }
    });
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
