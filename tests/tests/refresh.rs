//! `scripts/refresh`: development is filled, whatever fails has its own exit code, and whatever
//! interrupts it is repaired by the next one.

#![allow(clippy::unwrap_used)] // a test that fails says where

use mkx_tests::document::record_of;
use mkx_tests::fingerprint::{Fingerprint, fingerprint};
use mkx_tests::generate::Spec;
use mkx_tests::site::{DATABASE, Site, Size};
use mkx_tests::tool::{Finished, Tool};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

fn makapix() -> Site {
    let size = Size {
        spec: Spec::new(100, 5),
        max_files: None,
    };
    Site::with_policy(&size)
}

fn refresh(site: &Site, arguments: &[&str]) -> Tool {
    Tool::script("refresh")
        .directory(site.folder())
        .args(arguments)
}

#[track_caller]
fn record(finished: &Finished) -> Value {
    let record = record_of(finished, "mkx.refresh.result/1");
    assert_eq!(record["exit_code"], finished.code);
    record
}

/// The names of the stages that ran.
fn stages(record: &Value) -> Vec<&str> {
    let stages = record["stages"].as_array().unwrap();
    stages
        .iter()
        .map(|stage| stage["stage"].as_str().unwrap())
        .collect()
}

/// All files below a folder, with their size and time.
fn files(folder: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let about = entry.metadata().unwrap();
        if about.is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.insert(entry.path(), (about.len(), about.modified().unwrap()));
        }
    }
    found
}

fn eb(site: &Site) -> Fingerprint {
    fingerprint(&mut site.eb.client(DATABASE)).unwrap()
}

fn ea(site: &Site) -> Fingerprint {
    fingerprint(&mut site.ea.client(DATABASE)).unwrap()
}

/// Two files that the manifest of the last refresh names and that production must have.
fn two_artworks(site: &Site) -> [String; 2] {
    let manifest = fs::read_to_string(site.path("state/refresh/manifest.json")).unwrap();
    let mut artworks = manifest
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["optional"] == false)
        .map(|line| line["path"].as_str().unwrap().to_owned());
    [artworks.next().unwrap(), artworks.next().unwrap()]
}

#[track_caller]
fn judges_are_content(site: &Site) {
    for (tool, arguments) in [
        ("mkx-sample", vec!["verify"]),
        (
            "mkx-vault",
            vec!["verify", "--allow-extra", "state/refresh/manifest.json"],
        ),
    ] {
        Tool::new(tool)
            .directory(site.folder())
            .args(arguments)
            .run()
            .expect_code(0);
    }
}

#[test]
fn development_is_filled_and_filled_again() {
    let site = makapix();
    let untouched = (files(site.folder()), eb(&site), ea(&site));

    let dry = record(&refresh(&site, &["--dry-run"]).run().expect_code(0));
    assert_eq!(
        (&dry["dry_run"], stages(&dry)),
        (&json!(true), vec!["sample"])
    );
    assert_eq!((files(site.folder()), eb(&site), ea(&site)), untouched);

    let finished = refresh(&site, &[]).run().expect_code(0);
    let first = record(&finished);
    assert_eq!(stages(&first), ["sample", "manifest", "vault"]);
    assert_eq!(first["sample"]["rows"], dry["sample"]["rows"]);
    assert!(first["vault"]["copied"].as_u64() > Some(10), "{first:#}");
    assert!(finished.stderr.contains("refresh: vault: mkx-vault sync"));
    judges_are_content(&site);

    // production loses one file that development lacks, and development another one by itself
    let [lost, deleted] = two_artworks(&site);
    for path in [
        site.ea_vault().join(&lost),
        site.eb_vault().join(&lost),
        site.eb_vault().join(&deleted),
    ] {
        fs::remove_file(path).unwrap();
    }
    let stray = "26/06/ffffffff-ffff-4fff-bfff-ffffffffffff.gif";
    fs::create_dir_all(site.eb_vault().join("26/06")).unwrap();
    fs::write(site.eb_vault().join(stray), "GIF89a").unwrap();

    let before = (files(site.folder()), eb(&site));
    let dry = record(
        &refresh(&site, &["--dry-run", "--prune"])
            .run()
            .expect_code(1),
    );
    assert_eq!(stages(&dry), ["sample", "manifest", "vault", "pruning"]);
    assert_eq!(
        (&dry["vault"]["missing"], &dry["vault"]["to_copy"]),
        (&json!([lost]), &json!(1))
    );
    assert_eq!(dry["pruning"]["removed"], 1);
    assert_eq!((files(site.folder()), eb(&site)), before);

    let finished = refresh(&site, &["--prune", "--quiet"]).run().expect_code(1);
    let again = record(&finished);
    assert_eq!(again["vault"]["missing"], json!([lost]));
    assert_eq!(again["vault"]["copied"], 1);
    assert!(site.eb_vault().join(&deleted).is_file());
    assert_eq!(again["pruning"]["removed"], 1);
    assert!(!site.eb_vault().join(stray).exists());
    assert!(!finished.stderr.contains("refresh:"), "{}", finished.stderr);
    assert_eq!(ea(&site), untouched.2);
}

#[test]
fn what_fails_has_its_own_code_and_nothing_after_it_runs() {
    let site = makapix();
    #[track_caller]
    fn stops(site: &Site, arguments: &[&str], code: i32, why: &str) {
        let before = (files(&site.eb_vault()), eb(site));
        let finished = refresh(site, arguments).run().expect_code(code);
        assert_eq!(stages(&record(&finished)), ["sample"]);
        assert!(finished.stderr.contains(why), "{}", finished.stderr);
        assert_eq!((files(&site.eb_vault()), eb(site)), before);
    }
    stops(&site, &["--percent", "200"], 2, "--percent is above 0");
    stops(
        &site,
        &["--include", "nobody"],
        3,
        "cannot include \"nobody\"",
    );

    let mut production = site.ea.client(DATABASE);
    production
        .batch_execute("ALTER TABLE users ADD COLUMN shoe_size integer")
        .unwrap();
    for arguments in [vec![], vec!["--dry-run"]] {
        stops(&site, &arguments, 3, "shoe_size");
    }
    production
        .batch_execute("ALTER TABLE users DROP COLUMN shoe_size")
        .unwrap();
    drop(production);

    // by another name of the same host, the site document can not tell
    let aimed = site.path("aimed.json");
    let mut document: Value =
        serde_json::from_slice(&fs::read(site.document_path()).unwrap()).unwrap();
    let url = site
        .ea
        .url_without_password("owner", DATABASE)
        .replace("127.0.0.1", "localhost");
    document["environments"]["eb"]["database"]["url"] = json!(url);
    fs::write(&aimed, document.to_string()).unwrap();
    let production = ea(&site);
    stops(
        &site,
        &["--site", aimed.to_str().unwrap()],
        5,
        "it is the database that the sample is read from",
    );
    assert_eq!(ea(&site), production);

    site.ea.stop();
    stops(&site, &[], 4, "refresh: sample: mkx-sample run");
}

#[test]
fn a_usage_that_is_wrong_is_said_before_anything_runs() {
    for (arguments, why) in [
        (vec!["--percent"], "--percent needs a value"),
        (vec!["--often"], "unknown option --often"),
    ] {
        let finished = Tool::script("refresh").args(arguments).run().expect_code(2);
        assert!(finished.stderr.contains(why), "{}", finished.stderr);
        assert_eq!(finished.stdout, "");
    }
    let help = Tool::script("refresh")
        .args(["--help"])
        .run()
        .expect_code(0);
    assert!(help.stdout.contains("usage: scripts/refresh"));
    let nowhere = tempfile::tempdir().unwrap();
    let finished = Tool::script("refresh")
        .directory(nowhere.path())
        .run()
        .expect_code(3);
    assert!(finished.stderr.contains("site.json"), "{}", finished.stderr);
}

#[test]
fn whatever_kills_it_the_next_one_repairs() {
    let site = makapix();
    refresh(&site, &["--seed", "old"]).run().expect_code(0);
    for said in ["phase copy", "refresh: manifest", "refresh: vault"] {
        let before = eb(&site);
        let mut running = refresh(&site, &["--percent", "30"]).spawn();
        assert!(running.wait_for_stderr(said), "{}", running.stderr());
        let finished = running.kill_all();
        assert_eq!(finished.stdout, "", "it was killed too late");
        if said.starts_with("phase") {
            assert_eq!(eb(&site), before, "killed in {said}");
        }
    }
    record(&refresh(&site, &[]).run().expect_code(0));
    judges_are_content(&site);
}

#[test]
fn one_at_a_time_and_asked_to_end_it_ends_with_130() {
    let site = makapix();
    refresh(&site, &["--seed", "old"]).run().expect_code(0);
    let before = (files(&site.eb_vault()), eb(&site));
    let mut running = refresh(&site, &[]).spawn();
    assert!(
        running.wait_for_stderr("phase copy"),
        "{}",
        running.stderr()
    );
    running.signal_all(Signal::STOP).unwrap();
    let second = refresh(&site, &[]).run().expect_code(5);
    assert!(
        second.stderr.contains("another refresh is at work"),
        "{}",
        second.stderr
    );
    assert_eq!(second.stdout, "");
    running.terminate();
    running.signal_all(Signal::CONT).unwrap();
    let finished = running.wait().expect_code(130);
    assert_eq!(stages(&record(&finished)), ["sample"]);
    assert_eq!((files(&site.eb_vault()), eb(&site)), before);
    // Ctrl-C reaches the stage by itself
    let mut running = refresh(&site, &[]).spawn();
    assert!(
        running.wait_for_stderr("phase copy"),
        "{}",
        running.stderr()
    );
    running.signal_all(Signal::INT).unwrap();
    record(&running.wait().expect_code(130));
    assert_eq!((files(&site.eb_vault()), eb(&site)), before);
    record(&refresh(&site, &[]).run().expect_code(0));
}

#[test]
fn a_manifest_that_names_nothing_empties_no_vault() {
    let site = makapix();
    refresh(&site, &[]).run().expect_code(0);
    let before = files(&site.eb_vault());
    assert!(before.len() > 10);

    // a policy whose files are found no more
    let policy = site.path("no-files.json");
    let mut without: Value =
        serde_json::from_slice(&fs::read(site.path("policy.json")).unwrap()).unwrap();
    without["files"] =
        json!([{"name": "artwork", "query": "SELECT NULL::text AS path WHERE false"}]);
    fs::write(&policy, without.to_string()).unwrap();
    let finished = refresh(&site, &["--prune", "--policy", policy.to_str().unwrap()])
        .run()
        .expect_code(5);
    assert_eq!(
        stages(&record(&finished)),
        ["sample", "manifest", "vault", "pruning"]
    );
    assert!(
        finished.stderr.contains("more than half"),
        "{}",
        finished.stderr
    );
    assert_eq!(files(&site.eb_vault()), before);

    // a manifest that was cut off although its writer said that all is well
    let folder = site.path("lying");
    fs::create_dir(&folder).unwrap();
    let liar = folder.join("mkx-sample");
    let real = mkx_tests::tool::binary("mkx-sample");
    fs::write(
        &liar,
        format!(
            "#!/bin/sh\n[ \"$1\" = files ] && exit 0\nexec {} \"$@\"\n",
            real.display()
        ),
    )
    .unwrap();
    fs::set_permissions(&liar, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!(
        "{}:{}:{}",
        folder.display(),
        real.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let finished = refresh(&site, &["--prune"])
        .env("PATH", path)
        .run()
        .expect_code(3);
    assert_eq!(stages(&record(&finished)), ["sample", "manifest", "vault"]);
    assert_eq!(files(&site.eb_vault()), before);
}
