//! Flags are enough: no site document, and guards that are as strong.

use mkx_tests::postgres_server::{PASSWORD, roles};
use mkx_tests::shop;
use mkx_tests::site::{DATABASE, Site};
use mkx_tests::tool::Tool;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Two databases that no site document names, and a folder that holds the policy alone.
struct Bare {
    site: Site,
    folder: TempDir,
}

impl Bare {
    fn open() -> Bare {
        let (site, folder) = (shop::open(), TempDir::new().unwrap());
        let policy = std::fs::read_to_string(site.path("policy.json")).unwrap();
        let mut policy: Value = serde_json::from_str(&policy).unwrap();
        let query = "SELECT 'o/' || id AS path FROM shop.orders";
        policy["files"] = json!([{ "name": "artwork", "query": query }]);
        std::fs::write(folder.path().join("policy.json"), policy.to_string()).unwrap();
        Bare { site, folder }
    }

    fn tool(&self, verb: &str) -> Tool {
        Tool::new("mkx-sample")
            .directory(self.folder.path())
            .env("PGPASSWORD", PASSWORD)
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .args([verb])
    }

    fn from(&self) -> [String; 2] {
        [
            "--from".into(),
            self.site.ea.url_without_password(roles::READER, DATABASE),
        ]
    }

    fn to(&self) -> [String; 2] {
        [
            "--to".into(),
            self.site.eb.url_without_password(roles::OWNER, DATABASE),
        ]
    }

    fn both(&self, verb: &str) -> Tool {
        self.tool(verb).args(self.from()).args(self.to())
    }

    /// The one state directory, `CLUSTER-DATABASE`.
    fn state(&self) -> std::path::PathBuf {
        let mut folders = self.folder.path().join("state/mkx").read_dir().unwrap();
        folders.next().unwrap().unwrap().path()
    }
}

#[test]
fn every_verb_works_without_a_site_document() {
    let bare = Bare::open();
    bare.tool("plan").args(bare.from()).run().expect_code(0);
    let run = bare
        .both("run")
        .args(["--percent", "50"])
        .run()
        .expect_code(0);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["site"], Value::Null);
    assert_eq!(report["sample"]["seed"], "mkx");
    bare.both("verify").run().expect_code(0);
    bare.tool("files")
        .args(bare.to())
        .stdin(run.stdout)
        .run()
        .expect_code(0);
    bare.tool("reset").args(bare.to()).run().expect_code(0);
    let journal = std::fs::read_to_string(bare.state().join("journal.jsonl")).unwrap();
    assert_eq!(journal.lines().count(), 4, "{journal}");
    // a second run replaces what the first one made
    bare.both("run")
        .args(["--policy", "policy.json"])
        .run()
        .expect_code(0);
}

#[test]
fn what_no_flag_and_no_document_says_is_wrong_usage() {
    let bare = Bare::open();
    let refused = bare.tool("run").args(bare.from()).run().expect_code(2);
    assert!(
        refused
            .stderr
            .contains("there is neither --to nor a site document"),
        "{}",
        refused.stderr
    );
    // one that is named must be there
    let missing = bare
        .both("run")
        .args(["--site", "none.json"])
        .run()
        .expect_code(3);
    assert!(missing.stderr.contains("none.json"), "{}", missing.stderr);
}

#[test]
fn without_a_document_the_target_is_empty_or_of_such_a_run() {
    let bare = Bare::open();
    // production itself, and a database that somebody filled
    let itself = bare
        .tool("run")
        .args(bare.from())
        .args(["--to", &bare.from()[1]]);
    let said = itself.run().expect_code(5).stderr;
    assert!(
        said.contains("it is the database that the sample is read from"),
        "{said}"
    );
    let mut client = bare.site.eb.client(DATABASE);
    client.batch_execute("CREATE TABLE somebodys ()").unwrap();
    let said = bare.both("run").run().expect_code(5).stderr;
    assert!(
        said.contains("nothing says that they are a sample of ours"),
        "{said}"
    );
    client.batch_execute("DROP TABLE somebodys").unwrap();
    drop(client);

    // a site's sample is nobody else's, in either direction
    shop::sample(&bare.site, &["run"]).run().expect_code(0);
    for verb in ["run", "reset"] {
        let flags = if verb == "run" {
            bare.both(verb)
        } else {
            bare.tool(verb).args(bare.to())
        };
        flags.run().expect_code(5);
    }
    bare.both("verify").run().expect_code(3);
    let drop = format!("DROP DATABASE {DATABASE}; ");
    let mut superuser = bare.site.eb.client("postgres");
    superuser.batch_execute(&drop).unwrap();
    superuser
        .batch_execute(&format!("DROP DATABASE {DATABASE}_mkx_pristine"))
        .unwrap();
    bare.both("run").run().expect_code(0);
    let said = shop::sample(&bare.site, &["run"])
        .run()
        .expect_code(5)
        .stderr;
    assert!(
        said.contains("a sample that was made without a site document"),
        "{said}"
    );
}

/// Another user has another state directory: the server keeps them apart.
#[test]
fn two_runs_without_a_document_exclude_each_other_and_a_killed_one_does_not() {
    let bare = Bare::open();
    let mut running = bare.both("run").spawn();
    assert!(
        running.wait_for_stderr("phase copy"),
        "{}",
        running.stderr()
    );
    let pid = Pid::from_raw(running.pid().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let elsewhere = bare.folder.path().join("elsewhere");
    let other = bare
        .both("run")
        .env("XDG_STATE_HOME", &elsewhere)
        .run()
        .expect_code(5);
    assert!(
        other
            .stderr
            .contains("another run of mkx-sample is changing it now"),
        "{}",
        other.stderr
    );
    running.kill();
    bare.both("run")
        .env("XDG_STATE_HOME", &elsewhere)
        .run()
        .expect_code(0);
}
