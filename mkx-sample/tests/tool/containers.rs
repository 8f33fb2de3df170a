//! `mkx-sample` with PostgreSQL 17 in containers: its programs are in there too, and newer than the
//! host's.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use mkx_tests::fingerprint::fingerprint;
use mkx_tests::postgres_server::{PASSWORD, programs_of};
use mkx_tests::shop::sample;
use mkx_tests::site::{DATABASE, Site};
use postgres::{Client, NoTls};
use serde_json::{Value, json};

/// A container with a server; it is gone with its volumes when dropped.
struct Container {
    name: String,
    port: u16,
}

impl Drop for Container {
    fn drop(&mut self) {
        docker(&["rm", "--force", "--volumes", &self.name]);
    }
}

/// The image; it is gone when dropped.
struct Image(String);

impl Drop for Image {
    fn drop(&mut self) {
        docker(&["rmi", &self.0]);
    }
}

fn docker(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("docker").args(arguments).output().unwrap();
    let said = if output.status.success() {
        output.stdout
    } else {
        output.stderr
    };
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    (output.status.success(), said)
}

#[track_caller]
fn must(arguments: &[&str]) -> String {
    let (is_ok, said) = docker(arguments);
    assert!(
        is_ok,
        "run scripts/setup: docker {}: {said}",
        arguments.join(" ")
    );
    said
}

impl Image {
    /// That of the small Makapix's servers.
    fn build() -> Image {
        let image = Image(format!("mkx-tests-servers-{}", std::process::id()));
        let servers =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/stack/deploy/stack/servers");
        must(&[
            "build",
            "--quiet",
            "--tag",
            &image.0,
            servers.to_str().unwrap(),
        ]);
        image
    }

    /// A container with the programs that sees the host's own servers.
    fn beside_the_host(&self) -> Container {
        let name = format!("{}-tools", self.0);
        must(&[
            "run",
            "--detach",
            "--network=host",
            "--name",
            &name,
            &self.0,
            "sleep",
            "600",
        ]);
        Container { name, port: 0 }
    }

    fn start(&self, environment: &str) -> Container {
        let mut container = Container {
            name: format!("{}-{environment}", self.0),
            port: 0,
        };
        let password = format!("DB_ADMIN_PASSWORD={PASSWORD}");
        let worker = format!("DB_API_WORKER_PASSWORD={PASSWORD}");
        let database = format!("DB_DATABASE={DATABASE}");
        must(&[
            "run",
            "--detach",
            "--name",
            &container.name,
            "--publish=127.0.0.1::5432",
            "--env=DB_ADMIN_USER=postgres",
            "--env",
            &password,
            "--env=DB_API_WORKER_USER=api_worker",
            "--env",
            &worker,
            "--env",
            &database,
            &self.0,
            "database",
            "-c",
            "fsync=off",
        ]);
        let address = must(&["port", &container.name, "5432/tcp"]);
        container.port = address.rsplit(':').next().unwrap().parse().unwrap();
        container
    }
}

impl Container {
    fn command(&self) -> [&str; 6] {
        [
            "docker",
            "exec",
            "--interactive",
            "--env",
            "PGPASSWORD",
            &self.name,
        ]
    }

    fn client(&self) -> Client {
        let url = format!(
            "postgresql://postgres:{PASSWORD}@127.0.0.1:{}/{DATABASE}",
            self.port
        );
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            match Client::connect(&url, NoTls) {
                Ok(client) => return client,
                Err(error) => assert!(
                    Instant::now() < deadline,
                    "{error}\n{:?}",
                    docker(&["logs", &self.name])
                ),
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What the site says of this server's database.
    fn describe(&self, role: &str, database: &mut Value) {
        database["url"] = json!(format!(
            "postgresql://{role}@127.0.0.1:{}/{DATABASE}",
            self.port
        ));
        database["client_url"] = json!(format!("postgresql://{role}@127.0.0.1:5432/{DATABASE}"));
        database["client_command"] = json!(self.command());
    }

    fn folders(&self) -> String {
        must(&["exec", &self.name, "ls", "/tmp"])
    }
}

#[test]
fn servers_and_programs_of_version_17_in_containers_sample_judge_and_reset() {
    let image = Image::build();
    let (ea, eb) = (image.start("ea"), image.start("eb"));
    sample_between_containers(&ea, &eb);
    sample_across_versions(&ea, &eb, &image.beside_the_host());
    sample_from_16(&eb);
}

fn sample_between_containers(ea: &Container, eb: &Container) {
    let site = Site::empty();
    let mut production = ea.client();
    fill(&mut production);
    eb.client()
        .batch_execute(&format!(
            "CREATE ROLE owner LOGIN CREATEDB PASSWORD '{PASSWORD}'; ALTER DATABASE {DATABASE} OWNER TO owner;
             ALTER SCHEMA public OWNER TO owner"
        ))
        .unwrap();
    assert_eq!(major(&mut production), 17);
    describe(&site, |databases| {
        for (name, role, container) in [("ea", "mkx_reader", ea), ("eb", "owner", eb)] {
            container.describe(role, &mut databases[name]["database"]);
        }
    });

    let before = (
        fingerprint(&mut production).unwrap(),
        ea.folders(),
        eb.folders(),
    );
    // A run that is killed while its programs work in there, and one that was killed long ago.
    must(&["exec", &eb.name, "mkdir", "/tmp/mkx-sample-makapix.longago"]);
    // Looked for in there: asked from here, again and again, it can be missed.
    let until = "until ls /tmp | grep mkx-sample-makapix | grep --invert-match longago; do :; done";
    let mut seen = Command::new("docker")
        .args(["exec", &eb.name, "timeout", "60", "bash", "-c", until])
        .spawn()
        .unwrap();
    let running = sample(&site, &["run", "--percent", "10"]).spawn();
    let status = seen.wait().unwrap();
    assert!(status.success(), "{}", running.stderr());
    assert!(!eb.folders().contains("longago"));
    running.kill();
    for percent in ["10", "20"] {
        sample(&site, &["run", "--percent", percent])
            .run()
            .expect_code(0);
        sample(&site, &["verify", "--percent", percent])
            .run()
            .expect_code(0);
    }
    let sampled = fingerprint(&mut eb.client()).unwrap();
    assert_eq!(sampled["depot.scans"].0, 60 * 12);
    eb.client()
        .batch_execute("DROP SCHEMA depot CASCADE")
        .unwrap();
    sample(&site, &["reset"]).run().expect_code(0);
    assert_eq!(fingerprint(&mut eb.client()).unwrap(), sampled);
    // Production is as it was, and no file of ours is left in either container.
    let after = (
        fingerprint(&mut production).unwrap(),
        ea.folders(),
        eb.folders(),
    );
    assert!(after == before);
}

/// From and to servers on the host that are older (or as new): the first word of what programs of
/// 17 restore is a setting that only 17 knows, and partitions have an identity there.
fn sample_across_versions(ea: &Container, eb: &Container, tools: &Container) {
    let site = Site::empty_with([None, programs_of(16)]);
    fill(&mut site.ea.client(DATABASE));
    let original = std::fs::read(site.document_path()).unwrap();
    let with_tools = |databases: &mut Value, name: &str| {
        databases[name]["database"]["client_command"] = json!(tools.command());
    };
    let check = |change: &dyn Fn(&mut Value), client: &dyn Fn() -> Client| {
        std::fs::write(site.document_path(), &original).unwrap();
        describe(&site, change);
        run_and_judge(&site, &std::env::var("PATH").unwrap(), client);
    };
    let here = || site.eb.client(DATABASE);
    check(
        &|databases| {
            with_tools(databases, "ea");
            with_tools(databases, "eb");
        },
        &here,
    );
    check(
        &|databases| {
            ea.describe("mkx_reader", &mut databases["ea"]["database"]);
            with_tools(databases, "eb");
        },
        &here,
    );
    check(
        &|databases| eb.describe("owner", &mut databases["eb"]["database"]),
        &|| eb.client(),
    );
}

/// From a server of 16 on the host, read with its own programs, to one of 17.
fn sample_from_16(eb: &Container) {
    let Some(programs) = programs_of(16) else {
        eprintln!("not tried: PostgreSQL 16, of which the registries have none for this processor");
        return;
    };
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let site = Site::empty_with([Some(programs), None]);
    let mut production = site.ea.client(DATABASE);
    fill(&mut production);
    describe(&site, |databases| {
        eb.describe("owner", &mut databases["eb"]["database"]);
    });
    assert_eq!([major(&mut production), major(&mut eb.client())], [16, 17]);
    run_and_judge(&site, &path, &|| eb.client());
}

/// A sample of a fifth, judged twice; `path` is where client programs on the host are found.
#[track_caller]
fn run_and_judge(site: &Site, path: &str, development: &dyn Fn() -> Client) {
    for command in ["run", "verify"] {
        sample(site, &[command, "--percent", "20"])
            .env("PATH", path)
            .run()
            .expect_code(0);
    }
    let sampled = fingerprint(&mut development()).unwrap();
    assert_eq!(sampled["depot.scans"].0, 60 * 12);
}

fn major(client: &mut Client) -> u32 {
    let row = client.query_one("SHOW server_version_num", &[]).unwrap();
    let number: String = row.get(0);
    number[..2].parse().unwrap()
}

fn fill(production: &mut Client) {
    production
        .batch_execute(include_str!("../depot/schema.sql"))
        .unwrap();
    production
        .batch_execute(&format!(
            "DO $$ BEGIN CREATE ROLE mkx_reader LOGIN PASSWORD '{PASSWORD}';
             EXCEPTION WHEN duplicate_object THEN NULL; END $$;
             GRANT pg_read_all_data TO mkx_reader"
        ))
        .unwrap();
}

/// Changes the site document's environments, and puts the depot's policy beside it.
fn describe(site: &Site, change: impl FnOnce(&mut Value)) {
    let file = site.document_path();
    let mut document: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    change(&mut document["environments"]);
    std::fs::write(file, document.to_string()).unwrap();
    std::fs::write(
        site.path("policy.json"),
        include_str!("../depot/policy.json"),
    )
    .unwrap();
}
