//! Faults of running containers, one at a time beside a production that is as it should be: each
//! is found by the right rule, at the right container, and nothing else is.
//!
//! The files are right all along: a fault is what somebody started from other files, or did by
//! hand.

use std::collections::BTreeSet;

use crate::containers::{Engine, asleep, docker, free_ports, must};
use crate::world::{World, canary, write};
use serde_json::Value;

/// What is wrong with one container.
struct Fault {
    rule: &'static str,
    service: &'static str,
    /// Rules that the same fault breaks too. That the container drifted is always said.
    also: &'static [&'static str],
    how: How,
}

enum How {
    /// Development was started with this file on top.
    Development(String),
    /// Both were started with this file on top.
    Both(String, String),
    /// Typed by hand, and taken back by hand.
    ByHand(Vec<String>, Vec<String>),
}

fn of(rule: &'static str, service: &'static str, lines: &str) -> Fault {
    Fault {
        rule,
        service,
        also: &[],
        how: How::Development(file(service, lines)),
    }
}

fn by_hand(rule: &'static str, service: &'static str, done: &str, undone: &str) -> Fault {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect();
    Fault {
        rule,
        service,
        also: &[],
        how: How::ByHand(words(done), words(undone)),
    }
}

impl Fault {
    fn with(mut self, also: &'static [&'static str]) -> Fault {
        self.also = also;
        self
    }
}

/// An override of one service; a line is a member of it.
fn file(service: &str, lines: &str) -> String {
    let lines: Vec<String> = lines.lines().map(|line| format!("    {line}\n")).collect();
    format!("services:\n  {service}:\n{}", lines.concat())
}

fn faults(world: &World) -> Vec<Fault> {
    let names = &world.names;
    let (ea, eb, shared) = (&names.ea, &names.eb, &names.network);
    let port = free_ports()[0];
    let secret = canary("ea", "JWT_SECRET_KEY");
    let path = |relative: &str| world.path(relative).display().to_string();
    std::os::unix::fs::symlink(world.path("vault-1"), world.path("by-another-path")).unwrap();
    write(&world.path("htpasswd"), "");
    write(&world.path("settings"), "");
    std::fs::hard_link(world.path("settings"), world.path("settings-dev")).unwrap();
    let mount = |what: String| format!("volumes: [\"{what}\"]");
    let environment = |name: &str, value: &str| format!("environment: {{{name}: \"{value}\"}}");
    let external = |key: &str, name: &str| format!("{key}: {{external: true, name: {name}}}\n");
    // Docker Compose does not look at what a key stands for: each volume has its own.
    let volume = |key: &str, name: &str| {
        let service = file("worker", &mount(format!("{key}:/theirs")));
        Fault {
            rule: "volume",
            service: "worker",
            also: &[],
            how: How::Development(format!("{service}volumes:\n  {}", external(key, name))),
        }
    };
    let network = file("worker", "networks: [theirs]");
    let network = format!(
        "{network}networks:\n  {}",
        external("theirs", &format!("{ea}_internal"))
    );
    let both = |rule, ea: String, eb: String| Fault {
        rule,
        service: "worker",
        also: &[],
        how: How::Both(file("worker", &mount(ea)), file("worker", &mount(eb))),
    };
    vec![
        // What is reached from where it should not be.
        of(
            "published-port",
            "worker",
            &format!("ports: [\"{port}:80\"]"),
        ),
        of(
            "docker-socket",
            "worker",
            &mount("/var/run/docker.sock:/var/run/docker.sock:ro".into()),
        ),
        of("host-access", "worker", "pid: host"),
        of("host-access", "worker", "ipc: host"),
        of(
            "host-access",
            "worker",
            "network_mode: host\nnetworks: !reset []",
        ),
        of("host-access", "worker", "privileged: true"),
        of(
            "admin-interface",
            "web",
            &environment("CADDY_ADMIN", "0.0.0.0:2019"),
        ),
        of("admin-interface", "web", "command: [flower]"),
        by_hand(
            "store-on-shared-network",
            "cache",
            &format!("network connect {shared} {eb}-cache"),
            &format!("network disconnect {shared} {eb}-cache"),
        ),
        // What leads into production.
        of(
            "points-at-other",
            "worker",
            &environment("DB_HOST", &format!("{ea}-db")),
        ),
        of(
            "points-at-other",
            "worker",
            &format!("network_mode: container:{ea}-db\nnetworks: !reset []"),
        ),
        of(
            "points-at-other",
            "api",
            &environment("BASE_URL", "http://makapix.test"),
        ),
        of(
            "points-at-other",
            "mqtt",
            &environment("MQTT_PUBLIC_HOST", "makapix.test"),
        ),
        of(
            "points-at-other",
            "web",
            "labels: {note: http://makapix.test/}",
        ),
        of(
            "points-at-other",
            "worker",
            &format!("command: [python3, worker.py, --redis, {ea}-cache]"),
        ),
        of("secret-value", "worker", &environment("TOKEN", &secret)),
        of(
            "secret-value",
            "api",
            &environment("QUEUE", &format!("amqp://worker:{secret}@queue")),
        ),
        of(
            "cookie-domain",
            "api",
            &environment("COOKIE_DOMAIN", ".makapix.test"),
        )
        .with(&["points-at-other"]),
        of(
            "ambiguous-name",
            "web",
            &environment("API_URL", "http://api:8000"),
        ),
        of(
            "network-alias",
            "web",
            "networks: {caddy_net: {aliases: [caddy]}}",
        ),
        // What both hold.
        volume("rows", &names.pg_volume),
        Fault {
            rule: "shared-volume",
            ..volume("tls", &names.edge_volume)
        },
        Fault {
            rule: "network",
            service: "worker",
            also: &[],
            how: How::Development(network),
        },
        of(
            "bind-source",
            "worker",
            &mount(format!("{}:/certs", path("makapix/mqtt/certs"))),
        )
        .with(&["points-at-other"]),
        of(
            "bind-source",
            "worker",
            &mount(format!("{}:/old:ro", path("vault-1"))),
        )
        .with(&["points-at-other"]),
        of(
            "bind-source",
            "worker",
            &mount(format!("{}:/old", path("by-another-path"))),
        )
        .with(&["points-at-other"]),
        of(
            "bind-source",
            "worker",
            &mount(format!("{}:/all:ro", world.root().display())),
        ),
        both(
            "bind-source",
            format!("{}:/settings", path("settings")),
            format!("{}:/settings", path("settings-dev")),
        ),
        both(
            "shared-secret-file",
            format!("{}:/users:ro", path("htpasswd")),
            format!("{}:/users:ro", path("htpasswd")),
        ),
        // What the edge is told.
        of("edge-host", "api", "labels: {caddy_1: makapix.test}").with(&["points-at-other"]),
        of(
            "edge-auth",
            "web",
            "labels: {caddy.handle.basic_auth: !reset null, caddy.handle.basic_auth.developer: !reset null}",
        ),
        of(
            "edge-noindex",
            "web",
            "labels: {caddy.header.X-Robots-Tag: !reset null}",
        ),
        of(
            "label-quoting",
            "web",
            "labels: {caddy.header.X-Robots-Tag: \"noindex, nofollow\"}",
        ),
        // What takes too much.
        of("no-limits", "worker", "deploy: !reset null"),
        of(
            "no-limits",
            "worker",
            "deploy: {resources: {limits: {cpus: !reset null}}}",
        ),
        of(
            "over-share",
            "db",
            "deploy: {resources: {limits: {memory: 6G}}}",
        ),
        of(
            "memory-mismatch",
            "cache",
            "command: [redis-server, --maxmemory, 64mb]",
        ),
        of(
            "evicting-queue",
            "broker",
            "command: [redis-server, --maxmemory-policy, allkeys-lru]",
        ),
        // What is not as it is written.
        by_hand(
            "drift",
            "cache",
            &format!("update --memory 40m --memory-swap 80m {eb}-cache"),
            &format!("update --memory 48m --memory-swap 96m {eb}-cache"),
        ),
        by_hand(
            "not-running",
            "web",
            &format!("stop --time 1 {eb}-web"),
            &format!("start {eb}-web"),
        ),
    ]
}

/// Starts an environment from its files and `fault` on top; what is not in them goes.
fn up(world: &World, environment: &str, fault: &str) -> Result<(), String> {
    let (project, checkout, over, env) = match environment {
        "ea" => (&world.names.ea, "makapix", "prod", ".env.prod"),
        _ => (&world.names.eb, "makapix-dev", "dev", ".env.dev"),
    };
    let stack = world.path(checkout).join("deploy/stack");
    let on_top = world.path("fault.yml");
    write(&on_top, fault);
    let path = |name: &str| stack.join(name).display().to_string();
    let (base, over) = (
        path("docker-compose.yml"),
        path(&format!("docker-compose.{over}.yml")),
    );
    let mut words: Vec<String> = ["compose", "--project-name", project]
        .map(str::to_owned)
        .into();
    words.extend(["--env-file".into(), path(env)]);
    for file in [base, over, path("asleep.yml"), on_top.display().to_string()] {
        words.extend(["--file".into(), file]);
    }
    words.extend(["up", "--detach", "--remove-orphans", "--timeout", "0"].map(str::to_owned));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (ok, _, stderr) = docker(&words);
    if ok { Ok(()) } else { Err(stderr) }
}

const NOTHING: &str = "services: {}\n";

impl Fault {
    fn seed(&self, world: &World) -> Result<(), String> {
        match &self.how {
            How::Development(file) => up(world, "eb", file),
            How::Both(ea, eb) => up(world, "ea", ea).and_then(|()| up(world, "eb", eb)),
            How::ByHand(done, _) => {
                up(world, "eb", NOTHING)?;
                must(&done.iter().map(String::as_str).collect::<Vec<_>>());
                Ok(())
            }
        }
    }

    /// What starting the next one does not undo.
    fn undo(&self, world: &World) {
        match &self.how {
            How::Development(_) => {}
            How::Both(..) => up(world, "ea", NOTHING).unwrap(),
            How::ByHand(_, undone) => {
                must(&undone.iter().map(String::as_str).collect::<Vec<_>>());
            }
        }
    }

    #[track_caller]
    fn check(&self, world: &World) {
        let output = world.run(&["audit", "--live"]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!text.contains("canary"), "{}", self.rule);
        let audit: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let findings = audit["findings"].as_array().unwrap();
        let container = format!("{}-{}", world.names.eb, self.service);
        let at_container = |one: &Value| {
            let evidence = one["evidence"].as_array().unwrap();
            evidence
                .iter()
                .any(|place| place["container"] == container.as_str())
        };
        let found = |one: &&Value| {
            one["rule"] == self.rule && (at_container(one) || self.rule == "not-running")
        };
        assert!(
            findings.iter().any(|one| found(&one)),
            "{} of {container} in {audit:#}",
            self.rule
        );
        for one in findings {
            let rule = one["rule"].as_str().unwrap();
            let both = matches!(self.how, How::Both(..)) && rule == "drift";
            let expected = rule == self.rule || self.also.contains(&rule) || rule == "drift";
            let there = at_container(one) || rule == "not-running" || both;
            assert!(
                expected && there,
                "beside {} of {container}: {one:#}",
                self.rule
            );
        }
        let severe = findings.iter().any(|one| one["severity"] == "error");
        assert_eq!(output.status.code(), Some(i32::from(severe)));
    }
}

#[test]
fn every_fault_of_what_runs_is_found_alone() {
    let Engine(world) = &asleep();
    for environment in ["ea", "eb"] {
        up(world, environment, NOTHING).unwrap();
    }
    let clean = || {
        let audit = world.record(&["audit", "--live"], 0);
        assert_eq!(audit["findings"], serde_json::json!([]), "{audit:#}");
    };
    clean();
    let (mut seeded, mut rules) = (0, BTreeSet::new());
    for fault in faults(world) {
        if let Err(cause) = fault.seed(world) {
            // A container in which the engine itself runs may not be allowed to give this away.
            assert!(fault.rule == "host-access", "{}: {cause}", fault.rule);
            eprintln!("host-access can not be had here: {cause}");
            continue;
        }
        fault.check(world);
        fault.undo(world);
        seeded += 1;
        rules.insert(fault.rule);
    }
    up(world, "eb", NOTHING).unwrap();
    clean();
    assert!(seeded >= 30, "{seeded} faults of {} rules", rules.len());
}
