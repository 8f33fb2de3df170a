//! Changes of development under load on production: no failed request and no closed WebSocket, or
//! no change. Where the user allows it, a second attempt is answered.
//!
//! It runs in a network of its own (`unshare --net`), with net.ipv4.tcp_migrate_req on: without
//! it the kernel resets connections that wait at a listener which a reload closes. The figures
//! of a long run: `MKX_EDGE_RATE=2000 MKX_EDGE_CHANGES=100 cargo test --release --test load`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::world::server::{Server, Which};
use crate::world::{World, free_port};
use serde_json::{Value, json};

const WORKERS: u64 = 8;

#[derive(Default)]
struct Tally {
    answered: AtomicU64,
    failed: AtomicU64,
    /// Sent again on a new connection, since the server closed the idle one at that moment
    /// (RFC 9112, 9.3.1: what every client does).
    resent: AtomicU64,
    /// Closed on a new connection before any byte of an answer, and answered when sent again: what
    /// is built with Go 1.25 or later does so when the first request comes during a change.
    aborted: AtomicU64,
    slowest_us: AtomicU64,
    stopped: AtomicBool,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

fn connect(port: u16) -> std::io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(BufReader::new(stream))
}

/// One request that takes the upstream some microseconds; true where the answer is production's
/// and whole.
fn ask(stream: &mut BufReader<TcpStream>, takes: u64) -> std::io::Result<bool> {
    let head = format!("GET /load/{takes} HTTP/1.1\r\nHost: makapix.club\r\n\r\n");
    stream.get_mut().write_all(head.as_bytes())?;
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let is_good = line.starts_with("HTTP/1.1 200");
    let (mut length, mut is_own) = (0, false);
    loop {
        let mut header = String::new();
        stream.read_line(&mut header)?;
        let header = header.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length: ") {
            length = value.parse().unwrap_or(0);
        }
        is_own |= header == "x-upstream: ea-web";
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(is_good && is_own)
}

/// Asks at a steady rate, whatever the answers take: three of four on a kept connection.
fn work(port: u16, rate: u64, takes: u64, worker: u64, tally: &Tally) {
    let pause = Duration::from_micros(1_000_000 * WORKERS / rate);
    let start = Instant::now() + pause * u32::try_from(worker).unwrap() / 8;
    let mut kept: Option<BufReader<TcpStream>> = None;
    for count in 0.. {
        if tally.stopped.load(Ordering::Relaxed) {
            return;
        }
        std::thread::sleep((start + pause * count).saturating_duration_since(Instant::now()));
        let since = Instant::now();
        let mut answer = None;
        if count % 4 != 0
            && let Some(stream) = kept.as_mut()
        {
            answer = ask(stream, takes).ok();
            if answer.is_none() {
                tally.resent.fetch_add(1, Ordering::Relaxed);
            }
        }
        if answer.is_none() {
            let mut ask_anew = || {
                connect(port).and_then(|mut stream| {
                    let answer = ask(&mut stream, takes);
                    kept = Some(stream);
                    answer
                })
            };
            let mut asked = ask_anew();
            if let Err(error) = &asked
                && error.kind() == std::io::ErrorKind::UnexpectedEof
            {
                tally.aborted.fetch_add(1, Ordering::Relaxed);
                asked = ask_anew();
            }
            if let Err(error) = &asked {
                eprintln!("no answer: {error}");
            }
            answer = asked.ok();
        }
        let took = u64::try_from(since.elapsed().as_micros()).unwrap();
        tally.slowest_us.fetch_max(took, Ordering::Relaxed);
        let place = if answer == Some(true) {
            &tally.answered
        } else {
            &tally.failed
        };
        place.fetch_add(1, Ordering::Relaxed);
    }
}

fn websocket(port: u16) -> BufReader<TcpStream> {
    let mut stream = connect(port).unwrap();
    let text = "GET /socket HTTP/1.1\r\nHost: makapix.club\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    stream.get_mut().write_all(text.as_bytes()).unwrap();
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert!(stream.read_line(&mut line).unwrap() > 0);
    }
    stream
}

fn is_open(stream: &mut BufReader<TcpStream>) -> bool {
    let mut bytes = [0; 5];
    stream.get_mut().write_all(b"hello").is_ok()
        && stream.read_exact(&mut bytes).is_ok()
        && &bytes == b"hello"
}

/// What is asked of the tool while the load is on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Allowed {
    /// Nothing that could hurt production.
    Nothing,
    /// That connections which have just been made are closed.
    CloseConnections,
}

/// Starts the edge with a site of production that is asked over plain http; gives its port.
fn edge(world: &mut World, which: Which) -> (Server, u16) {
    let port = free_port();
    let delay = if which == Which::Current {
        "\t\tstream_close_delay 24h\n"
    } else {
        ""
    };
    let upstream = world.upstreams[1].address();
    let text = format!(
        "http://makapix.club:{port} {{\n\treverse_proxy {upstream} {{\n\t\tlb_policy first\n{delay}\t}}\n}}\n"
    );
    std::fs::write(world.path("extra"), text).unwrap();
    world.site["shared"]["edge"]["extra_sites"] = json!("extra");
    world.write_site();
    let server = Server::start(world, which);
    assert!(world.run(&["apply"], "").status.success());
    (server, port)
}

fn run(which: Which, allowed: Allowed) {
    let (rate, changes) = (number("MKX_EDGE_RATE", 400), number("MKX_EDGE_CHANGES", 6));
    let mut world = World::new();
    let (_server, port) = edge(&mut world, which);
    // Debian's Caddy can not keep a WebSocket, and the tool refuses while there is one.
    let sockets = if which == Which::Current { 20 } else { 0 };
    let mut sockets: Vec<_> = (0..sockets).map(|_| websocket(port)).collect();
    // So that four requests are on the way at any time; where each may be a WebSocket for all that
    // the tool knows, as short as can be.
    let takes = match which {
        Which::Debian => 0,
        Which::Current => 1_000_000 * WORKERS / rate / 2,
    };
    let tally = Arc::new(Tally::default());
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let tally = tally.clone();
            std::thread::spawn(move || work(port, rate, takes, worker, &tally))
        })
        .collect();
    let since = Instant::now();
    let (mut applied, mut busy, mut refused) = (0, 0, 0);
    let arguments: &[&str] = match allowed {
        Allowed::Nothing => &["apply"],
        Allowed::CloseConnections => &["apply", "--close-connections"],
    };
    for change in 0..changes {
        world.write_users(&[("developer", &format!("password {change}"))]);
        let output = world.run(arguments, "");
        let said = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => applied += 1,
            Some(5) if said.contains("requests a second") => busy += 1,
            Some(5) if said.contains("do not end") => refused += 1,
            code => panic!(
                "{code:?}: {said}\n{}",
                String::from_utf8_lossy(&output.stdout)
            ),
        }
    }
    let seconds = since.elapsed().as_secs_f64();
    tally.stopped.store(true, Ordering::Relaxed);
    workers
        .into_iter()
        .for_each(|worker| worker.join().unwrap());
    let open = sockets
        .iter_mut()
        .filter_map(|socket| is_open(socket).then_some(()))
        .count();
    let [answered, failed, resent, aborted, slowest] = [
        &tally.answered,
        &tally.failed,
        &tally.resent,
        &tally.aborted,
        &tally.slowest_us,
    ]
    .map(|count| count.load(Ordering::Relaxed));
    eprintln!(
        "{which:?}: {applied} changes applied, {busy} refused as production is busy, {refused} for its streams in {seconds:.1} s; {answered} requests answered ({:.0} a second), {failed} failed, {aborted} aborted, {resent} sent again, slowest {:.0} ms; {open} of {} WebSockets open",
        f64::from(u32::try_from(answered).unwrap()) / seconds,
        f64::from(u32::try_from(slowest).unwrap()) / 1000.0,
        sockets.len()
    );
    assert_eq!(failed, 0);
    assert_eq!(open, sockets.len());
    let closes = which == Which::Current && closes_new_connections(&world);
    if !closes {
        assert!(applied > 0 && busy == 0 && aborted == 0);
    } else if allowed == Allowed::Nothing {
        assert!(applied == 0 && busy == changes && aborted == 0 && resent == 0);
    } else {
        // The bound is about twice what was measured (21 in 100 changes at 2,000 requests a
        // second): it is a limit against getting worse, not a promise.
        assert!(aborted <= 3 + changes * rate / 4000, "{aborted} aborted");
        assert!(applied == changes);
    }
}

fn closes_new_connections(world: &World) -> bool {
    let output = world.run(&["apply"], "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["closes_new_connections"].as_bool().unwrap()
}

/// Runs one of the tests below again, where the kernel's setting is on and nobody else is; true
/// where this is that second run.
fn is_in_own_network(test: &str) -> bool {
    const MARK: &str = "MKX_IN_OWN_NETWORK";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let script = "ip link set lo up && echo 1 > /proc/sys/net/ipv4/tcp_migrate_req && exec \"$@\"";
    let status = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--net",
            "sh",
            "-c",
            script,
            "sh",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("load::{test}"), "--nocapture"])
        .env(MARK, "1")
        .env(
            "PATH",
            format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap()),
        )
        .status()
        .unwrap_or_else(|error| panic!("there is no unshare ({error}): run scripts/setup"));
    assert!(status.success());
    false
}

#[test]
fn no_request_of_production_fails_while_debians_caddy_is_changed() {
    if is_in_own_network("no_request_of_production_fails_while_debians_caddy_is_changed") {
        run(Which::Debian, Allowed::Nothing);
    }
}

#[test]
fn no_request_of_a_busy_production_fails_since_a_current_caddy_is_not_changed() {
    if is_in_own_network(
        "no_request_of_a_busy_production_fails_since_a_current_caddy_is_not_changed",
    ) {
        run(Which::Current, Allowed::Nothing);
    }
}

#[test]
fn a_second_attempt_is_always_answered_and_no_websocket_closes_while_a_current_caddy_is_changed() {
    if is_in_own_network(
        "a_second_attempt_is_always_answered_and_no_websocket_closes_while_a_current_caddy_is_changed",
    ) {
        run(Which::Current, Allowed::CloseConnections);
    }
}

/// The report tells beforehand what becomes of a connection that is open when a change comes and
/// has not asked yet.
#[test]
fn the_report_says_whether_a_connection_that_has_not_asked_yet_is_closed() {
    for which in [Which::Debian, Which::Current] {
        let mut world = World::new();
        let (_server, port) = edge(&mut world, which);
        let mut early = connect(port).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        world.write_users(&[("developer", "another password")]);
        let output = world.run(&["apply"], "");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["changed"], true);
        let is_answered = ask(&mut early, 0).unwrap_or(false);
        assert_eq!(report["closes_new_connections"], !is_answered, "{which:?}");
    }
}
