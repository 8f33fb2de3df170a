//! `mkx-sample run` and `reset` on a schema that has what Makapix's lacks.

use mkx_tests::fingerprint::fingerprint;
use mkx_tests::postgres_server::PASSWORD;
use mkx_tests::shop;
use mkx_tests::site::{DATABASE, Site};
use mkx_tests::tool::binary;
use postgres::NoTls;
use serde_json::{Value, json};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

fn run(site: &Site, arguments: &[&str]) -> Value {
    let finished = shop::sample(site, &["run", "--percent", "100"])
        .args(arguments)
        .run()
        .expect_code(0);
    serde_json::from_str(&finished.stdout).unwrap()
}

fn text(client: &mut postgres::Client, sql: &str) -> String {
    let rows = client.query(sql, &[]).unwrap();
    let texts: Vec<String> = rows
        .iter()
        .map(|row| {
            row.get::<_, Option<String>>(0)
                .unwrap_or_else(|| "null".into())
        })
        .collect();
    texts.join(" ")
}

#[test]
fn the_schema_comes_whole_but_for_what_reaches_other_servers() {
    let site = shop::open();
    let before = fingerprint(&mut site.ea.client(DATABASE)).unwrap();
    let report = run(&site, &[]);
    assert_eq!(report["record"], "mkx.sample.report/2");
    assert_eq!(report["verification"]["ok"], true);
    let mut eb = site.eb.client(DATABASE);
    let now = fingerprint(&mut eb).unwrap();
    for table in ["shop.country", "shop.visits_2025", "shop.visits_2026"] {
        assert_eq!(now[table].0, before[table].0);
    }
    assert_eq!(now["shop.invoice_numbers"], before["shop.invoice_numbers"]);
    assert_eq!(
        text(&mut eb, "SELECT count(*)::text FROM shop.turnover"),
        text(
            &mut site.ea.client(DATABASE),
            "SELECT count(*)::text FROM shop.turnover"
        )
    );
    assert_eq!(
        text(
            &mut eb,
            "SELECT tax::text FROM shop.orders WHERE total = 10 LIMIT 1"
        ),
        "2.00"
    );
    for catalog in [
        "pg_publication",
        "pg_subscription",
        "pg_event_trigger",
        "pg_foreign_server",
    ] {
        assert_eq!(
            text(&mut eb, &format!("SELECT count(*)::text FROM {catalog}")),
            "0"
        );
    }
    assert_eq!(
        text(
            &mut eb,
            "SELECT count(*)::text FROM pg_constraint WHERE NOT convalidated"
        ),
        "0"
    );
    assert_eq!(
        text(
            &mut eb,
            "SELECT DISTINCT tableowner::text FROM pg_tables WHERE schemaname IN ('shop', 'odd Name')"
        ),
        "owner"
    );
    eb.batch_execute("INSERT INTO shop.orders (customer_id, state, total) SELECT id, 'new', 1 FROM shop.\"Customer\" LIMIT 1")
        .unwrap();
    assert_eq!(fingerprint(&mut site.ea.client(DATABASE)).unwrap(), before);
}

#[test]
fn a_table_that_a_migration_adds_is_usable_by_the_application() {
    let site = shop::open();
    run(&site, &[]);
    let mut owner = postgres::Client::connect(&site.eb.url_as("owner", DATABASE), NoTls).unwrap();
    owner
        .batch_execute("CREATE TABLE shop.added (id serial PRIMARY KEY, note text)")
        .unwrap();
    let mut worker =
        postgres::Client::connect(&site.eb.url_as("api_worker", DATABASE), NoTls).unwrap();
    worker
        .batch_execute(
            "INSERT INTO shop.added (note) VALUES ('mine'); UPDATE shop.added SET note = 'still';
             DELETE FROM shop.added; SELECT * FROM shop.orders LIMIT 1;
             INSERT INTO shop.orders (customer_id, state, total) SELECT id, 'new', 1 FROM shop.\"Customer\" LIMIT 1",
        )
        .unwrap();
    assert!(worker.batch_execute("TRUNCATE shop.added").is_err());
}

#[test]
fn what_a_developer_set_up_in_eb_is_kept() {
    let site = shop::open();
    run(&site, &[]);
    site.eb
        .client(DATABASE)
        .batch_execute(
            "CREATE ROLE analyst LOGIN;
             GRANT USAGE ON SCHEMA shop TO analyst;
             GRANT SELECT (id, state) ON shop.orders TO analyst;
             GRANT SELECT ON shop.country TO analyst WITH GRANT OPTION;
             REVOKE EXECUTE ON FUNCTION shop.shout(text) FROM PUBLIC;
             GRANT EXECUTE ON FUNCTION shop.shout(text) TO analyst;
             ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA shop GRANT SELECT ON TABLES TO analyst;
             ALTER DATABASE makapix SET search_path TO shop, public;
             ALTER DATABASE makapix SET work_mem TO '7MB';
             ALTER ROLE owner IN DATABASE makapix SET statement_timeout TO '5s';
             ALTER DATABASE makapix CONNECTION LIMIT 40;
             REVOKE TEMPORARY ON DATABASE makapix FROM PUBLIC;",
        )
        .unwrap();
    const PRIVILEGES: &str = "
        SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
          SELECT format('%s %s', c.oid::regclass, a) AS line FROM pg_class c, unnest(relacl) a
            WHERE relnamespace IN ('shop'::regnamespace, '\"odd Name\"'::regnamespace)
          UNION ALL SELECT format('%s.%s %s', attrelid::regclass, attname, a) FROM pg_attribute, unnest(attacl) a
          UNION ALL SELECT format('%s %s', p.oid::regprocedure, a) FROM pg_proc p, unnest(proacl) a
            WHERE pronamespace = 'shop'::regnamespace
          UNION ALL SELECT format('%s %s', nspname, a) FROM pg_namespace, unnest(nspacl) a
          UNION ALL SELECT format('default %s %s %s', defaclnamespace::regnamespace, defaclobjtype, a)
            FROM pg_default_acl, unnest(defaclacl) a
          UNION ALL SELECT format('database %s %s %s', datconnlimit, datdba::regrole, a)
            FROM pg_database, unnest(datacl) a WHERE datname = current_database()
          UNION ALL SELECT format('set %s %s', setrole, setconfig) FROM pg_db_role_setting
            WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
        ) lines";
    let before = text(&mut site.eb.client(DATABASE), PRIVILEGES);
    assert!(before.contains("analyst"));
    run(&site, &[]);
    assert_eq!(text(&mut site.eb.client(DATABASE), PRIVILEGES), before);
    shop::sample(&site, &["reset"]).run().expect_code(0);
    assert_eq!(text(&mut site.eb.client(DATABASE), PRIVILEGES), before);
}

#[test]
fn connections_to_eb_are_only_ended_at_the_swap() {
    let site = shop::open();
    run(&site, &[]);
    site.eb
        .client(DATABASE)
        .batch_execute("GRANT pg_signal_backend TO owner")
        .unwrap();
    let worker = site.eb.url_as("api_worker", DATABASE);
    let mut session = postgres::Client::connect(&worker, NoTls).unwrap();
    let mut running = shop::sample(&site, &["run", "--percent", "100"]).spawn();
    while !running.stderr().contains("phase pristine") && !running.has_ended() {
        session
            .batch_execute("SELECT count(*) FROM shop.orders")
            .unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    running.wait().expect_code(0);
    assert!(session.batch_execute("SELECT 1").is_err());
    site.eb
        .client(DATABASE)
        .batch_execute("SELECT count(*) FROM shop.orders")
        .unwrap();
}

#[test]
fn a_session_that_can_not_be_ended_leaves_eb_as_it_was() {
    let site = shop::open();
    run(&site, &[]);
    // the owner may not end a superuser's session
    let mut session = site.eb.client(DATABASE);
    let oid = "SELECT oid::text FROM pg_database WHERE datname = current_database()";
    let before = text(&mut session, oid);
    let finished = shop::sample(&site, &["run", "--percent", "100"])
        .run()
        .expect_code(4);
    assert!(
        finished
            .stderr
            .contains("the swap will fail while they are there")
    );
    assert!(
        finished.stderr.contains("cannot swap"),
        "{}",
        finished.stderr
    );
    assert_eq!(text(&mut session, oid), before);
    drop(session);
    run(&site, &[]);
}

#[test]
fn reset_gives_the_pristine_sample_back_without_production() {
    let site = shop::open();
    run(&site, &[]);
    let sampled = fingerprint(&mut site.eb.client(DATABASE)).unwrap();
    site.eb
        .client(DATABASE)
        .batch_execute("DROP SCHEMA shop CASCADE")
        .unwrap();
    site.ea.stop();
    for _ in 0..2 {
        let finished = shop::sample(&site, &["reset"]).run().expect_code(0);
        let report: Value = serde_json::from_str(&finished.stdout).unwrap();
        assert_eq!(report["ok"], true);
        assert_eq!(fingerprint(&mut site.eb.client(DATABASE)).unwrap(), sampled);
    }
    site.ea.launch();
}

/// As in a container: no password file is there.
#[test]
fn programs_behind_a_command_have_the_password_of_the_password_file() {
    let site = shop::open();
    let mut document: Value =
        serde_json::from_slice(&std::fs::read(site.document_path()).unwrap()).unwrap();
    for environment in ["ea", "eb"] {
        let database = &mut document["environments"][environment]["database"];
        database["password"] = Value::Null;
        database["client_command"] = json!(["env", "--unset=PGPASSFILE", "HOME=/nowhere"]);
    }
    std::fs::write(site.document_path(), document.to_string()).unwrap();
    let passwords = site.path("passwords");
    std::fs::write(&passwords, format!("*:*:*:*:{PASSWORD}\n")).unwrap();
    let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&passwords, owner_only).unwrap();
    shop::sample(&site, &["run", "--percent", "100"])
        .env("PGPASSFILE", &passwords)
        .env("TMPDIR", site.folder())
        .run()
        .expect_code(0);
}

#[test]
fn without_an_untouched_copy_reset_says_what_to_do() {
    let site = shop::open();
    let report = run(&site, &["--no-pristine"]);
    assert_eq!(report["pristine_database"], Value::Null);
    let finished = shop::sample(&site, &["reset"]).run().expect_code(3);
    assert!(finished.stderr.contains("mkx-sample run"));
}

#[test]
fn a_reader_that_goes_away_does_not_stop_the_run() {
    let site = shop::open();
    let status = Command::new("bash")
        .current_dir(site.folder())
        .args([
            "-c",
            "\"$0\" --quiet run --percent 100 | true; exit ${PIPESTATUS[0]}",
        ])
        .arg(binary("mkx-sample"))
        .status()
        .unwrap();
    assert!(status.success());
    let mut eb = site.eb.client(DATABASE);
    assert_eq!(
        text(&mut eb, "SELECT count(*)::text FROM shop.orders"),
        "6000"
    );
}

#[test]
fn a_standby_of_production_serves_as_well() {
    let site = shop::open();
    let standby = site.ea.standby();
    let url = standby.url_without_password("mkx_reader", DATABASE);
    let report = run(&site, &["--from", &url]);
    assert_eq!(report["rows"], report["rows_in_source"]);
}

#[test]
fn both_environments_may_share_a_server() {
    let site = shop::open();
    let before = fingerprint(&mut site.ea.client(DATABASE)).unwrap();
    let url = site.ea.url_without_password("owner", "makapix_dev");
    run(&site, &["--to", &url]);
    let mut eb = site.ea.client("makapix_dev");
    assert_eq!(
        text(&mut eb, "SELECT count(*)::text FROM shop.orders"),
        "6000"
    );
    assert_eq!(fingerprint(&mut site.ea.client(DATABASE)).unwrap(), before);
}

#[test]
fn a_name_of_63_bytes_is_no_trouble() {
    let site = shop::open();
    let name = "m".repeat(63);
    let url = site.eb.url_without_password("owner", &name);
    for _ in 0..2 {
        run(&site, &["--to", &url]);
    }
    shop::sample(&site, &["reset", "--to", &url])
        .run()
        .expect_code(0);
    let mut eb = site.eb.client(&name);
    assert_eq!(
        text(&mut eb, "SELECT count(*)::text FROM shop.orders"),
        "6000"
    );
}

/// Set when dropped, also by a panic.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn rows_that_come_and_go_meanwhile_leave_no_orphan() {
    let site = shop::open();
    let is_over = AtomicBool::new(false);
    let turns = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let over = Over(&is_over);
        scope.spawn(|| {
            let mut production = site.ea.client(DATABASE);
            while !is_over.load(Ordering::Relaxed) {
                let turn = turns.load(Ordering::Relaxed) + 1;
                production
                    .batch_execute(&format!(
                        "DELETE FROM shop.\"Customer\" WHERE id = {turn} AND NOT EXISTS
                           (SELECT FROM shop.\"Customer\" WHERE invited_by = {turn});
                         WITH c AS (INSERT INTO shop.\"Customer\" (\"full name\", email)
                           VALUES ('New', 'new{turn}@mail.test') RETURNING id)
                         INSERT INTO shop.orders (customer_id, state, total) SELECT id, 'new', 1 FROM c"
                    ))
                    .unwrap();
                turns.store(turn, Ordering::Relaxed);
            }
        });
        let mut running = shop::sample(&site, &["run", "--percent", "100"]).spawn();
        let mut turns_at = |phase: &str| {
            assert!(running.wait_for_stderr(&format!("phase {phase}")));
            turns.load(Ordering::Relaxed)
        };
        let (first, last) = (turns_at("copy"), turns_at("verify"));
        assert!(
            last > first + 1,
            "nothing came or went while rows were copied"
        );
        let report = running.wait().expect_code(0).stdout;
        drop(over);
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["verification"]["ok"], true);
    });
}

#[test]
fn the_development_password_is_in_a_file_for_its_owner_only() {
    let site = shop::open();
    let report = run(&site, &[]);
    let path = report["password_file"].as_str().unwrap();
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let password = std::fs::read_to_string(path).unwrap();
    let journal = std::fs::read_to_string(site.path("state/journal.jsonl")).unwrap();
    for secret in [password.trim(), PASSWORD] {
        assert!(!report.to_string().contains(secret));
        assert!(!journal.contains(secret));
    }
}

#[test]
fn a_terminal_shows_a_table_with_its_rows_and_bytes() {
    let site = shop::open();
    let sample = binary("mkx-sample");
    let command = format!(
        "stty cols 120; exec {} run --percent 100 --jobs 1 --no-pristine >report.json",
        sample.display()
    );
    let shown = Command::new("timeout")
        .args(["120", "script", "--quiet", "--return"])
        .args(["--command", &command, "/dev/null"])
        .current_dir(site.folder())
        .env("TERM", "xterm")
        .output()
        .unwrap();
    assert!(shown.status.success(), "{shown:?}");
    let shown = String::from_utf8(shown.stdout).unwrap();
    // "shop.visits_2026   ██████   61,440 rows, 1.32 MiB"
    let bar = shown
        .split(['\r', '\n'])
        .find(|line| line.contains("shop.visits") && line.contains(" rows, "));
    let bar = bar.unwrap_or_else(|| panic!("no bar: {shown}"));
    let (before, bytes) = bar.split_once(" rows, ").unwrap();
    assert!(before.ends_with(|last: char| last.is_ascii_digit()));
    assert!(
        ["KiB", "MiB"].iter().any(|unit| bytes.contains(unit)),
        "{bar}"
    );
}
