//! `scripts/rollout`: the phases in order, stopped by the first that is not done, on a whole Makapix
//! with small compose files. What phases 3 and 4 do is shown by the tests of their tools.

#![allow(clippy::unwrap_used)] // a test that fails says where

use mkx_tests::document::record_of;
use mkx_tests::generate::Spec;
use mkx_tests::site::{DATABASE, Site, Size};
use mkx_tests::tool::{Finished, Tool};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const BASE: &str = "services:
  worker:
    image: debian:trixie-slim
    container_name: ${COMPOSE_PROJECT_NAME}-worker
    command: [\"sleep\", \"infinity\"]
";
const PRODUCTION: &str = "services:
  worker:
    ports: [\"127.0.0.1:5432:5432\"]
";
const DEVELOPMENT: &str = "services:
  worker:
    ports: [\"127.0.0.1:5433:5432\"]
    cpus: 0.5
    mem_limit: 64m
";

fn makapix() -> Site {
    let size = Size {
        spec: Spec::new(100, 5),
        max_files: None,
    };
    let site = Site::make(&size, &|_| {}).unwrap();
    let write = |path: &str, text: &str| fs::write(site.path(path), text).unwrap();
    write("ea/compose.yml", BASE);
    write("eb/compose.yml", BASE);
    write("ea/compose.prod.yml", PRODUCTION);
    write("eb/compose.dev.yml", DEVELOPMENT);
    write("ea/.env", "DB_ADMIN_PASSWORD=of-production\n");
    let mut document: Value =
        serde_json::from_slice(&fs::read(site.document_path()).unwrap()).unwrap();
    document["variables"] = json!({"DB_ADMIN_PASSWORD": {"rule": "differ", "required": true}});
    document["environments"]["ea"]["compose_files"] = json!(["compose.yml", "compose.prod.yml"]);
    document["environments"]["eb"]["compose_files"] = json!(["compose.yml", "compose.dev.yml"]);
    write("site.json", &document.to_string());
    site
}

#[track_caller]
fn rollout(site: &Site, arguments: &[&str], code: i32) -> (Finished, Value) {
    let finished = Tool::script("rollout")
        .directory(site.folder())
        .args(arguments)
        .run()
        .expect_code(code);
    let record = record_of(&finished, "mkx.rollout/1");
    (finished, record)
}

/// Each phase that ran, with its exit code.
fn phases(record: &Value) -> Vec<(i64, i64)> {
    let number = |value: &Value| value.as_i64().unwrap();
    let phases = record["phases"].as_array().unwrap();
    phases
        .iter()
        .map(|phase| (number(&phase["phase"]), number(&phase["exit_code"])))
        .collect()
}

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .flat_map(|entry| match entry.file_type().unwrap().is_dir() {
            true => files(&entry.path()),
            false => BTreeSet::from([entry.path()]),
        })
        .collect()
}

/// Whether development has tables.
fn is_filled(site: &Site) -> bool {
    let sql = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    let tables: i64 = site.eb.client(DATABASE).query_one(sql, &[]).unwrap().get(0);
    tables > 0
}

#[test]
fn the_phases_run_in_order_and_the_first_that_is_not_done_stops() {
    let site = makapix();
    let before = files(site.folder());
    let preset = ["--preset", "makapix"];

    let (finished, record) = rollout(&site, &[&preset[..], &["--dry-run"]].concat(), 0);
    assert_eq!(phases(&record), [(1, 0), (2, 0), (3, 0), (4, 0)]);
    assert_eq!(record["absent"], json!(["phase-5-operate"]));
    assert!(
        finished
            .stderr
            .contains("rollout: phase-5-operate is not part of this version"),
        "{}",
        finished.stderr
    );
    assert_eq!(files(site.folder()), before);

    // the environments are not apart: no sample is taken
    fs::write(
        site.path("eb/compose.dev.yml"),
        DEVELOPMENT.replace("5433:", "5432:"),
    )
    .unwrap();
    let (_, record) = rollout(&site, &preset, 1);
    assert_eq!(phases(&record), [(1, 1)]);
    let todo = record["phases"][0]["todo"][0].as_str().unwrap();
    assert!(
        todo.contains("both environments publish port 5432"),
        "{todo}"
    );
    assert!(!is_filled(&site) && !site.path("policy.json").exists());
    // a dry run finds it and does not fail
    rollout(&site, &["--dry-run", "--to", "1"], 0);
    fs::write(site.path("eb/compose.dev.yml"), DEVELOPMENT).unwrap();

    // two phases, the options where they belong
    let options = ["--to", "2", "--percent", "20", "--prune"];
    let (finished, record) = rollout(&site, &[&preset[..], &options].concat(), 0);
    assert_eq!(phases(&record), [(1, 0), (2, 0)]);
    assert!(
        finished
            .stderr
            .contains("rollout: phase-2-sample --preset makapix --percent 20 --prune\n"),
        "{}",
        finished.stderr
    );
    assert!(is_filled(&site));

    // no Caddy runs here
    let (_, record) = rollout(&site, &["--from", "3"], 4);
    assert_eq!(phases(&record), [(3, 4)]);
}

#[test]
fn a_usage_that_is_wrong_is_said_before_anything_runs() {
    for (arguments, why) in [
        (&["--from", "6"][..], "there is no phase 6"),
        (&["--from", "3", "--to", "2"], "phase 3 is after phase 2"),
        (&["--to"], "--to needs a value"),
        (&["--often"], "unknown option --often"),
    ] {
        let finished = Tool::script("rollout").args(arguments).run().expect_code(2);
        assert!(finished.stderr.contains(why), "{}", finished.stderr);
        assert_eq!(finished.stdout, "");
    }
}
