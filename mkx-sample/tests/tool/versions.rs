//! `mkx-sample` between servers of PostgreSQL 16 and of the newest version on this machine, with
//! client programs that do and do not go with them. Version 17 is in `containers.rs`.

use std::path::PathBuf;

use mkx_tests::fingerprint::fingerprint;
use mkx_tests::generate::Spec;
use mkx_tests::postgres_server::{PostgresServer, programs_of};
use mkx_tests::shop::{self, sample};
use mkx_tests::site::{DATABASE, Site, Size};
use mkx_tests::tool::{Finished, Tool};
use serde_json::{Value, json};

/// The programs of PostgreSQL 16, where there are some for this processor.
fn sixteen() -> Option<PathBuf> {
    let programs = programs_of(16);
    if programs.is_none() {
        eprintln!("not tried: PostgreSQL 16, of which the registries have none for this processor");
    }
    programs
}

fn text(server: &PostgresServer, sql: &str) -> String {
    let row = server.client(DATABASE).query_one(sql, &[]).unwrap();
    row.get(0)
}

fn major(server: &PostgresServer) -> u32 {
    let row = server
        .client("postgres")
        .query_one("SHOW server_version_num", &[]);
    let number: String = row.unwrap().get(0);
    number[..2].parse().unwrap()
}

/// Two servers, and where client programs are found first.
struct Pair {
    site: Site,
    path: String,
}

impl Pair {
    /// With the programs of each; none: of the newest version on this machine. Production holds
    /// what `fill` gives it.
    fn make(ea: Option<PathBuf>, eb: Option<PathBuf>, fill: fn(&Site)) -> Pair {
        let others = std::env::var("PATH").unwrap();
        let path = match ea.iter().chain(&eb).next() {
            Some(first) => format!("{}:{others}", first.display()),
            None => others,
        };
        let site = Site::empty_with([ea, eb]);
        fill(&site);
        Pair { site, path }
    }

    fn sample(&self, arguments: &[&str]) -> Tool {
        sample(&self.site, arguments).env("PATH", &self.path)
    }

    /// Fills development and judges it; what the run said.
    fn fill_and_judge(&self) -> Finished {
        let percent = ["--percent", "20"];
        let run = self.sample(&["run"]).args(percent).run().expect_code(0);
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(report["verification"]["ok"], true);
        self.sample(&["verify"]).args(percent).run().expect_code(0);
        let keys = "SELECT count(*)::text FROM pg_constraint WHERE contype = 'f' AND convalidated";
        assert_eq!(text(&self.site.eb, keys), text(&self.site.ea, keys));
        run
    }

    /// Fills development, judges it, spoils it and gets it back; what the run said.
    fn fill_judge_and_reset(&self) -> Finished {
        let Site { ea, eb, .. } = &self.site;
        let before = fingerprint(&mut ea.client(DATABASE)).unwrap();
        let run = self.fill_and_judge();
        assert_eq!(text(eb, "SELECT (count(*) > 50)::text FROM users"), "true");
        let sampled = fingerprint(&mut eb.client(DATABASE)).unwrap();
        eb.client(DATABASE)
            .batch_execute("DROP TABLE users CASCADE")
            .unwrap();
        self.sample(&["reset"]).run().expect_code(0);
        assert_eq!(fingerprint(&mut eb.client(DATABASE)).unwrap(), sampled);
        assert!(fingerprint(&mut ea.client(DATABASE)).unwrap() == before);
        run
    }

    /// Puts a command in front of an environment's client programs.
    fn command(&self, environment: &str, command: &[&str]) {
        let file = self.site.document_path();
        let mut document: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        document["environments"][environment]["database"]["client_command"] = json!(command);
        std::fs::write(file, document.to_string()).unwrap();
    }

    /// Development holds nothing, and nothing is left beside it.
    fn check_untouched(&self) {
        let databases = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database";
        let eb = &self.site.eb;
        assert_eq!(text(eb, databases), "makapix postgres template0 template1");
        assert!(fingerprint(&mut eb.client(DATABASE)).unwrap().is_empty());
    }
}

/// A small Makapix, but for what development's server has no extension for.
fn makapix(site: &Site) {
    let size = Size {
        spec: Spec::new(300, 16),
        max_files: Some(1),
    };
    site.fill(&size, &|_| {}).unwrap();
    site.bring_policy();
    let knows = "SELECT count(*)::text FROM pg_available_extensions WHERE name = 'pg_trgm'";
    if text(&site.eb, knows) == "0" {
        let mut production = site.ea.client(DATABASE);
        let without = "DROP EXTENSION IF EXISTS pg_trgm CASCADE";
        production.batch_execute(without).unwrap();
    }
}

const OLDER: &str = "older than production's";

#[test]
fn a_server_of_16_is_sampled_into_another() {
    let Some(sixteen) = sixteen() else { return };
    let pair = Pair::make(Some(sixteen.clone()), Some(sixteen), makapix);
    assert_eq!((major(&pair.site.ea), major(&pair.site.eb)), (16, 16));
    let run = pair.fill_judge_and_reset();
    assert!(!run.stderr.contains(OLDER), "{}", run.stderr);
}

#[test]
fn development_may_be_newer_and_may_be_older() {
    let Some(sixteen) = sixteen() else { return };
    for [ea, eb] in [[None, Some(sixteen.clone())], [Some(sixteen), None]] {
        let pair = Pair::make(ea.clone(), eb.clone(), makapix);
        let is_older = major(&pair.site.eb) < major(&pair.site.ea);
        let run = pair.fill_judge_and_reset();
        assert_eq!(run.stderr.contains(OLDER), is_older, "{}", run.stderr);
        // It has views, of which 16 has another text.
        Pair::make(ea, eb, shop::open_plain).fill_and_judge();
    }
}

#[test]
fn what_an_older_development_can_not_have_fails_with_what_to_do() {
    let Some(sixteen) = sixteen() else { return };
    let pair = Pair::make(Some(sixteen), None, shop::open_plain);
    if major(&pair.site.eb) >= 16 {
        eprintln!("not tried: a development older than 16, of which this machine has none");
        return;
    }
    pair.site
        .ea
        .client(DATABASE)
        .batch_execute("ALTER TABLE shop.country ALTER name SET DEFAULT system_user")
        .unwrap();
    let run = pair.sample(&["run"]).run().expect_code(4);
    assert!(
        run.stderr.contains("cannot make the tables: pg_restore: "),
        "{}",
        run.stderr
    );
    let hint = "hint: let development's server be as new as production's: PostgreSQL 16";
    assert!(run.stderr.contains(hint), "{}", run.stderr);
    pair.check_untouched();
}

#[test]
fn programs_that_are_older_than_the_server_are_refused_with_what_to_do() {
    let Some(sixteen) = sixteen() else { return };
    let mut pair = Pair::make(
        Some(sixteen.clone()),
        Some(sixteen.clone()),
        shop::open_plain,
    );
    let newest = PostgresServer::start();
    if major(&newest) >= 16 {
        eprintln!("not tried: programs older than 16, of which this machine has none");
        return;
    }
    pair.path = std::env::var("PATH").unwrap();
    let refused = |words: &[&str]| {
        let run = pair.sample(&["run"]).run().expect_code(4);
        for words in words {
            assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
        }
        pair.check_untouched();
    };
    refused(&[
        "error: cannot use pg_dump 15.",
        ": it is older than production's server (16.",
        "hint: install PostgreSQL's client programs, version 16 or later",
        "first in PATH",
        "environments.ea.database.client_command",
    ]);
    // A command that has them, for one environment and then for both.
    let path = format!("PATH={}:/usr/bin:/bin", sixteen.display());
    pair.command("ea", &["env", &path]);
    refused(&[
        "error: cannot use pg_restore 15.",
        ": it is older than the pg_dump that it follows (16.",
        "environments.eb.database.client_command",
    ]);
    pair.command("eb", &["env", "PATH=/nowhere"]);
    refused(&["error: cannot find out the version of pg_restore", "hint: "]);
    pair.command("eb", &["env", &path]);
    pair.sample(&["run"]).run().expect_code(0);
    // No program at all.
    pair.command("ea", &[]);
    pair.path = "/nowhere".into();
    let run = pair.sample(&["run"]).run().expect_code(4);
    assert!(
        run.stderr
            .contains("error: cannot find out the version of pg_dump"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains("hint: install PostgreSQL's client programs"),
        "{}",
        run.stderr
    );
}
