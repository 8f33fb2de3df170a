//! A private PostgreSQL server for one test: a directory, a port and a socket of its own, gone when
//! the test ends, also when it fails or is killed.

mod cluster;
pub mod roles;
mod small_disk;
mod tls;

use mkx_contract::Result;
use postgres::{Client, NoTls};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The role that starts the cluster.
pub const SUPERUSER: &str = "postgres";
/// The password of every role of a private server.
pub const PASSWORD: &str = "only-in-tests";

/// The content of a server that has only what initdb makes.
const NOTHING: &str = "nothing";

/// Puts something into a new server.
pub type Fill<'a> = &'a dyn Fn(&PostgresServer) -> Result<()>;

/// How roles prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// Everybody is let in.
    Trust,
    /// Over TCP a password is asked for.
    Password,
}

/// How a server is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// How roles prove who they are.
    pub login: Login,
    /// Whether the server waits for the disk. Only a test of a power cut needs it.
    pub fsync: bool,
    /// Whether it speaks TLS, with a certificate for `localhost` and 127.0.0.1.
    pub tls: bool,
    /// The directory of its programs; none: those of the newest version on this machine.
    pub programs: Option<PathBuf>,
    /// Further settings for `postgresql.conf`, as name and value.
    pub settings: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            login: Login::Trust,
            fsync: false,
            tls: false,
            programs: None,
            settings: Vec::new(),
        }
    }
}

/// The directory of a version's programs, for [`Options::programs`]; none where the registries have
/// none for this processor.
///
/// # Panics
///
/// When `scripts/setup` would have brought them.
pub fn programs_of(version: u32) -> Option<PathBuf> {
    let found = cluster::of_version(version);
    assert!(
        found.is_some() || !cfg!(target_arch = "x86_64"),
        "PostgreSQL {version} is not here: run scripts/setup"
    );
    found
}

/// A running private server.
#[derive(Debug)]
pub struct PostgresServer {
    directory: TempDir,
    /// Where its programs were installed, and where its user may run them.
    installed: PathBuf,
    binaries: PathBuf,
    port: u16,
    login: Login,
    authority: Option<PathBuf>,
    watch: Option<Child>,
}

impl PostgresServer {
    /// Starts a server that trusts everybody.
    ///
    /// # Panics
    ///
    /// When PostgreSQL is not installed or does not start: a test never goes on without it.
    pub fn start() -> Self {
        Self::with(&Options::default())
    }

    /// Starts a server that asks for passwords.
    pub fn with_password() -> Self {
        Self::with(&Options {
            login: Login::Password,
            ..Options::default()
        })
    }

    /// Starts a server that speaks TLS and asks for passwords; see [`Self::authority`].
    pub fn with_tls() -> Self {
        Self::with(&Options {
            login: Login::Password,
            tls: true,
            ..Options::default()
        })
    }

    /// Starts a server.
    pub fn with(options: &Options) -> Self {
        Self::holding(NOTHING, options, &|_| Ok(())).expect("nothing can not fail")
    }

    /// Starts a server that holds what `fill` puts into it; a server of the same `content`, which is
    /// all that `fill` depends on, is a copy of the first.
    ///
    /// # Errors
    /// Those of `fill`.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub fn holding(content: &str, options: &Options, fill: Fill<'_>) -> Result<Self> {
        let programs = options.programs.clone().unwrap_or_else(cluster::newest);
        let mut server = Self::prepare(options.login, programs);
        server.init(content, fill)?;
        server.configure(options);
        if options.tls {
            server.authority = Some(tls::install(&server));
        }
        server.launch_first();
        Ok(server)
    }

    /// Makes a hot standby of this server and starts it.
    pub fn standby(&self) -> Self {
        let mut standby = Self::prepare(self.login, self.installed.clone());
        standby.copy_of(self);
        standby.launch_first();
        standby
    }

    fn prepare(login: Login, installed: PathBuf) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("mkx-postgres-")
            .tempdir()
            .expect("a temporary directory can be made");
        cluster::hand_over(directory.path());
        let mut server = PostgresServer {
            binaries: cluster::within_reach(&installed, directory.path()),
            installed,
            directory,
            port: free_port(),
            login,
            authority: None,
            watch: None,
        };
        server.watch = Some(server.watch());
        server
    }

    /// The port it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of its Unix socket.
    pub fn socket_directory(&self) -> &Path {
        self.directory.path()
    }

    /// The file with the certificate of the authority that clients must trust, when it speaks TLS.
    pub fn authority(&self) -> Option<&Path> {
        self.authority.as_deref()
    }

    /// The directory of PostgreSQL's programs, such as `pg_dump`.
    pub fn programs(&self) -> &Path {
        &self.binaries
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        let file = self.data().join("postmaster.pid");
        let text = std::fs::read_to_string(file).expect("a running server has a pid file");
        let line = text.lines().next().unwrap_or_default();
        line.parse().expect("the pid file begins with a number")
    }

    /// A database's URL for the superuser, with the password where one is asked for.
    pub fn url(&self, database: &str) -> String {
        self.url_as(SUPERUSER, database)
    }

    /// A database's URL for a role, with the password where one is asked for.
    pub fn url_as(&self, role: &str, database: &str) -> String {
        match self.login {
            Login::Trust => self.url_without_password(role, database),
            Login::Password => format!(
                "postgresql://{role}:{PASSWORD}@127.0.0.1:{}/{database}",
                self.port
            ),
        }
    }

    /// A database's URL for a role, without a password.
    pub fn url_without_password(&self, role: &str, database: &str) -> String {
        format!("postgresql://{role}@127.0.0.1:{}/{database}", self.port)
    }

    /// A connection as superuser through the socket; needs no password.
    pub fn client(&self, database: &str) -> Client {
        self.try_client(database)
            .expect("a running server takes connections")
    }

    fn try_client(&self, database: &str) -> std::result::Result<Client, postgres::Error> {
        postgres::Config::new()
            .host_path(self.directory.path())
            .port(self.port)
            .user(SUPERUSER)
            .dbname(database)
            .connect(NoTls)
    }

    /// Makes an empty database.
    pub fn create_database(&self, name: &str) {
        self.client("postgres")
            .batch_execute(&format!("CREATE DATABASE \"{name}\""))
            .expect("a superuser can make a database");
    }

    /// Makes the roles of the application, see [`roles`], and gives `database` to its owner.
    /// Call it again after tables were made by another role, for the grants on them.
    pub fn create_roles(&self, database: &str) {
        roles::create(self, database);
    }

    /// Stops it in order and waits.
    pub fn stop(&self) {
        self.control("fast", "stop");
    }

    /// Stops it as a crash would, and starts it again on the same port.
    pub fn restart_immediate(&self) {
        self.control("immediate", "stop");
        self.launch();
    }

    /// Starts a new server; somebody else may have taken its port since it was found free.
    fn launch_first(&mut self) {
        for _ in 0..4 {
            if self.start_process().is_ok() {
                return self.wait_until_ready();
            }
            self.port = free_port();
            self.append("postgresql.auto.conf", &format!("port = {}\n", self.port));
        }
        self.launch();
    }

    /// Starts it again after [`Self::stop`].
    pub fn launch(&self) {
        if let Err(cause) = self.start_process() {
            panic!("cannot start PostgreSQL: {cause}\n{}", self.log());
        }
        self.wait_until_ready();
    }

    fn wait_until_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while let Err(error) = self.try_client("postgres") {
            assert!(
                Instant::now() < deadline,
                "PostgreSQL does not take connections: {error}\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the server logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        cluster::command(&self.binaries.join(program))
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Some(mut watch) = self.watch.take() {
            drop(watch.stdin.take());
            // it has nothing to say; what it could not remove the directory's own drop tries again
            watch.wait().ok();
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("the loopback has a free port")
        .port()
}
