//! TLS to a remote database, with libpq's meaning of `sslmode`.
//!
//! A run whose target is production itself is refused once production was asked who it is: exit 5
//! shows that the connection was made, exit 4 that it was not.

use std::path::PathBuf;

use mkx_tests::fingerprint::fingerprint;
use mkx_tests::postgres_server::PostgresServer;
use mkx_tests::shop;
use mkx_tests::site::{DATABASE, Site};
use serde_json::{Value, json};

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
    std::fs::write(world.site.path("policy.json"), shop::POLICY).unwrap();
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
        std::fs::write(world.site.path("policy.json"), shop::POLICY).unwrap();
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

/// The shop on a server that speaks TLS, and the empty databases of a site for it.
fn far_shop() -> (Site, PostgresServer) {
    let site = shop::open();
    let far = PostgresServer::with_tls();
    far.create_database(DATABASE);
    far.create_roles(DATABASE);
    let mut client = far.client(DATABASE);
    client.batch_execute(shop::SCHEMA).unwrap();
    client
        .batch_execute(
            "GRANT USAGE ON SCHEMA shop, \"odd Name\" TO mkx_reader;
             GRANT SELECT ON ALL TABLES IN SCHEMA shop, \"odd Name\" TO mkx_reader;
             GRANT SELECT ON ALL SEQUENCES IN SCHEMA shop, \"odd Name\" TO mkx_reader",
        )
        .unwrap();
    (site, far)
}

#[test]
fn production_is_dumped_over_tls() {
    let (site, far) = far_shop();
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

/// In front of a program that connects: from before its start to its end, and no longer, new
/// sessions are shown the other certificate.
const EXCHANGE: &str = r#"
programs=$1 superuser=$2 verified=$3 own=$4 other=$5
shift 5
case " $* " in *" --dbname="*) ;; *) exec "$@" ;; esac
show() {
    "$programs/psql" --no-psqlrc --dbname="$superuser" \
        --command="ALTER SYSTEM SET ssl_cert_file = '$1.crt'" \
        --command="ALTER SYSTEM SET ssl_key_file = '$1.key'" \
        --command="SELECT pg_reload_conf()" >/dev/null || exit 99
    while "$programs/pg_isready" --quiet --dbname="$verified"; [ "$?" != "$2" ]; do sleep 0.02; done
}
show "$other" 2
"$@"
code=$?
show "$own" 0
exit "$code"
"#;

/// A server whose certificate is another one whenever `pg_dump` or `pg_restore` connects.
struct Exchanging<'a> {
    site: &'a Site,
    environment: &'static str,
    far: &'a PostgresServer,
    other: PathBuf,
}

impl Exchanging<'_> {
    fn command(&self) -> Value {
        let far = self.far;
        let (port, socket) = (far.port(), far.socket_directory().display());
        let authority = far.authority().unwrap().display();
        json!([
            "sh",
            "-c",
            EXCHANGE,
            "exchange",
            far.programs(),
            format!("host={socket} port={port} user=postgres dbname=postgres"),
            format!("host=localhost port={port} sslmode=verify-full sslrootcert={authority}"),
            far.certificate(),
            &self.other,
        ])
    }

    /// Runs with these parameters in the URL and these variables; the run ends with this code, and
    /// says this.
    #[track_caller]
    fn check(&self, parameters: &str, variables: &[(&str, &str)], code: i32, words: &str) {
        let file = self.site.document_path();
        let mut document: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        document["environments"][self.environment]["database"]["client_command"] = self.command();
        std::fs::write(file, document.to_string()).unwrap();
        let far = self.far.port();
        let far = |role| format!("postgresql://{role}@localhost:{far}/{DATABASE}?{parameters}");
        // The variables are for the far one.
        let near = |server: &PostgresServer, role| {
            server.url_without_password(role, DATABASE) + "?sslmode=disable"
        };
        let (from, to) = match self.environment {
            "ea" => (far("mkx_reader"), near(&self.site.eb, "owner")),
            _ => (near(&self.site.ea, "mkx_reader"), far("owner")),
        };
        let arguments = ["run", "--percent", "100", "--from", &from, "--to", &to];
        let mut run = shop::sample(self.site, &arguments).env("HOME", self.site.folder());
        for (name, value) in variables {
            run = run.env(name, value);
        }
        let run = run.run().expect_code(code);
        assert!(run.stderr.contains(words), "{parameters}: {}", run.stderr);
    }

    /// Wherever `verify-full` and the authority come from, the program refuses the certificate.
    #[track_caller]
    fn check_refused(&self, words: &str) {
        let authority = self.far.authority().unwrap();
        let named = authority.to_str().unwrap();
        let mode = "sslmode=verify-full";
        let variables = [("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", named)];
        self.check(&self.verified(), &[], 4, words);
        self.check(mode, &variables[1..], 4, words);
        self.check("", &variables, 4, words);
        let home = self.site.path(".postgresql");
        std::fs::create_dir(&home).unwrap();
        std::fs::copy(authority, home.join("root.crt")).unwrap();
        self.check(mode, &[], 4, words);
        std::fs::remove_dir_all(home).unwrap();
    }

    fn verified(&self) -> String {
        let authority = self.far.authority().unwrap().display();
        format!("sslmode=verify-full&sslrootcert={authority}")
    }
}

/// Development holds nothing, and nothing is left beside it.
#[track_caller]
fn check_untouched(development: &PostgresServer) {
    let mut client = development.client(DATABASE);
    assert!(fingerprint(&mut client).unwrap().is_empty());
    let databases = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database";
    let found: String = client.query_one(databases, &[]).unwrap().get(0);
    assert_eq!(found, "makapix postgres template0 template1");
}

const OTHER_HOST: &str = "server certificate for \"elsewhere.invalid\" does not match host name";
const OTHER_AUTHORITY: &str = "SSL error: certificate verify failed";

/// The program refuses both kinds of certificates, with development as it was.
#[track_caller]
fn check_program(
    site: &Site,
    environment: &'static str,
    far: &PostgresServer,
    development: &PostgresServer,
    who: &str,
) {
    let stranger = PostgresServer::with_tls();
    let mut exchanging = Exchanging {
        site,
        environment,
        far,
        other: far.certificate_for_elsewhere(),
    };
    let port = far.port();
    let at = format!("connection to server at \"localhost\" (127.0.0.1), port {port} failed");
    exchanging.check_refused(&format!("{who}: {at}: {OTHER_HOST}"));
    exchanging.other = stranger.certificate();
    let words = format!("{who}: {at}: {OTHER_AUTHORITY}");
    exchanging.check(&exchanging.verified(), &[], 4, &words);
    check_untouched(development);
    // Nobody else was shown it: where the program does not look, there is a sample.
    exchanging.check("sslmode=require", &[], 0, "");
}

#[test]
fn a_dump_refuses_a_certificate_that_was_exchanged_since_our_session() {
    let (site, far) = far_shop();
    let who = "cannot read production's schema: pg_dump";
    check_program(&site, "ea", &far, &site.eb, who);
}

#[test]
fn a_restore_refuses_a_certificate_that_was_exchanged_since_our_session() {
    let site = shop::open();
    let far = PostgresServer::with_tls();
    far.create_database(DATABASE);
    far.create_roles(DATABASE);
    let who = "cannot make the schemas: pg_restore";
    check_program(&site, "eb", &far, &far, who);
}
