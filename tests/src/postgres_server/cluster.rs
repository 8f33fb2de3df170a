//! The server's data directory and process.

use super::{Fill, Login, NOTHING, Options, PASSWORD, PostgresServer, SUPERUSER};
use crate::kept::Kept;
use mkx_contract::Result;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where Debian keeps the programs of each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// So many servers of a process are copies. `cargo test` runs all tests of a program in one process:
/// the others are made anew rather than kept.
const COPIES: usize = 6;

/// The programs of the newest PostgreSQL on this machine. `MKX_POSTGRES_BINARIES` names another
/// directory.
pub fn newest() -> PathBuf {
    if let Some(directory) = std::env::var_os("MKX_POSTGRES_BINARIES") {
        return directory.into();
    }
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            with_server(entry.path().join("bin")).map(|directory| (version, directory))
        })
        .collect();
    versions.sort();
    let (_, newest) = versions.pop().expect(
        "PostgreSQL is not installed (no /usr/lib/postgresql/*/bin/initdb): run scripts/setup",
    );
    newest
}

/// The programs of a version, where they are: Debian's, else what scripts/setup keeps.
pub fn of_version(version: u32) -> Option<PathBuf> {
    let debian = Path::new(DEBIAN).join(version.to_string());
    let kept = cache().map(|cache| cache.join(format!("postgresql-{version}")));
    std::iter::once(debian)
        .chain(kept)
        .find_map(|installation| with_server(installation.join("bin")))
}

fn with_server(directory: PathBuf) -> Option<PathBuf> {
    directory.join("initdb").is_file().then_some(directory)
}

fn cache() -> Option<PathBuf> {
    let of = |name| std::env::var_os(name).map(PathBuf::from);
    of("MKX_CACHE").or_else(|| {
        let caches = of("XDG_CACHE_HOME").or_else(|| Some(of("HOME")?.join(".cache")));
        Some(caches?.join("mkx"))
    })
}

/// The programs where the server's user may run them: root's home is closed to it, then a copy of
/// what they lie in (`bin`, and what they find beside it) goes into `directory`.
pub fn within_reach(binaries: &Path, directory: &Path) -> PathBuf {
    let initdb = binaries.join("initdb");
    if attempt(command(Path::new("test")).arg("-x").arg(initdb)).is_ok() {
        return binaries.to_owned();
    }
    let copy = directory.join("postgresql");
    let installation = binaries.parent().expect("bin lies in a directory");
    finish(
        Command::new("cp")
            .args(["--archive", "--"])
            .arg(installation)
            .arg(&copy),
        "bring PostgreSQL's programs within reach of the user postgres",
    );
    copy.join("bin")
}

/// What tells one installed program from another of the same name.
fn identity(program: &Path) -> u64 {
    let found = std::fs::metadata(program).expect("a program that is installed");
    let mut hasher = DefaultHasher::new();
    (program, found.len(), found.modified().ok()).hash(&mut hasher);
    hasher.finish()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// PostgreSQL refuses to run as root: then the directory goes to the user `postgres`.
pub fn hand_over(directory: &Path) {
    if is_root() {
        let done = Command::new("chown")
            .arg("postgres:")
            .arg(directory)
            .status();
        assert!(
            done.is_ok_and(|status| status.success()),
            "cannot give a directory to the user postgres: run scripts/setup"
        );
    }
    // the tests of an unprivileged user reach the socket too
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755))
        .expect("a new directory's mode can be set");
}

/// A program to be run as a user whom PostgreSQL accepts.
pub fn command(program: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.env_remove("PGPASSWORD").env("LC_ALL", "C.UTF-8");
    command
}

#[track_caller]
fn finish(command: &mut Command, verb: &str) {
    if let Err(cause) = attempt(command) {
        panic!("cannot {verb}: {cause}");
    }
}

pub(super) fn attempt(command: &mut Command) -> Result<(), String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{error}: run scripts/setup"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(String::from_utf8_lossy(&said).into_owned())
}

impl PostgresServer {
    /// Makes the cluster, as far as possible as a copy of what an earlier server of this content
    /// was. Each server of a process is a copy of another one: no two of them share the system
    /// identifier that initdb gives.
    pub(super) fn init(&mut self, content: &str, fill: Fill<'_>) -> Result<()> {
        static SERVERS: AtomicUsize = AtomicUsize::new(0);
        let number = SERVERS.fetch_add(1, Ordering::Relaxed);
        let data = self.data();
        let programs = identity(&self.installed.join("postgres"));
        let user = rustix::process::geteuid().as_raw();
        let name = format!("{content}-{:?}-{programs:x}-{user}-{number}", self.login);
        let mut make = || {
            self.init_new();
            if content == NOTHING {
                return Ok(());
            }
            self.configure(&Options::default());
            self.launch_first();
            fill(self)?;
            self.stop();
            Ok(())
        };
        if number < COPIES {
            Kept::new(&name).bring(&data, make)
        } else {
            make()
        }
    }

    fn init_new(&self) {
        let password = self.directory.path().join("password");
        self.write_file(&password, PASSWORD);
        let over_tcp = match self.login {
            Login::Trust => "trust",
            Login::Password => "scram-sha-256",
        };
        finish(
            self.command("initdb")
                .arg("--pgdata")
                .arg(self.data())
                .args(["--username", SUPERUSER, "--encoding", "UTF8"])
                .args(["--locale", "C.UTF-8", "--lc-collate", "C", "--no-sync"])
                // What is copied for every test is small.
                .args(["--wal-segsize", "1"])
                .args(["--auth-local", "trust", "--auth-host", over_tcp])
                .arg(format!("--pwfile={}", password.display())),
            "make a PostgreSQL cluster",
        );
    }

    /// Settings of this server come after those of the one that it is a copy of, and win. The tables
    /// are small: workers and compiled queries would take longer to start than to finish.
    pub(super) fn configure(&self, options: &Options) {
        let mut settings = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nport = {}\n\
             max_connections = 60\nshared_buffers = 128MB\nmax_wal_size = 4GB\n\
             wal_level = replica\nmax_wal_senders = 4\nhot_standby = on\nautovacuum_naptime = 10s\n\
             max_parallel_workers_per_gather = 0\njit = off\nwal_init_zero = off\nmin_wal_size = 4MB\n",
            self.directory.path().display(),
            self.port
        );
        if !options.fsync {
            settings += "fsync = off\nfull_page_writes = off\n";
        }
        for (name, value) in &options.settings {
            settings += &format!("{name} = '{value}'\n");
        }
        self.append("postgresql.auto.conf", &settings);
    }

    pub(super) fn copy_of(&self, primary: &PostgresServer) {
        finish(
            self.command("pg_basebackup")
                .arg("--pgdata")
                .arg(self.data())
                .arg("--host")
                .arg(primary.socket_directory())
                .args(["--port", &primary.port.to_string()])
                .args(["--username", SUPERUSER, "--wal-method", "stream"])
                .args(["--checkpoint", "fast", "--no-sync", "--write-recovery-conf"]),
            "copy a cluster",
        );
        self.append(
            "postgresql.auto.conf",
            &format!(
                "unix_socket_directories = '{}'\nport = {}\n",
                self.directory.path().display(),
                self.port
            ),
        );
    }

    /// Appends to a file of the data directory.
    pub(super) fn append(&self, name: &str, text: &str) {
        use std::io::Write;
        std::fs::OpenOptions::new()
            .append(true)
            .open(self.data().join(name))
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .expect("the cluster's configuration can be written");
    }

    /// Writes a file that only the server's user may read.
    pub(super) fn write_file(&self, path: &Path, text: &str) {
        std::fs::write(path, text).expect("a private server's file can be written");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .expect("a new file's mode can be set");
        if is_root() {
            finish(
                Command::new("chown").arg("postgres:").arg(path),
                "give a file to the user postgres",
            );
        }
    }

    pub(super) fn start_process(&self) -> Result<(), String> {
        attempt(
            self.command("pg_ctl")
                .arg("--pgdata")
                .arg(self.data())
                .arg("--log")
                .arg(self.directory.path().join("log"))
                .args(["--wait", "--silent", "start"]),
        )
    }

    pub(super) fn control(&self, mode: &str, verb: &str) {
        finish(
            self.command("pg_ctl")
                .arg("--pgdata")
                .arg(self.data())
                .args(["--wait", "--silent", "--mode", mode, verb]),
            "stop PostgreSQL",
        );
    }

    /// A process that waits for our end, however it comes, then ends the server at once and
    /// removes its directory.
    pub(super) fn watch(&self) -> Child {
        let mut stop = self.command("pg_ctl");
        stop.arg("--pgdata")
            .arg(self.data())
            .args(["--wait", "--mode", "immediate", "stop"]);
        Command::new("sh")
            .arg("-c")
            .arg("cat >/dev/null; \"$@\" >/dev/null 2>&1; rm -rf -- \"$0\"")
            .arg(self.directory.path())
            .arg(stop.get_program())
            .args(stop.get_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell can be started")
    }
}
