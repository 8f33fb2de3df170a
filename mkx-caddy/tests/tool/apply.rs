//! `apply` against real servers: what is not development's stays, what does not work is undone,
//! and nobody's update is lost.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::world::server::{BOTH, Server, Which};
use crate::world::{World, free_port};
use serde_json::{Value, json};

fn running(server: &Server) -> Value {
    serde_json::from_slice(&server.admin("GET", "/config/", &[], "").body).unwrap()
}

fn apply(world: &World, more: &[&str]) -> (Option<i32>, Value, String) {
    let arguments: Vec<&str> = ["apply"].into_iter().chain(more.iter().copied()).collect();
    let output = world.run(&arguments, "");
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (
        output.status.code(),
        report,
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn the_site_is_applied_and_a_second_time_nothing_changes() {
    for which in BOTH {
        let world = World::new();
        let server = Server::start(&world, which);
        let (code, report, said) = apply(&world, &[]);
        assert_eq!(code, Some(0), "{which:?}: {said}\n{:#}", report["failed"]);
        assert_eq!(report["applied"], true);
        assert_eq!(report["caddy_version"], which.version());
        let first = running(&server);
        let (code, report, _) = apply(&world, &[]);
        assert_eq!((code, &report["changed"]), (Some(0), &json!(false)));
        assert_eq!(running(&server), first);
        world.write_users(&[("tester", "another password")]);
        let (code, report, said) = apply(&world, &[]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(report["environments"], json!(["eb"]));
        let journal = std::fs::read_to_string(world.path("state/journal.jsonl")).unwrap();
        assert_eq!(
            journal.matches("\"state\":\"done\"").count(),
            2,
            "{journal}"
        );
    }
}

#[test]
fn productions_part_changes_with_its_domain_only() {
    let mut world = World::new();
    let server = Server::start(&world, Which::Current);
    assert_eq!(apply(&world, &[]).0, Some(0));
    let before = running(&server);
    world.site["environments"]["ea"]["web"]["body_limit_bytes"] = json!(1_000_000);
    world.write_site();
    let (code, _, said) = apply(&world, &[]);
    assert_eq!(code, Some(5), "{said}");
    assert!(
        said.contains("hint: to go on, add --confirm makapix.club"),
        "{said}"
    );
    assert_eq!(running(&server), before);
    let (code, report, said) = apply(&world, &["--confirm", "makapix.club"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(report["environments"], json!(["ea"]));
}

#[test]
fn what_caddy_accepts_but_does_not_serve_is_undone() {
    for which in BOTH {
        let mut world = World::new();
        let server = Server::start(&world, which);
        assert_eq!(apply(&world, &[]).0, Some(0));
        let before = running(&server);
        // Nobody listens there.
        world.site["environments"]["eb"]["web"]["api_upstreams"] =
            json!([format!("127.0.0.1:{}", free_port())]);
        world.write_site();
        let (code, report, said) = apply(&world, &[]);
        assert_eq!(code, Some(1), "{said}");
        assert_eq!(
            (&report["applied"], &report["undone"]),
            (&json!(false), &json!(true))
        );
        assert!(
            report["failed"]
                .as_array()
                .unwrap()
                .iter()
                .all(|row| row["environment"] == "eb")
        );
        assert_eq!(running(&server), before, "{which:?}");
        let journal = std::fs::read_to_string(world.path("state/journal.jsonl")).unwrap();
        assert!(journal.contains("\"state\":\"undone\""));
        assert!(!world.path("state/edge-former.json").exists());
    }
}

#[test]
fn what_the_site_lives_with_undoes_nothing() {
    let mut world = World::new();
    let _server = Server::start(&world, Which::Current);
    // Nobody listens there.
    world.site["environments"]["eb"]["web"]["api_upstreams"] =
        json!([format!("127.0.0.1:{}", free_port())]);
    let subject = "development.makapix.club api";
    world.site["accepted"] =
        json!([{ "rule": "upstream-away", "subject": subject, "reason": "it is being built" }]);
    world.write_site();
    let (code, report, said) = apply(&world, &[]);
    assert_eq!(code, Some(0), "{said}\n{:#}", report["findings"]);
    assert_eq!(
        (&report["applied"], &report["undone"]),
        (&json!(true), &json!(false))
    );
    assert!(report["failed"].as_array().unwrap().len() > 2);
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0]["subject"], subject);
    assert_eq!(findings[0]["accepted"]["reason"], "it is being built");
}

#[test]
fn a_run_that_died_after_its_change_is_taken_back_by_the_next_where_it_does_not_work() {
    let mut world = World::new();
    let server = Server::start(&world, Which::Current);
    assert_eq!(apply(&world, &[]).0, Some(0));
    let before = running(&server);
    world.site["environments"]["eb"]["web"]["api_upstreams"] =
        json!([format!("127.0.0.1:{}", free_port())]);
    world.write_site();
    // What the run had done when it was killed: the change, and the former kept.
    server.load_caddyfile(&world.stdout(&["render", "--caddy-version", "2.8"]));
    std::fs::write(world.path("state/edge-former.json"), before.to_string()).unwrap();
    let (code, report, said) = apply(&world, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(report["undone"], true);
    assert_eq!(running(&server), before);
    assert!(!world.path("state/edge-former.json").exists());
}

#[test]
fn an_unreachable_admin_api_is_a_peer_that_failed() {
    let world = World::new();
    let (code, _, said) = apply(&world, &[]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("cannot reach the admin API"), "{said}");
}

/// A WebSocket of production, through the edge's plain vault host or the site itself would need
/// TLS; a server of production's API that is asked over plain http is added for the test.
fn websocket(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let ask = "GET /socket HTTP/1.1\r\nHost: makapix.club\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    stream.write_all(ask.as_bytes()).unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    stream
}

fn is_open(stream: &mut TcpStream) -> bool {
    let mut bytes = [0; 5];
    stream.write_all(b"hello").is_ok()
        && stream.read_exact(&mut bytes).is_ok()
        && &bytes == b"hello"
}

/// Extra sites of the site document: production over plain http, for streams without TLS.
fn with_plain_production(world: &mut World, which: Which) -> u16 {
    let port = free_port();
    let delay = match which {
        Which::Debian => "",
        Which::Current => "\t\tstream_close_delay 24h\n",
    };
    let text = format!(
        "http://127.0.0.1:{port}, http://makapix.club:{port} {{\n\treverse_proxy {} {{\n\t\tlb_policy first\n{delay}\t}}\n}}\n",
        world.upstreams[1].address()
    );
    std::fs::write(world.path("extra"), text).unwrap();
    world.site["shared"]["edge"]["extra_sites"] = json!("extra");
    world.write_site();
    port
}

#[test]
fn a_current_caddy_keeps_productions_websockets_through_a_change_of_development() {
    let mut world = World::new();
    let port = with_plain_production(&mut world, Which::Current);
    let _server = Server::start(&world, Which::Current);
    assert_eq!(apply(&world, &[]).0, Some(0));
    let mut stream = websocket(port);
    assert!(is_open(&mut stream));
    for password in ["one", "two", "three"] {
        world.write_users(&[("developer", password)]);
        let (code, report, said) = apply(&world, &[]);
        assert_eq!(
            (code, &report["changed"]),
            (Some(0), &json!(true)),
            "{said}"
        );
        assert!(is_open(&mut stream));
    }
}

#[test]
fn with_debians_caddy_an_open_websocket_of_production_refuses_the_change() {
    let mut world = World::new();
    let port = with_plain_production(&mut world, Which::Debian);
    let server = Server::start(&world, Which::Debian);
    assert_eq!(apply(&world, &[]).0, Some(0));
    let mut stream = websocket(port);
    assert!(is_open(&mut stream));
    let before = running(&server);
    world.write_users(&[("developer", "another")]);
    let (code, _, said) = apply(&world, &[]);
    assert_eq!(code, Some(5), "{said}");
    assert!(
        said.contains("1 requests of makapix.club do not end"),
        "{said}"
    );
    assert_eq!(running(&server), before);
    assert!(is_open(&mut stream));
    drop(stream);
    let (code, _, said) = apply(&world, &[]);
    assert_eq!(code, Some(0), "{said}");
}
