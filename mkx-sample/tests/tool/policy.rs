//! The Makapix policy against the true schema, and the verbs around a policy.

use std::path::Path;

use mkx_tests::generate::classes::sensitive_columns;
use mkx_tests::postgres_server::PostgresServer;
use mkx_tests::site::{DATABASE, Site};
use mkx_tests::tool::{Finished, Tool};
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("../../../tests/makapix/schema.sql");

const MAKAPIX: &str = include_str!("../../presets/makapix.json");

/// What a policy does with each sensitive column; null where the table stays empty.
fn treated(policy: &str) -> impl Iterator<Item = (String, Value)> {
    let policy: Value = serde_json::from_str(policy).unwrap();
    sensitive_columns().into_iter().map(move |(table, column)| {
        let rules = &policy["tables"][&table];
        let treated = match rules["rows"].as_str().unwrap() {
            "none" => Value::Null,
            _ => rules["columns"][&column].clone(),
        };
        assert!(
            rules["rows"] == "none" || !treated.is_null(),
            "{table}.{column}"
        );
        (format!("{table}.{column}"), treated)
    })
}

fn server() -> PostgresServer {
    let server = PostgresServer::start();
    server.create_database(DATABASE);
    server.client(DATABASE).batch_execute(SCHEMA).unwrap();
    server
}

fn policy(server: &PostgresServer, directory: &Path, arguments: &[&str]) -> Finished {
    Tool::new("mkx-sample")
        .directory(directory)
        .args(["policy"])
        .args(arguments)
        .args(["--from", &server.url(DATABASE)])
        .run()
}

fn init(directory: &Path) {
    Tool::new("mkx-sample")
        .directory(directory)
        .args(["policy", "init", "--preset", "makapix"])
        .run()
        .expect_code(0);
}

fn check(server: &PostgresServer, directory: &Path) -> Finished {
    policy(server, directory, &["check", "--policy", "policy.json"])
}

#[test]
fn the_preset_covers_exactly_the_true_schema() {
    let (server, directory) = (server(), tempfile::tempdir().unwrap());
    init(directory.path());
    let checked = check(&server, directory.path()).expect_code(0);
    let record: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(record["record"], "mkx.sample.policy_check/2");
    assert_eq!(record["tables"], 46);
    assert_eq!(record["columns"], 449);
    assert_eq!(record["findings"], Value::Array(Vec::new()));
    assert_eq!(checked.stderr, "mkx-sample: nothing found\n");
}

#[test]
fn no_sensitive_column_of_the_preset_is_kept() {
    for (place, treated) in treated(MAKAPIX) {
        assert_ne!(treated, "keep", "{place}");
    }
}

#[test]
fn what_a_migration_added_stops_with_the_line_to_add_and_the_line_helps() {
    let (server, directory) = (server(), tempfile::tempdir().unwrap());
    init(directory.path());
    server
        .client(DATABASE)
        .batch_execute("ALTER TABLE users ADD phone varchar(40)")
        .unwrap();
    let stopped = check(&server, directory.path()).expect_code(3);
    let line = "\"phone\": \"null\"";
    let message = format!(
        "mkx-sample: 1 error, 0 warnings\nmkx-sample: error: cannot use the policy: policy.json:18:7: tables.users.columns: \
         no transform for \"phone\" (character varying(40)); add {line}\n"
    );
    assert!(stopped.stderr.starts_with(&message), "{}", stopped.stderr);
    let record: Value = serde_json::from_str(&stopped.stdout).unwrap();
    let [found] = record["findings"].as_array().unwrap().as_slice() else {
        panic!("{record:#}");
    };
    assert_eq!(found["rule"], "unclassified-column");
    assert_eq!(found["subject"], "tables.users.columns.phone");
    assert_eq!(found["fix"], format!("add {line}"));
    let place = &found["evidence"][0];
    assert_eq!(
        (&place["file"], &place["line"]),
        (&json!("policy.json"), &json!(18))
    );
    let arguments = ["check", "--policy", "policy.json", "--format", "sarif"];
    let reviewed = policy(&server, directory.path(), &arguments).expect_code(3);
    let log: Value = serde_json::from_str(&reviewed.stdout).unwrap();
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "unclassified-column");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["region"]["startLine"], 18);
    let path = directory.path().join("policy.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replacen(
        "\"columns\": {\n",
        &format!("\"columns\": {{\n{line},\n"),
        1,
    );
    std::fs::write(&path, text).unwrap();
    check(&server, directory.path()).expect_code(0);
}

#[test]
fn a_table_that_a_migration_added_stops_with_its_block() {
    let (server, directory) = (server(), tempfile::tempdir().unwrap());
    init(directory.path());
    server
        .client(DATABASE)
        .batch_execute(
            "CREATE TABLE \"odd Pets\" (id uuid PRIMARY KEY, user_id integer NOT NULL \
             REFERENCES users, \"the \"\"name\" text, chip_token varchar(6) UNIQUE)",
        )
        .unwrap();
    let stopped = check(&server, directory.path()).expect_code(3);
    let record: Value = serde_json::from_str(&stopped.stdout).unwrap();
    let fix = record["findings"][0]["fix"].as_str().unwrap();
    let block = fix.strip_prefix("add\n").unwrap();
    assert!(stopped.stderr.contains(block), "{}", stopped.stderr);
    let path = directory.path().join("policy.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replacen("\"tables\": {\n", &format!("\"tables\": {{\n{block},\n"), 1);
    std::fs::write(&path, text).unwrap();
    check(&server, directory.path()).expect_code(0);
}

#[test]
fn sql_that_the_server_does_not_take_is_named_with_its_place() {
    let (server, directory) = (server(), tempfile::tempdir().unwrap());
    let text = MAKAPIX.replacen(
        "hidden_by_user OR hidden_by_mod OR deactivated",
        "hidden_by_nobody",
        1,
    );
    std::fs::write(directory.path().join("policy.json"), text).unwrap();
    let stopped = check(&server, directory.path()).expect_code(3);
    let expected = "tables.users.variants.0.when: the server does not take it: \
                    column \"hidden_by_nobody\" does not exist";
    assert!(stopped.stderr.contains(expected), "{}", stopped.stderr);
}

#[test]
fn a_run_stops_before_any_row_is_read_when_something_is_not_classified() {
    let site = Site::empty();
    let mut ea = site.ea.client(DATABASE);
    ea.batch_execute(SCHEMA).unwrap();
    site.ea.create_roles(DATABASE);
    init(site.folder());
    let stopped = |verb: &str, code: i32, said: &str| {
        let arguments = Tool::new("mkx-sample")
            .directory(site.folder())
            .args([verb]);
        let stopped = arguments.run().expect_code(code);
        assert!(stopped.stderr.contains(said), "{verb}: {}", stopped.stderr);
        assert_eq!(stopped.stdout, "");
    };
    // whoever reads a row fails otherwise
    let reader = "ALL TABLES IN SCHEMA public FROM mkx_reader";
    ea.batch_execute(&format!("REVOKE SELECT ON {reader}"))
        .unwrap();
    for verb in ["plan", "run"] {
        stopped(verb, 3, "permission denied");
    }
    for (change, said, undo) in [
        (
            "ALTER TABLE posts ADD camera_serial text",
            "add \"camera_serial\": \"null\"",
            "ALTER TABLE posts DROP camera_serial",
        ),
        (
            "CREATE TABLE pets (id uuid PRIMARY KEY, chip_token varchar(6))",
            "\"pets\": {",
            "DROP TABLE pets",
        ),
    ] {
        ea.batch_execute(change).unwrap();
        for verb in ["plan", "run"] {
            stopped(verb, 3, said);
        }
        ea.batch_execute(undo).unwrap();
    }
}

#[test]
fn a_site_may_live_with_a_guess_but_not_with_what_stops_a_run() {
    let site = Site::empty();
    let mut ea = site.ea.client(DATABASE);
    ea.batch_execute(SCHEMA).unwrap();
    site.ea.create_roles(DATABASE);
    ea.batch_execute("ALTER TABLE users ADD phone text")
        .unwrap();
    let mut policy: Value = serde_json::from_str(MAKAPIX).unwrap();
    policy["guesses"] = json!(["users.bio"]);
    std::fs::write(site.path("policy.json"), policy.to_string()).unwrap();
    let text = std::fs::read_to_string(site.document_path()).unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document["accepted"] = json!([
        { "rule": "guess", "subject": "users.bio", "reason": "it is right" },
        { "rule": "unclassified-column", "subject": "tables.users.columns.phone", "reason": "no" },
    ]);
    std::fs::write(site.document_path(), document.to_string()).unwrap();
    let check = Tool::new("mkx-sample").directory(site.folder());
    let checked = check.args(["policy", "check"]).run().expect_code(3);
    let record: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(record["ok"], false);
    let found: Vec<_> = record["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["rule"].as_str().unwrap(), one["accepted"].is_null()))
        .collect();
    assert_eq!(found, [("unclassified-column", true), ("guess", false)]);
}

#[test]
fn every_rule_is_explained_without_a_site_or_a_database() {
    for (verb, rule) in [
        (&["policy", "check"][..], "unclassified-column"),
        (&["verify"], "sensitive-anywhere"),
    ] {
        let tool = Tool::new("mkx-sample").args(verb);
        let explained = tool.args(["--explain", rule]).run().expect_code(0);
        let about: Value = serde_json::from_str(&explained.stdout).unwrap();
        assert_eq!(
            (&about["record"], &about["rule"]),
            (&json!("mkx.rule/1"), &json!(rule))
        );
    }
}

#[test]
fn a_draft_from_the_true_schema_passes_but_for_its_guesses() {
    let (server, directory) = (server(), tempfile::tempdir().unwrap());
    policy(&server, directory.path(), &["init"]).expect_code(0);
    let checked = check(&server, directory.path()).expect_code(0);
    let record: Value = serde_json::from_str(&checked.stdout).unwrap();
    let findings = record["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["rule"] == "guess"));
    assert!(checked.stdout.contains(r#"\"users.bio\" is still a guess"#));
    let text = std::fs::read_to_string(directory.path().join("policy.json")).unwrap();
    for (place, treated) in treated(&text) {
        assert_ne!(treated, "keep", "{place}");
    }
}

#[test]
fn a_policy_is_not_overwritten_without_force_and_then_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.json");
    std::fs::write(&path, "mine").unwrap();
    let init = |more: &[&str]| {
        Tool::new("mkx-sample")
            .directory(directory.path())
            .args(["policy", "init", "--preset", "makapix"])
            .args(more)
            .run()
    };
    let refused = init(&[]).expect_code(5);
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    let written = init(&["--force"]).expect_code(0);
    let record: Value = serde_json::from_str(&written.stdout).unwrap();
    assert_eq!(record["backup"], "policy.json.bak");
    let backup = directory.path().join("policy.json.bak");
    assert_eq!(std::fs::read_to_string(backup).unwrap(), "mine");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), MAKAPIX);
    let shown = init(&["--output", "-"]).expect_code(0);
    assert_eq!(shown.stdout, MAKAPIX);
}
