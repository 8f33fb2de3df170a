//! `scripts/phase-2-sample` on a whole Makapix: from no policy to a sample that both judges take.

#![allow(clippy::unwrap_used)] // a test that fails says where

use mkx_tests::document::record_of;
use mkx_tests::fingerprint::{Fingerprint, fingerprint};
use mkx_tests::generate::Spec;
use mkx_tests::site::{DATABASE, Site, Size};
use mkx_tests::tool::{Finished, Tool};
use serde_json::Value;
use std::fs;

fn makapix() -> Site {
    let size = Size {
        spec: Spec::new(100, 5),
        max_files: None,
    };
    Site::make(&size, &|_| {}).unwrap()
}

#[track_caller]
fn phase(site: &Site, arguments: &[&str], code: i32) -> (Finished, Vec<String>) {
    let finished = Tool::script("phase-2-sample")
        .directory(site.folder())
        .args(arguments)
        .run()
        .expect_code(code);
    let record = record_of(&finished, "mkx.phase/1");
    assert_eq!(record["phase"], 2);
    let todo = serde_json::from_value(record["todo"].clone()).unwrap();
    (finished, todo)
}

fn eb(site: &Site) -> Fingerprint {
    fingerprint(&mut site.eb.client(DATABASE)).unwrap()
}

fn nothing() -> Vec<String> {
    Vec::new()
}

#[test]
fn development_is_filled_judged_and_filled_again() {
    let site = makapix();
    let empty = eb(&site);
    let preset = ["--preset", "makapix"];
    let (dry, todo) = phase(&site, &[&preset[..], &["--dry-run"]].concat(), 0);
    assert_eq!(todo, nothing());
    assert!(
        dry.stderr.contains("10 of 100 users would come"),
        "{}",
        dry.stderr
    );
    assert!(!site.path("policy.json").exists() && !site.path("state").exists());
    assert_eq!(eb(&site), empty);

    let ea = fingerprint(&mut site.ea.client(DATABASE)).unwrap();
    for _ in 0..2 {
        let (finished, todo) = phase(
            &site,
            &[&preset[..], &["--percent", "20", "--prune"]].concat(),
            0,
        );
        assert_eq!(todo, nothing());
        assert!(
            finished.stderr.contains("mkx-sample verify --percent 20"),
            "{}",
            finished.stderr
        );
    }
    assert!(eb(&site)["public.users"].0 > 20);
    assert_eq!(fingerprint(&mut site.ea.client(DATABASE)).unwrap(), ea);

    // a file that nobody has: the rest is judged all the same
    let manifest = fs::read_to_string(site.path("state/refresh/manifest.json")).unwrap();
    let file: Value = manifest
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|line| line["optional"] == false)
        .unwrap();
    let lost = file["path"].as_str().unwrap();
    fs::remove_file(site.ea_vault().join(lost)).unwrap();
    fs::remove_file(site.eb_vault().join(lost)).unwrap();
    let (finished, todo) = phase(&site, &["--percent", "20"], 1);
    assert_eq!(
        todo[0],
        format!("production lacks the file {lost}, and development's rows refer to it")
    );
    assert!(
        finished.stderr.contains("phase-2: mkx-vault verify"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_policy_that_does_not_fit_or_that_nobody_looked_at_brings_nothing() {
    let site = makapix();
    let empty = eb(&site);
    // drafted from the catalog: its guesses are for a person
    for _ in 0..2 {
        let (_, todo) = phase(&site, &[], 1);
        assert!(
            todo.iter().any(|what| what.contains("guesses in")),
            "{todo:#?}"
        );
    }
    fs::remove_file(site.path("policy.json")).unwrap();
    Tool::new("mkx-sample")
        .directory(site.folder())
        .args(["policy", "init", "--preset", "makapix"])
        .run()
        .expect_code(0);
    site.ea
        .client(DATABASE)
        .batch_execute("ALTER TABLE users ADD COLUMN shoe_size integer")
        .unwrap();
    let (_, todo) = phase(&site, &[], 3);
    assert!(
        todo.iter()
            .any(|what| what.contains("shoe_size") && what.contains("; add ")),
        "{todo:#?}"
    );
    assert_eq!(eb(&site), empty);
    site.ea.stop();
    phase(&site, &[], 4);
}
