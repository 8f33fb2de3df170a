//! Whatever ends a run in the middle, EB is as it was, and the next run cleans up and succeeds.

use mkx_tests::fingerprint::{Fingerprint, fingerprint};
use mkx_tests::postgres_server::PostgresServer;
use mkx_tests::shop;
use mkx_tests::site::{DATABASE, Site};
use mkx_tests::tool::{Running, Tool};
use mkx_tests::tunnel::Tunnel;
use postgres::{CancelToken, NoTls};
use std::time::{Duration, Instant};

/// The phases of a run that change something, in order.
const PHASES: [&str; 7] = [
    "clean", "schema", "copy", "indexes", "finish", "verify", "pristine",
];

fn run(site: &Site) -> Tool {
    shop::sample(site, &["run", "--percent", "100"])
}

/// A site whose EB holds a sample that a developer has worked on.
fn filled() -> Site {
    let site = shop::open();
    run(&site).run().expect_code(0);
    site.eb
        .client(DATABASE)
        .batch_execute(
            "DELETE FROM shop.orders WHERE id % 2 = 0; CREATE TABLE public.mine (id int)",
        )
        .unwrap();
    site
}

/// EB's database: its number and content.
fn eb(site: &Site) -> (u32, Fingerprint) {
    let mut client = site.eb.client(DATABASE);
    let row = client
        .query_one(
            "SELECT oid FROM pg_database WHERE datname = current_database()",
            &[],
        )
        .unwrap();
    (row.get(0), fingerprint(&mut client).unwrap())
}

fn databases(site: &Site) -> Vec<String> {
    site.eb
        .client("postgres")
        .query(
            "SELECT datname::text FROM pg_database WHERE datname LIKE 'makapix%' ORDER BY 1",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect()
}

#[track_caller]
fn check_next_run_succeeds(site: &Site) {
    let ea = fingerprint(&mut site.ea.client(DATABASE)).unwrap();
    let finished = run(site).run().expect_code(0);
    let report: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(report["ok"], true);
    assert_eq!(databases(site), ["makapix", "makapix_mkx_pristine"]);
    assert!(!site.path("state/sample-run").exists());
    assert_eq!(fingerprint(&mut site.ea.client(DATABASE)).unwrap(), ea);
}

#[track_caller]
fn started(site: &Site, phase: &str) -> Running {
    let mut running = run(site).spawn();
    let phase = format!("phase {phase}");
    assert!(running.wait_for_stderr(&phase), "{}", running.stderr());
    running
}

#[test]
fn a_run_that_is_killed_leaves_eb_as_it_was() {
    let site = filled();
    let before = eb(&site);
    for phase in PHASES {
        // The last phase may be over in less; killing in the swap has a test of its own.
        let delays: &[u64] = if phase == "pristine" { &[0] } else { &[0, 60] };
        for delay in delays {
            let running = started(&site, phase);
            std::thread::sleep(Duration::from_millis(*delay));
            let said = running.kill().stderr;
            assert!(!said.contains("phase swap"), "{said}");
            assert_eq!(eb(&site), before, "killed in phase {phase}");
        }
    }
    check_next_run_succeeds(&site);
}

#[test]
fn a_run_that_is_killed_while_it_swaps_leaves_the_old_or_the_new() {
    let site = filled();
    for delay in [0, 5, 15, 40] {
        site.eb
            .client(DATABASE)
            .batch_execute("CREATE TABLE IF NOT EXISTS public.mine (id int)")
            .unwrap();
        let old = eb(&site);
        let running = started(&site, "swap");
        std::thread::sleep(Duration::from_millis(delay));
        running.kill();
        let now = eb(&site);
        if now.0 == old.0 {
            assert_eq!(now, old);
        } else {
            assert!(!now.1.contains_key("public.mine"));
            assert_eq!(now.1["shop.orders"].0, 6000);
        }
    }
    check_next_run_succeeds(&site);
    shop::sample(&site, &["reset"]).run().expect_code(0);
    assert_eq!(eb(&site).1["shop.orders"].0, 6000);
}

#[test]
fn a_reset_that_is_killed_leaves_the_old_or_the_pristine() {
    let site = filled();
    let old = eb(&site);
    for phase in ["clean", "copy", "swap"] {
        let mut running = shop::sample(&site, &["reset"]).spawn();
        assert!(running.wait_for_stderr(&format!("phase {phase}")));
        running.kill();
        let now = eb(&site);
        assert!(
            now == old || now.1["shop.orders"].0 == 6000,
            "killed in phase {phase}"
        );
    }
    shop::sample(&site, &["reset"]).run().expect_code(0);
    assert_eq!(databases(&site), ["makapix", "makapix_mkx_pristine"]);
    assert_eq!(eb(&site).1["shop.orders"].0, 6000);
}

#[test]
fn ctrl_c_cleans_up_and_says_130() {
    let site = filled();
    let before = eb(&site);
    for phase in ["schema", "copy", "indexes", "verify"] {
        let mut running = started(&site, phase);
        std::thread::sleep(Duration::from_millis(30));
        running.interrupt();
        let finished = running.wait().expect_code(130);
        assert_eq!(finished.stdout, "");
        assert_eq!(eb(&site), before, "interrupted in phase {phase}");
        assert_eq!(databases(&site), ["makapix", "makapix_mkx_pristine"]);
    }
    check_next_run_succeeds(&site);
}

/// Production holds off the session that reads, so that the signal finds it in that phase.
#[test]
fn ctrl_c_says_130_also_before_anything_is_changed() {
    let site = filled();
    let before = eb(&site);
    for phase in ["guard", "select"] {
        let mut production = site.ea.client(DATABASE);
        let mut held = production.transaction().unwrap();
        held.batch_execute("LOCK TABLE shop.orders IN ACCESS EXCLUSIVE MODE")
            .unwrap();
        let mut running = started(&site, phase);
        std::thread::sleep(Duration::from_millis(300));
        running.interrupt();
        let finished = running.wait().expect_code(130);
        assert!(
            !finished.stderr.contains("phase clean"),
            "{}",
            finished.stderr
        );
        assert_eq!(finished.stdout, "");
        assert_eq!(eb(&site), before, "interrupted in phase {phase}");
    }
    check_next_run_succeeds(&site);
}

#[test]
fn a_server_that_restarts_leaves_eb_as_it_was() {
    let site = filled();
    let mut before = eb(&site);
    let mut ends = Vec::new();
    // Production is not needed any more when the sample has been judged.
    for (server, phases) in [(&site.ea, &PHASES[1..6]), (&site.eb, &PHASES[1..7])] {
        for phase in phases {
            let running = started(&site, phase);
            server.restart_immediate();
            let finished = running.wait();
            ends.push((*phase, finished.code));
            // A phase that was over before the server went may not have missed it.
            if finished.code == 0 {
                before = eb(&site);
                continue;
            }
            assert_eq!(finished.code, 4, "{}", finished.stderr);
            assert_eq!(eb(&site), before, "restarted in phase {phase}");
        }
    }
    let failed = ends.iter().filter(|(_, code)| *code == 4).count();
    assert!(failed >= 8, "{ends:?}");
    check_next_run_succeeds(&site);
}

#[test]
fn a_server_that_restarts_while_it_swaps_leaves_what_the_run_says() {
    let site = filled();
    for delay in [0, 10, 30] {
        let old = eb(&site).0;
        let running = started(&site, "swap");
        std::thread::sleep(Duration::from_millis(delay));
        site.eb.restart_immediate();
        let finished = running.wait();
        let is_swapped = eb(&site).0 != old;
        let expected = if is_swapped { 0 } else { 4 };
        assert_eq!(finished.code, expected, "{}", finished.stderr);
    }
    check_next_run_succeeds(&site);
}

#[test]
fn a_swap_whose_success_is_never_heard_of_is_one() {
    let site = filled();
    for arguments in [vec!["run", "--percent", "100"], vec!["reset"]] {
        let old = eb(&site).0;
        let tunnel = Tunnel::losing_a_rename(site.eb.port());
        let url = format!("postgresql://owner@127.0.0.1:{}/{DATABASE}", tunnel.port());
        let finished = shop::sample(&site, &arguments)
            .args(["--to", &url])
            .run()
            .expect_code(0);
        assert!(tunnel.has_lost());
        assert!(eb(&site).0 != old);
        let left = databases(&site);
        assert_eq!(
            left,
            ["makapix", "makapix_mkx_pristine"],
            "{}",
            finished.stderr
        );
    }
}

#[test]
fn a_connection_that_is_cut_leaves_eb_as_it_was() {
    let site = filled();
    let before = eb(&site);
    let (ea, eb_port) = (site.ea.port(), site.eb.port());
    for (flag, role, port) in [("--from", "mkx_reader", ea), ("--to", "owner", eb_port)] {
        let tunnel = Tunnel::to(port);
        let url = format!("postgresql://{role}@127.0.0.1:{}/{DATABASE}", tunnel.port());
        let mut running = run(&site).args([flag, &url]).spawn();
        assert!(
            running.wait_for_stderr("phase copy"),
            "{}",
            running.stderr()
        );
        tunnel.cut();
        running.wait().expect_code(4);
        assert_eq!(eb(&site), before);
    }
    check_next_run_succeeds(&site);
}

#[test]
fn a_full_disk_leaves_eb_as_it_was_and_room_is_enough_to_go_on() {
    const MEGABYTE: u64 = 1 << 20;
    let site = filled();
    let before = eb(&site);
    // From no room for an empty database up to room for all but the pristine copy.
    for free in [1, 6, 9] {
        site.eb.restart_on_small_disk(free * MEGABYTE);
        let finished = run(&site).run().expect_code(4);
        let said = &finished.stderr;
        let is_named = [
            "No space left on device",
            "make room",
            "Check free disk space",
        ];
        assert!(is_named.iter().any(|words| said.contains(words)), "{said}");
        assert_eq!(eb(&site), before);
        assert_eq!(databases(&site), ["makapix", "makapix_mkx_pristine"]);
        site.eb.stop();
        site.eb.launch();
        assert_eq!(eb(&site), before);
    }
    site.eb.restart_on_small_disk(MEGABYTE);
    run(&site).run().expect_code(4);
    site.eb.enlarge_small_disk(200 * MEGABYTE);
    check_next_run_succeeds(&site);
}

#[test]
fn what_the_server_vacuums_is_removed_too() {
    let site = shop::open();
    let mut superuser = site.eb.client("postgres");
    for statement in [
        "ALTER SYSTEM SET autovacuum_naptime = '1s'",
        "ALTER SYSTEM SET autovacuum_vacuum_cost_delay = '100ms'",
        "ALTER SYSTEM SET autovacuum_vacuum_cost_limit = 1",
        "ALTER SYSTEM SET autovacuum = on",
        "SELECT pg_reload_conf()",
        "CREATE DATABASE makapix_mkx_old OWNER owner CONNECTION LIMIT 7170936",
    ] {
        superuser.batch_execute(statement).unwrap();
    }
    for statement in [
        "CREATE TABLE big AS SELECT g FROM generate_series(1, 200000) g",
        "DELETE FROM big WHERE g % 2 = 0",
    ] {
        site.eb
            .client("makapix_mkx_old")
            .batch_execute(statement)
            .unwrap();
    }
    let mut is_vacuumed = false;
    for _ in 0..300 {
        let worker = superuser
            .query_opt(
                "SELECT FROM pg_stat_activity WHERE datname = 'makapix_mkx_old'
                   AND backend_type = 'autovacuum worker' AND query LIKE '%VACUUM%big%'",
                &[],
            )
            .unwrap();
        is_vacuumed = worker.is_some();
        if is_vacuumed {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(is_vacuumed);
    check_next_run_succeeds(&site);
}

/// The command lines of client programs that work with this server.
fn programs_at(server: &PostgresServer) -> Vec<String> {
    let port = format!(":{}/", server.port());
    let is_one = |line: &String| {
        let is_named = |name| {
            line.split('\0')
                .next()
                .is_some_and(|word| word.ends_with(name))
        };
        line.contains(&port) && (is_named("/pg_dump") || is_named("/pg_restore"))
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|process| std::fs::read_to_string(process.path().join("cmdline")).ok())
        .filter(is_one)
        .collect()
}

/// How many sessions of ours there are on the server, and how many of them wait for a lock.
fn sessions_at(server: &PostgresServer) -> (i64, i64) {
    let sql = "SELECT count(*), count(*) FILTER (WHERE wait_event_type = 'Lock')
               FROM pg_stat_activity WHERE application_name = 'mkx-sample'";
    let row = server.client("postgres").query_one(sql, &[]).unwrap();
    (row.get(0), row.get(1))
}

#[track_caller]
fn wait_until(limit: Duration, what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + limit;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs into this lock, which is asked for when a phase begins: a client program waits.
#[track_caller]
fn held_up(site: &Site, server: &PostgresServer, phase: &str, database: &str, lock: &str) -> Held {
    let mut running = started(site, "schema");
    wait_until(Duration::from_secs(20), "the database is there", || {
        let sql = "SELECT FROM pg_database WHERE datname = $1";
        let row = server.client("postgres").query_opt(sql, &[&database]);
        row.unwrap().is_some()
    });
    let mut client = server.client(database);
    let token = client.cancel_token();
    assert!(running.wait_for_stderr(&format!("phase {phase}")));
    let held = format!("BEGIN; {lock}; SELECT pg_sleep(120)");
    // It may have to wait for the run itself; a program that comes later waits behind it.
    std::thread::spawn(move || client.batch_execute(&held));
    wait_until(Duration::from_secs(20), "a program waits", || {
        !programs_at(server).is_empty() && sessions_at(server).1 > 0
    });
    Held { running, token }
}

/// A run whose client program waits for a lock.
struct Held {
    running: Running,
    token: CancelToken,
}

/// Nothing of a run goes on at the server, and once the lock is given up the next run succeeds.
#[track_caller]
fn check_it_all_ended(site: &Site, server: &PostgresServer, lock: &CancelToken) {
    wait_until(Duration::from_secs(5), "no program is left", || {
        programs_at(server).is_empty()
    });
    wait_until(Duration::from_secs(5), "no session is left", || {
        sessions_at(server).0 == 0
    });
    lock.cancel_query(NoTls).unwrap();
    check_next_run_succeeds(site);
}

/// Nobody reads or writes rows of it.
const ALL: &str = "LOCK TABLE shop.orders IN ACCESS EXCLUSIVE MODE";
/// It gets rows, and no index or foreign key.
const ITS_SHAPE: &str = "LOCK TABLE shop.orders IN ROW EXCLUSIVE MODE";

#[test]
fn a_dump_ends_with_the_run_that_started_it() {
    let site = shop::open();
    let held = held_up(&site, &site.ea, "schema", DATABASE, ALL);
    held.running.kill();
    check_it_all_ended(&site, &site.ea, &held.token);
}

#[test]
fn a_restore_ends_with_all_its_workers_when_the_run_does() {
    let site = shop::open();
    let held = held_up(&site, &site.eb, "indexes", "makapix_mkx_build", ITS_SHAPE);
    assert!(programs_at(&site.eb).len() > 1);
    held.running.kill();
    check_it_all_ended(&site, &site.eb, &held.token);
}

#[test]
fn a_dump_breaks_off_at_ctrl_c() {
    let site = shop::open();
    let mut held = held_up(&site, &site.ea, "schema", DATABASE, ALL);
    held.running.interrupt();
    held.running.wait().expect_code(130);
    check_it_all_ended(&site, &site.ea, &held.token);
}
