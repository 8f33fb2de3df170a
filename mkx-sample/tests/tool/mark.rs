//! The moment of EA in a database's mark is the judge's word: nothing has one that was not judged.

use mkx_tests::shop;
use mkx_tests::site::{DATABASE, Site};
use serde_json::Value;

const BUILD: &str = "makapix_mkx_build";
const PRISTINE: &str = "makapix_mkx_pristine";
const OLD: &str = "makapix_mkx_old";

/// A site whose production stands still.
fn open() -> Site {
    let site = shop::open();
    let mut superuser = site.ea.client("postgres");
    for statement in [
        "ALTER SYSTEM SET autovacuum = off",
        "SELECT pg_reload_conf()",
    ] {
        superuser.batch_execute(statement).unwrap();
    }
    site
}

/// The moment in the mark of one of EB's databases; null where the mark has none.
#[track_caller]
fn moment(site: &Site, database: &str) -> Value {
    let row = site.eb.client("postgres").query_one(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1::text",
        &[&database],
    );
    let comment: String = row.unwrap().get(0);
    let mark: Value = serde_json::from_str(&comment).unwrap();
    assert_eq!(mark["mkx"], "sample");
    mark["judged_snapshot"].clone()
}

/// What is being built when the run is killed as it begins the phase.
fn moment_when_killed(site: &Site, phase: &str) -> Value {
    let mut running = shop::sample(site, &["run"]).spawn();
    let begun = running.wait_for_stderr(&format!("phase {phase}"));
    assert!(begun, "{}", running.stderr());
    running.kill();
    moment(site, BUILD)
}

#[test]
fn only_what_was_judged_has_a_moment() {
    let site = open();
    for phase in ["copy", "verify"] {
        assert_eq!(moment_when_killed(&site, phase), Value::Null, "{phase}");
    }
    let row = site
        .ea
        .client(DATABASE)
        .query_one("SELECT pg_current_snapshot()::text", &[]);
    let now: Value = row.unwrap().get::<_, String>(0).into();
    assert_eq!(moment_when_killed(&site, "pristine"), now);
    let finished = shop::sample(&site, &["run"]).run().expect_code(0);
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(report["verification"]["judged_snapshot"], now);
    assert_eq!(moment(&site, DATABASE), now);
    assert_eq!(moment(&site, PRISTINE), now);
    shop::sample(&site, &["reset"]).run().expect_code(0);
    assert_eq!(moment(&site, DATABASE), now);
    let finished = shop::sample(&site, &["run", "--no-pristine"]).run();
    assert_eq!(moment(&site, DATABASE), now, "{}", finished.stderr);
}

/// A disabled subscription keeps a database from being dropped.
#[test]
fn what_a_sample_replaces_is_marked_as_ours_but_not_as_judged() {
    let site = open();
    let subscribe = "CREATE SUBSCRIPTION held CONNECTION 'dbname=none' PUBLICATION none \
                     WITH (connect = false, slot_name = NONE, enabled = false)";
    let mut superuser = site.eb.client(DATABASE);
    superuser.batch_execute(subscribe).unwrap();
    drop(superuser);
    shop::sample(&site, &["run"]).run().expect_code(0);
    assert_ne!(moment(&site, DATABASE), Value::Null);
    assert_eq!(moment(&site, OLD), Value::Null);
}
