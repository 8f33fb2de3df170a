//! `makapix-generate` from outside, and with it how tests start programs.

use mkx_tests::postgres_server::PostgresServer;
use mkx_tests::tool::Tool;

const TOOL: &str = "makapix-generate";

#[test]
fn a_database_and_its_vault_are_made_and_stdout_stays_empty() {
    let server = PostgresServer::start();
    server.create_database("ea");
    let url = server.url("ea");
    let made = Tool::new(TOOL)
        .args(["database", "--schema", "--users", "200", "--url", &url])
        .run()
        .expect_code(0);
    assert_eq!(made.stdout, "");
    assert!(made.stderr.contains("in 46 tables"), "{}", made.stderr);
    assert!(
        made.peak_memory_bytes < 50_000_000,
        "{}",
        made.peak_memory_bytes
    );
    let vault = tempfile::tempdir().unwrap();
    let written = Tool::new(TOOL)
        .args(["vault", "--max-files", "100", "--url", &url, "--path"])
        .args([vault.path()])
        .run()
        .expect_code(0);
    assert!(written.stderr.contains("100 files"), "{}", written.stderr);
}

#[test]
fn a_database_that_is_not_empty_is_left_alone() {
    let server = PostgresServer::start();
    server.create_database("ea");
    server
        .client("ea")
        .batch_execute("CREATE TABLE users AS SELECT 1 AS id")
        .unwrap();
    let refused = Tool::new(TOOL)
        .args([
            "database",
            "--schema",
            "--users",
            "50",
            "--url",
            &server.url("ea"),
        ])
        .run()
        .expect_code(4);
    assert!(
        refused.stderr.contains("\"users\" already exists"),
        "{}",
        refused.stderr
    );
    let mut client = server.client("ea");
    let tables = client.query("SELECT FROM pg_tables WHERE schemaname = 'public'", &[]);
    assert_eq!(tables.unwrap().len(), 1);
}

#[test]
fn an_impossible_share_is_wrong_usage() {
    let refused = Tool::new(TOOL)
        .args([
            "database",
            "--import-share",
            "1.5",
            "--url",
            "postgresql://nobody@127.0.0.1:1/x",
        ])
        .run()
        .expect_code(2);
    assert!(
        refused.stderr.contains("a share is from 0 to 1"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_program_that_is_killed_ends_by_the_signal() {
    let server = PostgresServer::start();
    server.create_database("ea");
    let mut running = Tool::new(TOOL)
        .args([
            "database",
            "--schema",
            "--users",
            "20000",
            "--url",
            &server.url("ea"),
        ])
        .spawn();
    assert!(running.wait_for_stderr("tables"));
    assert_eq!(running.kill().code, 128 + 9);
}
