//! Samples of small productions of several seeds, each at several rates: all pass the judge of the
//! run, whatever rows had to come besides so that every value occurs.

use mkx_tests::generate::Spec;
use mkx_tests::site::{DATABASE, Site, Size};
use mkx_tests::tool::{Finished, Tool};
use serde_json::{Value, json};

const RATES: [&str; 3] = ["5", "10", "25"];

fn makapix(users: u64, seed: u64, canaries: bool) -> Site {
    let size = Size {
        spec: Spec {
            canaries,
            ..Spec::new(users, seed)
        },
        max_files: Some(1),
    };
    Site::with_policy(&size)
}

fn sample(site: &Site, arguments: &[&str]) -> Finished {
    Tool::new("mkx-sample")
        .directory(site.folder())
        .args(arguments)
        .run()
}

#[track_caller]
fn every_rate_passes(site: &Site, name: &str) {
    for rate in RATES {
        let finished = sample(site, &["run", "--no-pristine", "--percent", rate]);
        let report: Value = serde_json::from_str(&finished.stdout)
            .unwrap_or_else(|error| panic!("{name}, {rate} %: {error}: {}", finished.stderr));
        let found = &report["verification"]["findings"];
        assert_eq!(*found, json!([]), "{name}, {rate} %");
        assert_eq!(finished.code, 0, "{name}, {rate} %: {}", finished.stderr);
    }
}

#[test]
fn a_report_that_came_for_its_kind_may_bring_the_user_whom_it_names() {
    every_rate_passes(&makapix(300, 1, true), "300 users of seed 1 with canaries");
}

#[test]
fn both_values_of_a_boolean_come_from_a_table_of_very_few_rows() {
    every_rate_passes(&makapix(100, 1, false), "100 users of seed 1");
    every_rate_passes(&makapix(150, 2, false), "150 users of seed 2");
}

#[test]
fn what_an_owner_misses_is_found_though_the_sample_hides_the_owner() {
    let site = makapix(300, 3, false);
    every_rate_passes(&site, "300 users of seed 3");
    // Nobody is named as reporter in development, so only the key tells that these are missing.
    let chosen: Vec<String> = site
        .ea
        .client(DATABASE)
        .query(
            "SELECT id::text FROM reports WHERE reporter_id IS NOT NULL",
            &[],
        )
        .expect("production answers")
        .iter()
        .map(|row| row.get(0))
        .collect();
    let gone = site
        .eb
        .client(DATABASE)
        .execute("DELETE FROM reports WHERE id::text = ANY ($1)", &[&chosen])
        .expect("development answers");
    assert!(gone > 0, "no report came with its reporter");
    let finished = sample(&site, &["verify", "--percent", "25"]);
    let document: Value = serde_json::from_str(&finished.stdout).expect("a document");
    let found = document["findings"].as_array().expect("a list");
    let is_missing =
        |one: &Value| one["rule"] == "owned" && one["evidence"][0]["column"] == "reporter_id";
    assert!(found.iter().any(is_missing), "{found:?}");
    assert_eq!(finished.code, 1);
}
