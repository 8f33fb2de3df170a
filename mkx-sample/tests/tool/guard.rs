//! Every attempt to aim the writing end of `mkx-sample` at production, or at what is not ours, ends
//! in exit 5 with nothing touched.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpListener;
use std::time::Duration;

use mkx_contract::tool::lock::SiteLock;
use mkx_tests::fingerprint::{Fingerprint, fingerprint};
use mkx_tests::postgres_server::PostgresServer;
use mkx_tests::shop;
use mkx_tests::site::{DATABASE, Site};
use mkx_tests::tunnel::Tunnel;

/// Databases with their numbers, comments and content.
type Everything = BTreeMap<String, (u32, Option<String>, Option<Fingerprint>)>;

fn everything(server: &PostgresServer) -> Everything {
    let rows = server
        .client("postgres")
        .query(
            "SELECT datname::text, oid, shobj_description(oid, 'pg_database'), datallowconn FROM pg_database",
            &[],
        )
        .unwrap();
    rows.iter()
        .map(|row| {
            let name: String = row.get(0);
            let content = row
                .get::<_, bool>(3)
                .then(|| fingerprint(&mut server.client(&name)).unwrap());
            (name, (row.get(1), row.get(2), content))
        })
        .collect()
}

#[track_caller]
fn check_refused(site: &Site, arguments: &[&str], expected: &str) {
    let before = (everything(&site.ea), everything(&site.eb));
    let journal = std::fs::read(site.path("state/journal.jsonl")).ok();
    let finished = shop::sample(site, arguments).run().expect_code(5);
    assert!(finished.stderr.contains(expected), "{}", finished.stderr);
    assert_eq!(finished.stdout, "");
    assert!((everything(&site.ea), everything(&site.eb)) == before);
    assert_eq!(
        std::fs::read(site.path("state/journal.jsonl")).ok(),
        journal
    );
}

#[test]
fn production_is_never_written_to_by_whatever_address() {
    let site = shop::open();
    let port = site.ea.port();
    let tunnel = Tunnel::to(port);
    let ipv6 = Tunnel::from_ipv6(port);
    let standby = site.ea.standby();
    // Another role than the one that owns the database.
    site.ea
        .client(DATABASE)
        .batch_execute("CREATE ROLE somebody LOGIN CREATEDB PASSWORD 'only-in-tests'")
        .unwrap();
    let socket = site.ea.socket_directory().display();
    for url in [
        format!("postgresql://owner@127.0.0.1:{port}/{DATABASE}"),
        format!("postgresql://owner@localhost:{port}/{DATABASE}"),
        format!("postgresql://postgres@localhost:{port}/{DATABASE}?hostaddr=127.0.0.1"),
        format!("postgresql://owner@/{DATABASE}?host={socket}&port={port}"),
        format!("postgresql://owner@127.0.0.1:{}/{DATABASE}", tunnel.port()),
        format!("postgresql://owner@[::1]:{}/{DATABASE}", ipv6.port()),
        format!(
            "postgresql://owner@localhost/{DATABASE}?hostaddr=::1&port={}",
            ipv6.port()
        ),
        format!("postgresql://somebody@[::1]:{}/{DATABASE}", ipv6.port()),
        standby.url_without_password("owner", DATABASE),
    ] {
        check_refused(
            &site,
            &["run", "--to", &url],
            "it is the database that the sample is read from",
        );
        check_refused(
            &site,
            &["reset", "--to", &url],
            "it is not a sample of this site",
        );
    }
}

#[test]
fn a_standby_is_no_target() {
    let site = shop::open();
    let standby = site.eb.standby();
    let url = standby.url_without_password("owner", DATABASE);
    check_refused(&site, &["run", "--to", &url], "it is a standby");
}

#[test]
fn swapped_ends_are_refused_before_and_after_the_first_run() {
    let site = shop::open();
    let ea = site.ea.url_without_password("owner", DATABASE);
    let eb = site.eb.url_without_password("owner", DATABASE);
    let swapped = ["run", "--from", &eb, "--to", &ea];
    check_refused(
        &site,
        &swapped,
        "nothing says that they are a sample of ours",
    );
    shop::sample(&site, &["run", "--percent", "100"])
        .run()
        .expect_code(0);
    check_refused(&site, &swapped, "it is a development sample itself");
}

#[test]
fn someone_elses_tables_are_kept() {
    let site = shop::open();
    site.eb
        .client(DATABASE)
        .batch_execute("CREATE TABLE notes AS SELECT 'of a colleague' AS note")
        .unwrap();
    check_refused(&site, &["run"], "it holds 1 tables and other objects");
}

#[test]
fn a_database_of_foreign_tables_is_kept_and_nothing_is_written_through_them() {
    let site = shop::open();
    let port = site.ea.port();
    site.eb
        .client(DATABASE)
        .batch_execute(&format!(
            "CREATE EXTENSION postgres_fdw;
             CREATE SERVER production FOREIGN DATA WRAPPER postgres_fdw
               OPTIONS (host '127.0.0.1', port '{port}', dbname '{DATABASE}');
             CREATE USER MAPPING FOR PUBLIC SERVER production OPTIONS (user 'postgres', password 'only-in-tests');
             CREATE SCHEMA shop;
             CREATE FOREIGN TABLE shop.country (code char(2), name text)
               SERVER production OPTIONS (schema_name 'shop', table_name 'country');"
        ))
        .unwrap();
    let through = "SELECT count(*) FROM shop.country";
    let rows: i64 = site
        .eb
        .client(DATABASE)
        .query_one(through, &[])
        .unwrap()
        .get(0);
    assert_eq!(rows, 3, "the foreign table leads to production");
    check_refused(&site, &["run"], "tables and other objects");
}

#[test]
fn a_database_of_another_owner_is_kept() {
    let site = shop::open();
    site.eb
        .client(DATABASE)
        .batch_execute(&format!(
            "CREATE ROLE somebody; ALTER DATABASE {DATABASE} OWNER TO somebody; CREATE TABLE theirs (id integer)"
        ))
        .unwrap();
    check_refused(&site, &["run"], "it holds 1 tables and other objects");
}

#[test]
fn someone_elses_functions_are_kept() {
    let site = shop::open();
    site.eb
        .client(DATABASE)
        .batch_execute("CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        .unwrap();
    check_refused(&site, &["run"], "it holds 1 tables and other objects");
}

#[test]
fn another_sites_sample_is_kept() {
    let site = shop::open();
    let mark = r#"{"mkx":"sample","site":"bakery","environment":"eb","created_at":"2026-01-01T00:00:00Z"}"#;
    site.eb
        .client(DATABASE)
        .batch_execute(&format!("COMMENT ON DATABASE {DATABASE} IS '{mark}'"))
        .unwrap();
    check_refused(
        &site,
        &["run"],
        "it holds the sample of another site, \"bakery\"",
    );
}

#[test]
fn a_mark_on_production_does_not_make_it_a_target() {
    let site = shop::open();
    let mark = r#"{"mkx":"sample","site":"makapix","environment":"eb","created_at":"2026-01-01T00:00:00Z"}"#;
    site.ea
        .client(DATABASE)
        .batch_execute(&format!("COMMENT ON DATABASE {DATABASE} IS '{mark}'"))
        .unwrap();
    let ea = site.ea.url_without_password("owner", DATABASE);
    check_refused(
        &site,
        &["run", "--to", &ea],
        "it is a development sample itself",
    );
    let eb = site.eb.url_without_password("owner", DATABASE);
    check_refused(
        &site,
        &["run", "--from", &eb, "--to", &eb],
        "it is the database that the sample is read from",
    );
}

/// The comment of a database.
fn comment(server: &PostgresServer) -> String {
    let comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()";
    let row = server.client(DATABASE).query_one(comment, &[]).unwrap();
    row.get(0)
}

fn set_comment(server: &PostgresServer, comment: &str) {
    server
        .client(DATABASE)
        .batch_execute(&format!("COMMENT ON DATABASE {DATABASE} IS '{comment}'"))
        .unwrap();
}

/// As a dump of development with its comment does, restored over production.
#[test]
fn production_with_developments_mark_is_neither_reset_nor_judged() {
    let site = shop::open();
    shop::sample(&site, &["run", "--percent", "100"])
        .run()
        .expect_code(0);
    let mark = comment(&site.eb);
    let origin = "\"source\":{";
    assert!(mark.contains(origin), "{mark}");
    let of_an_earlier_version = format!("{}}}", mark.split(",\"source\":").next().unwrap());
    let ea = site.ea.url_without_password("owner", DATABASE);
    let itself = "it is the database that the sample is read from";
    check_refused(&site, &["verify", "--to", &ea], itself);
    for mark in [&mark, &of_an_earlier_version] {
        set_comment(&site.ea, mark);
        for verb in ["reset", "verify"] {
            check_refused(&site, &[verb, "--to", &ea], itself);
        }
    }
    // Development is reset without production where its mark tells them apart, else not.
    set_comment(&site.eb, &of_an_earlier_version);
    shop::sample(&site, &["reset"]).run().expect_code(0);
    set_comment(&site.eb, &of_an_earlier_version);
    site.ea.stop();
    let finished = shop::sample(&site, &["reset"]).run().expect_code(5);
    assert!(
        finished.stderr.contains("does not tell it from production"),
        "{}",
        finished.stderr
    );
    set_comment(&site.eb, &mark);
    shop::sample(&site, &["reset"]).run().expect_code(0);
    site.ea.launch();
}

#[test]
fn a_target_is_opened_read_only_before_it_is_known() {
    let site = shop::open();
    for verb in ["run", "reset", "verify"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (say, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let (mut session, _) = listener.accept().unwrap();
            let mut start = [0; 4096];
            let length = session.read(&mut start).unwrap();
            say.send(String::from_utf8_lossy(&start[..length]).into_owned())
                .ok();
        });
        let url = format!("postgresql://owner@127.0.0.1:{port}/{DATABASE}?sslmode=disable");
        shop::sample(&site, &[verb, "--to", &url])
            .run()
            .expect_code(4);
        let start = heard.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(
            start.contains("default_transaction_read_only=on"),
            "{verb}: {start}"
        );
    }
}

#[test]
fn a_database_that_only_has_the_name_of_a_leftover_is_kept() {
    let site = shop::open();
    for name in [
        "makapix_mkx_build",
        "makapix_mkx_pristine",
        "makapix_mkx_old",
    ] {
        site.eb.create_database(name);
        site.eb
            .client(name)
            .batch_execute("CREATE TABLE notes AS SELECT 'of a colleague' AS note")
            .unwrap();
        check_refused(&site, &["run"], "a database that is not ours has it");
        site.eb
            .client("postgres")
            .batch_execute(&format!("DROP DATABASE {name}"))
            .unwrap();
    }
}

#[test]
fn two_changing_runs_exclude_each_other() {
    let site = shop::open();
    let held = SiteLock::take(&site.path("state"), "a colleague's run").unwrap();
    for verb in ["run", "reset"] {
        check_refused(&site, &[verb], "a colleague's run");
    }
    drop(held);
    shop::sample(&site, &["run", "--percent", "100"])
        .run()
        .expect_code(0);
}

#[test]
fn a_password_among_the_arguments_is_refused_and_not_repeated() {
    let site = shop::open();
    let url = format!(
        "postgresql://owner:hunter2@127.0.0.1:{}/{DATABASE}",
        site.eb.port()
    );
    let finished = shop::sample(&site, &["run", "--to", &url])
        .run()
        .expect_code(2);
    assert!(finished.stderr.contains("must not hold the password"));
    assert!(!finished.stderr.contains("hunter2"));
}

#[test]
fn an_owner_that_the_role_can_not_be_is_named_before_anything_is_made() {
    let site = shop::open();
    let document = site.document_path();
    let mut described: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&document).unwrap()).unwrap();
    described["environments"]["eb"]["database"]["owner"] = "keeper".into();
    std::fs::write(&document, described.to_string()).unwrap();
    let mut superuser = site.eb.client("postgres");
    superuser.batch_execute("CREATE ROLE keeper").unwrap();
    let before = (everything(&site.ea), everything(&site.eb));
    let finished = shop::sample(&site, &["run"]).run().expect_code(3);
    let said = &finished.stderr;
    assert!(said.contains(r#"GRANT "keeper" TO "owner""#), "{said}");
    assert!(!said.contains("phase clean"), "{said}");
    assert!((everything(&site.ea), everything(&site.eb)) == before);
}
