//! `mkx-sample files`: the manifest of what EB's rows refer to.

use mkx_tests::studio::{Studio, TAKEN_AT};
use mkx_tests::tool::{Finished, binary};
use serde_json::{Value, json};
use std::process::{Command, Stdio};

fn lines(finished: &Finished) -> Vec<Value> {
    finished
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is a record"))
        .collect()
}

fn report(studio: &Studio) -> Value {
    json!({
        "record": "mkx.sample.report/2", "ok": true, "site": "studio", "snapshot_at": TAKEN_AT,
        "target": { "address": format!("127.0.0.1:{}", studio.eb.port()), "database": "eb", "role": "postgres" }
    })
}

#[track_caller]
fn refused(studio: &Studio, stdin: &str, cause: &str) {
    let finished = studio.tool("mkx-sample").args(["files"]).stdin(stdin).run();
    assert_eq!(finished.code, 3, "{}", finished.stderr);
    assert_eq!(finished.stdout, "");
    assert!(finished.stderr.contains(cause), "{}", finished.stderr);
}

#[test]
fn the_manifest_has_every_file_once_sorted_and_ends_in_its_count() {
    let studio = Studio::make();
    let finished = studio
        .tool("mkx-sample")
        .args(["files", "--no-report"])
        .run();
    let lines = lines(&finished.expect_code(0));
    let (end, files) = lines.split_last().unwrap();
    assert_eq!(
        end,
        &json!({ "record": "mkx.vault.manifest/1", "files": files.len(), "ok": true })
    );
    let paths: Vec<&str> = files
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    assert!(paths.is_sorted_by(|a, b| a < b), "{paths:?}");
    let mut eb = studio.eb.client("eb");
    let expected: i64 = eb
        .query_one(
            "SELECT (SELECT 2 * count(*) FROM posts WHERE NOT hidden) + (SELECT count(avatar_url) FROM users)",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(i64::try_from(files.len()).unwrap(), expected);
    for file in files {
        let is_upscaled = file["path"].as_str().unwrap().ends_with("_upscaled.webp");
        assert_eq!(file["optional"], is_upscaled);
    }
}

#[test]
fn a_report_on_stdin_must_be_of_a_run_that_filled_this_database() {
    let studio = Studio::make();
    let right = report(&studio);
    studio
        .tool("mkx-sample")
        .args(["files"])
        .stdin(format!("{right}\n"))
        .run()
        .expect_code(0);
    refused(&studio, "", "it is empty");
    refused(
        &studio,
        "{\"record\":\"mkx.site/2\"}",
        "expected mkx.sample.report/2",
    );
    let with = |key: &str, value: Value| {
        let mut report = right.clone();
        report[key] = value;
        report.to_string()
    };
    refused(
        &studio,
        &with("ok", json!(false)),
        "says that the run failed",
    );
    refused(
        &studio,
        &with("site", json!("other")),
        "about the site \"other\"",
    );
    refused(
        &studio,
        &with("snapshot_at", json!("2026-02-02T00:00:00Z")),
        "EB holds that of 2026-01-02",
    );
    let mut other = right["target"].clone();
    other["database"] = json!("elsewhere");
    refused(
        &studio,
        &with("target", other),
        "\"elsewhere\" on 127.0.0.1",
    );
}

#[test]
fn it_can_be_typed_alone_where_stdin_is_dev_null() {
    let studio = Studio::make();
    let output = Command::new(binary("mkx-sample"))
        .arg("files")
        .current_dir(studio.folder())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success());
}

#[test]
fn a_rule_that_leads_out_of_the_vault_ends_the_manifest_with_not_ok() {
    let studio = Studio::make();
    let policy = studio.folder().join("policy.json");
    let original = std::fs::read_to_string(&policy).unwrap();
    let check = |query: &str, cause: &str, has_end: bool| {
        let mut policy: Value = serde_json::from_str(&original).unwrap();
        policy["files"] = json!([{ "name": "odd", "query": query }]);
        studio.write("policy.json", &policy.to_string());
        let finished = studio
            .tool("mkx-sample")
            .args(["files", "--no-report"])
            .run();
        assert_eq!(finished.code, 3, "{query}: {}", finished.stderr);
        assert!(finished.stderr.contains(cause), "{}", finished.stderr);
        let ends: Vec<Value> = lines(&finished)
            .into_iter()
            .filter(|line| line["record"] == "mkx.vault.manifest/1")
            .collect();
        assert!(ends.iter().all(|end| end["ok"] == false));
        assert_eq!(ends.len(), usize::from(has_end));
    };
    check("SELECT '../secret' AS path", "\"..\"", true);
    check("SELECT '/etc/passwd' AS path", "it is absolute", true);
    check("SELECT E'a\\nb' AS path", "control character", true);
    check("SELECT NULL::text AS path", "a row without a path", true);
    check(
        "SELECT 'a' AS path, -1 AS size_bytes",
        "a negative size",
        true,
    );
    check("SELECT 'a' AS file", "it gives no column \"path\"", false);
    check(
        "SELECT path FROM nowhere",
        "\"nowhere\" does not exist",
        false,
    );
    check(
        "DELETE FROM comments RETURNING 'a' AS path",
        "syntax error",
        true,
    );
}

#[test]
fn production_is_never_listed() {
    let studio = Studio::make();
    let url = studio.ea.url_without_password("postgres", "ea");
    let finished = studio
        .tool("mkx-sample")
        .args(["files", "--no-report", "--to", &url])
        .run();
    assert_eq!(finished.code, 3);
    assert!(finished.stderr.contains("it is not a sample of ours"));
}
