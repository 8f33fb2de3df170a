//! TLS to a remote database, with libpq's meaning of `sslmode`.
//!
//! A run whose target is production itself is refused once production was asked who it is: exit 5
//! shows that the connection was made, exit 4 that it was not.

#![allow(clippy::unwrap_used)] // a test that fails says where

use mkx_tests::postgres_server::PostgresServer;
use mkx_tests::shop;
use mkx_tests::site::{DATABASE, Site};

struct World {
    site: Site,
    server: PostgresServer,
    stranger: PostgresServer,
}

impl World {
    fn new() -> World {
        let server = PostgresServer::with_tls();
        server.create_database(DATABASE);
        server.create_roles(DATABASE);
        World {
            site: Site::empty(),
            server,
            stranger: PostgresServer::with_tls(),
        }
    }

    #[track_caller]
    fn check(&self, host: &str, parameters: &str, code: i32) {
        let authority = self.server.authority().unwrap().display().to_string();
        let stranger = self.stranger.authority().unwrap().display().to_string();
        let parameters = parameters
            .replace("AUTHORITY", &authority)
            .replace("STRANGER", &stranger);
        let port = self.server.port();
        let url = format!("postgresql://mkx_reader@{host}:{port}/{DATABASE}?{parameters}");
        let to = format!("postgresql://owner@{host}:{port}/{DATABASE}?{parameters}");
        shop::sample(&self.site, &["run", "--from", &url, "--to", &to])
            .env("HOME", self.site.folder())
            .run()
            .expect_code(code);
    }
}

#[test]
fn sslmode_means_what_libpq_says() {
    let world = World::new();
    std::fs::write(
        world.site.path("policy.json"),
        include_str!("../shop/policy.json"),
    )
    .unwrap();
    let elsewhere = "db.invalid";
    world.check("127.0.0.1", "sslmode=disable", 5);
    world.check("127.0.0.1", "sslmode=allow", 5);
    world.check("127.0.0.1", "sslmode=prefer", 5);
    world.check("127.0.0.1", "sslmode=require", 5);
    world.check("127.0.0.1", "sslmode=require&sslrootcert=STRANGER", 4);
    world.check("127.0.0.1", "sslmode=prefer&sslrootcert=STRANGER", 5);
    world.check("127.0.0.1", "sslmode=verify-ca&sslrootcert=AUTHORITY", 5);
    world.check("127.0.0.1", "sslmode=verify-ca&sslrootcert=STRANGER", 4);
    world.check("localhost", "sslmode=verify-full&sslrootcert=AUTHORITY", 5);
    world.check("127.0.0.1", "sslmode=verify-full&sslrootcert=AUTHORITY", 5);
    let there = "hostaddr=127.0.0.1&sslrootcert=AUTHORITY&sslmode";
    world.check(elsewhere, &format!("{there}=verify-ca"), 5);
    world.check(elsewhere, &format!("{there}=verify-full"), 4);
    // without a root there is nothing to check by: retrying will not help
    world.check("127.0.0.1", "sslmode=verify-full", 3);
    world.check("127.0.0.1", "sslmode=verify-full&sslrootcert=/nowhere", 3);
}

#[test]
fn tls_is_never_given_up_where_it_is_required() {
    let world = World::new();
    let plain = PostgresServer::with_password();
    let port = plain.port();
    plain.create_database(DATABASE);
    plain.create_roles(DATABASE);
    for (mode, code) in [
        ("require", 4),
        ("verify-ca&sslrootcert=AUTHORITY", 4),
        ("prefer", 5),
    ] {
        let mode = mode.replace(
            "AUTHORITY",
            &world.server.authority().unwrap().display().to_string(),
        );
        let url = format!("postgresql://owner@127.0.0.1:{port}/{DATABASE}?sslmode={mode}");
        std::fs::write(
            world.site.path("policy.json"),
            include_str!("../shop/policy.json"),
        )
        .unwrap();
        shop::sample(&world.site, &["run", "--from", &url, "--to", &url])
            .run()
            .expect_code(code);
    }
}

#[test]
fn a_whole_run_goes_over_tls_with_a_password_file() {
    let mut site = shop::open();
    let far = PostgresServer::with_tls();
    far.create_database(DATABASE);
    far.create_roles(DATABASE);
    let authority = far.authority().unwrap().display().to_string();
    let url = format!(
        "postgresql://owner@localhost:{}/{DATABASE}?sslmode=verify-full&sslrootcert={authority}",
        far.port()
    );
    // the site's password would serve as well; here the file must
    let document = std::fs::read_to_string(site.document_path()).unwrap();
    let mut document: serde_json::Value = serde_json::from_str(&document).unwrap();
    document["environments"]["eb"]["database"]["password"] = serde_json::Value::Null;
    std::fs::write(site.document_path(), document.to_string()).unwrap();
    let passwords = site.path("pgpass");
    std::fs::write(
        &passwords,
        format!("localhost:{}:*:owner:only-in-tests\n", far.port()),
    )
    .unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&passwords, mode).unwrap();
    shop::sample(&site, &["run", "--percent", "100", "--to", &url])
        .env("PGPASSFILE", &passwords)
        .run()
        .expect_code(0);
    site.eb = far;
    let row = site
        .eb
        .client(DATABASE)
        .query_one("SELECT count(*) FROM shop.orders", &[]);
    assert_eq!(row.unwrap().get::<_, i64>(0), 6000);
}

#[test]
fn production_is_dumped_over_tls() {
    let site = shop::open();
    let far = PostgresServer::with_tls();
    far.create_database(DATABASE);
    far.create_roles(DATABASE);
    let mut client = far.client(DATABASE);
    client
        .batch_execute(include_str!("../shop/schema.sql"))
        .unwrap();
    client
        .batch_execute(
            "GRANT USAGE ON SCHEMA shop, \"odd Name\" TO mkx_reader;
             GRANT SELECT ON ALL TABLES IN SCHEMA shop, \"odd Name\" TO mkx_reader;
             GRANT SELECT ON ALL SEQUENCES IN SCHEMA shop, \"odd Name\" TO mkx_reader",
        )
        .unwrap();
    let authority = far.authority().unwrap().display();
    let url = format!(
        "postgresql://mkx_reader@localhost:{}/{DATABASE}?sslmode=verify-full&sslrootcert={authority}",
        far.port()
    );
    shop::sample(&site, &["run", "--percent", "100", "--from", &url])
        // where libpq would look for an authority by itself
        .env("HOME", site.folder())
        .run()
        .expect_code(0);
    let rows = "SELECT count(*) FROM shop.orders";
    let row = site.eb.client(DATABASE).query_one(rows, &[]).unwrap();
    assert_eq!(row.get::<_, i64>(0), 6000);
}
