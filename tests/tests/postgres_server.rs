//! The private server that other tests stand on.

use mkx_tests::postgres_server::{PASSWORD, PostgresServer};
use postgres::{Client, NoTls};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn a_server_is_gone_with_its_directory_when_a_test_panics() {
    let directory = std::thread::spawn(|| {
        let server = PostgresServer::start();
        let directory: PathBuf = server.socket_directory().into();
        std::panic::panic_any(directory);
    });
    let directory = directory.join().unwrap_err();
    let directory = directory.downcast_ref::<PathBuf>().unwrap();
    assert!(!directory.exists());
}

#[test]
fn a_server_is_gone_when_the_test_process_is_killed() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_postgres-server"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut directory = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut directory)
        .unwrap();
    let directory = PathBuf::from(directory.trim_end());
    assert!(directory.is_dir());
    child.kill().unwrap();
    child.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while directory.exists() {
        assert!(
            Instant::now() < deadline,
            "{} is still there",
            directory.display()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_crash_keeps_what_was_committed_and_the_port() {
    let server = PostgresServer::start();
    server
        .client("postgres")
        .batch_execute("CREATE TABLE t AS SELECT 1 AS a; CHECKPOINT")
        .unwrap();
    let before = server.pid();
    server.restart_immediate();
    assert_ne!(server.pid(), before);
    let mut client = Client::connect(&server.url("postgres"), NoTls).unwrap();
    assert_eq!(
        client
            .query_one("SELECT a FROM t", &[])
            .unwrap()
            .get::<_, i32>(0),
        1
    );
}

#[test]
fn a_standby_follows_and_refuses_to_write() {
    let server = PostgresServer::start();
    server
        .client("postgres")
        .batch_execute("CREATE TABLE t AS SELECT 1 AS a")
        .unwrap();
    let standby = server.standby();
    let mut client = Client::connect(&standby.url("postgres"), NoTls).unwrap();
    assert_eq!(
        client
            .query_one("SELECT a FROM t", &[])
            .unwrap()
            .get::<_, i32>(0),
        1
    );
    let refused = client
        .batch_execute("INSERT INTO t VALUES (2)")
        .unwrap_err();
    assert_eq!(refused.as_db_error().unwrap().code().code(), "25006");
}

#[test]
fn roles_may_do_what_an_environment_lets_them_do() {
    let server = PostgresServer::with_password();
    server.create_database("app");
    server
        .client("app")
        .batch_execute("CREATE TABLE t (id serial, a int)")
        .unwrap();
    server.create_roles("app");
    let connect = |role| Client::connect(&server.url_as(role, "app"), NoTls).unwrap();
    connect("owner")
        .batch_execute("CREATE TABLE later (a int); ALTER TABLE t ADD b int")
        .unwrap();
    connect("api_worker")
        .batch_execute("INSERT INTO t (a) VALUES (1); INSERT INTO later VALUES (1)")
        .unwrap();
    connect("api_worker")
        .batch_execute("DROP TABLE t")
        .unwrap_err();
    connect("mkx_reader")
        .batch_execute("SELECT * FROM t")
        .unwrap();
    connect("mkx_reader")
        .batch_execute("DELETE FROM t")
        .unwrap_err();
    connect("mkx_reader")
        .batch_execute("CREATE TABLE mine (a int)")
        .unwrap_err();
}

#[test]
fn a_wrong_password_is_refused() {
    let server = PostgresServer::with_password();
    let url = server.url("postgres").replace(PASSWORD, "wrong");
    assert!(Client::connect(&url, NoTls).is_err());
    assert!(Client::connect(&server.url_without_password("postgres", "postgres"), NoTls).is_err());
}

#[test]
fn a_server_with_tls_proves_its_name_to_who_trusts_its_authority() {
    let server = PostgresServer::with_tls();
    let ask = |mode: &str, authority: &std::path::Path| {
        Command::new(server.programs().join("psql"))
            .env("PGSSLMODE", mode)
            .env("PGSSLROOTCERT", authority)
            .args([
                "-Atc",
                "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
            ])
            .arg(server.url("postgres"))
            .output()
            .unwrap()
    };
    let authority = server.authority().unwrap();
    let answer = ask("verify-full", authority);
    assert_eq!(
        String::from_utf8_lossy(&answer.stdout),
        "t\n",
        "{}",
        String::from_utf8_lossy(&answer.stderr)
    );
    let other = PostgresServer::with_tls();
    assert!(
        !ask("verify-full", other.authority().unwrap())
            .status
            .success()
    );
}
