//! A small application of another shape than Makapix, with a sample of it that was made by hand:
//! what judges and lists samples is tested on it without anything that makes them.

use crate::postgres_server::{Options, PostgresServer};
use crate::tool::Tool;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// Where the made sample says it was taken.
pub const TAKEN_AT: &str = "2026-01-02T03:04:05Z";

/// Both environments, and the files that tools read.
#[derive(Debug)]
pub struct Studio {
    /// Production, in the database `ea`.
    pub ea: PostgresServer,
    /// Development; `pristine` holds the right sample.
    pub eb: PostgresServer,
    folder: TempDir,
}

impl Studio {
    /// Starts both servers and fills them.
    pub fn make() -> Studio {
        // No transaction but the test's own moves production's snapshot.
        let still = Options {
            settings: vec![("autovacuum".into(), "off".into())],
            ..Options::default()
        };
        let studio = Studio {
            ea: PostgresServer::with(&still),
            eb: PostgresServer::with(&still),
            folder: TempDir::new().expect("a temporary directory can be made"),
        };
        let world = include_str!("../studio/world.sql");
        studio.ea.create_database("ea");
        run(&studio.ea, "ea", world);
        studio.eb.create_database("pristine");
        run(&studio.eb, "pristine", world);
        run(&studio.eb, "pristine", include_str!("../studio/sample.sql"));
        studio.write("policy.json", include_str!("../studio/policy.json"));
        studio.write("site.json", &studio.document().to_string());
        studio.refill();
        studio
    }

    /// Puts the right sample, with its mark, in the place of development's database.
    pub fn refill(&self) {
        let snapshot: String = self
            .ea
            .client("ea")
            .query_one("SELECT pg_current_snapshot()::text", &[])
            .expect("production answers")
            .get(0);
        let mark = json!({
            "mkx": "sample", "site": "studio", "environment": "eb",
            "created_at": TAKEN_AT, "judged_snapshot": snapshot
        });
        for sql in [
            "DROP DATABASE IF EXISTS eb WITH (FORCE)".to_owned(),
            "CREATE DATABASE eb TEMPLATE pristine".to_owned(),
            format!("COMMENT ON DATABASE eb IS '{mark}'"),
        ] {
            run(&self.eb, "postgres", &sql);
        }
    }

    /// Changes production.
    pub fn in_ea(&self, sql: &str) {
        run(&self.ea, "ea", sql);
    }

    /// Changes development.
    pub fn in_eb(&self, sql: &str) {
        run(&self.eb, "eb", sql);
    }

    /// A tool in the site's folder.
    pub fn tool(&self, name: &str) -> Tool {
        Tool::new(name).directory(self.folder.path())
    }

    /// The folder of the site document, and of `policy.json`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file beside the site document.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("the folder is ours");
    }

    fn document(&self) -> Value {
        let environment = |name: &str, role: &str, server: &PostgresServer| {
            json!({
                "role": role, "project": format!("studio-{name}"), "directory": name,
                "compose_files": ["docker-compose.yml"], "env_files": [".env"], "branch": name,
                "domain": format!("{name}.test"),
                "database": { "url": server.url_without_password("postgres", name) },
                "vault": {
                    "path": self.folder.path().join(format!("vault-{name}")),
                    "domain": format!("vault.{name}.test")
                },
                "health_url": format!("https://{name}.test/health")
            })
        };
        json!({
            "record": "mkx.site/2", "name": "studio", "state_directory": "state",
            "host": { "cpus": 2, "memory_bytes": 4_294_967_296_u64 },
            "shared": { "network": "studio_net" },
            "environments": {
                "ea": environment("ea", "production", &self.ea),
                "eb": environment("eb", "development", &self.eb)
            },
            "sample": { "policy": "policy.json" }
        })
    }
}

#[track_caller]
fn run(server: &PostgresServer, database: &str, sql: &str) {
    if let Err(error) = server.client(database).batch_execute(sql) {
        panic!(
            "cannot change {database}: {error}: {:?}",
            error.as_db_error()
        );
    }
}
