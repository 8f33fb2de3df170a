//! A site with two vaults in a temporary directory, and the tool to run on it.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

pub const TOOL: &str = env!("CARGO_BIN_EXE_mkx-vault");

pub struct World {
    directory: TempDir,
}

/// What a run left.
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    pub fn new(output: Output) -> Outcome {
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one record on stdout.
    #[track_caller]
    pub fn record(&self, kind: &str) -> Value {
        let record: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr));
        assert_eq!(record["record"], kind);
        record
    }

    #[track_caller]
    pub fn expect(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        self
    }
}

impl World {
    pub fn new() -> World {
        World::at(tempfile::tempdir().unwrap())
    }

    /// In memory, for tests of many runs: a flush of a busy disk would be most of what they do.
    pub fn in_memory() -> World {
        World::at(TempDir::new_in("/dev/shm").unwrap())
    }

    fn at(directory: TempDir) -> World {
        let world = World { directory };
        for folder in ["ea", "eb"] {
            std::fs::create_dir(world.path(folder)).unwrap();
        }
        std::fs::write(world.path("site.json"), site().to_string()).unwrap();
        world
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    /// Writes a file, its folders made.
    pub fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn exists(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(TOOL);
        command.args(arguments);
        self.prepare(command)
    }

    /// The tool in a mount namespace of its own, after `script` has mounted there what it likes.
    pub fn command_with_mounts(&self, script: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
            command.args(["--user", "--map-root-user"]);
        }
        let script = format!("{script}\nexec \"$@\"");
        command
            .args(["--mount", "sh", "-euc", &script, "sh", TOOL])
            .args(arguments);
        self.prepare(command)
    }

    fn prepare(&self, mut command: Command) -> Command {
        command
            .current_dir(self.directory.path())
            .env_remove("MKX_SITE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str], stdin: impl AsRef<[u8]>) -> Outcome {
        finish(self.command(arguments), stdin)
    }

    /// Everything below, but for EB's vault and the state directory.
    pub fn surroundings(&self) -> Snapshot {
        let mut all = snapshot(self.directory.path());
        all.retain(|path, _| !path.starts_with("eb") && !path.starts_with("state"));
        all
    }

    pub fn eb(&self) -> Snapshot {
        snapshot(&self.path("eb"))
    }

    /// Names in EB's vault that only an unfinished run leaves.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        let unfinished = |path: &PathBuf| path.to_string_lossy().contains(".mkx-");
        self.eb().into_keys().filter(unfinished).collect()
    }
}

pub fn finish(mut command: Command, stdin: impl AsRef<[u8]>) -> Outcome {
    let mut child = command.spawn().unwrap();
    feed(&mut child, stdin.as_ref());
    Outcome::new(child.wait_with_output().unwrap())
}

/// The tool may end before it has read everything.
pub fn feed(child: &mut Child, stdin: &[u8]) {
    let _ = child.stdin.take().unwrap().write_all(stdin);
}

/// A manifest of required files.
pub fn manifest<'a>(paths: impl IntoIterator<Item = &'a str>) -> String {
    lines(paths.into_iter().map(|path| json!({ "path": path })))
}

/// A manifest of these lines.
pub fn lines(files: impl IntoIterator<Item = Value>) -> String {
    let mut text = String::new();
    let mut count = 0;
    for mut file in files {
        file["record"] = "mkx.vault.file/1".into();
        text += &format!("{file}\n");
        count += 1;
    }
    text + &end(count)
}

pub fn end(files: u64) -> String {
    format!(
        "{}\n",
        json!({"record": "mkx.vault.manifest/1", "files": files, "ok": true})
    )
}

/// What lies where: everything that a writer could change.
pub type Snapshot = BTreeMap<PathBuf, String>;

pub fn snapshot(root: &Path) -> Snapshot {
    let mut all = Snapshot::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(&folder).unwrap() {
            let path = item.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let content = if meta.is_file() {
                digest(&std::fs::read(&path).unwrap())
            } else {
                0
            };
            // A folder's own times and size change with what is put beside it.
            let facts = if meta.is_dir() {
                format!("{:o}", meta.mode())
            } else {
                let times = (
                    meta.mtime(),
                    meta.mtime_nsec(),
                    meta.ctime(),
                    meta.ctime_nsec(),
                );
                let owner = (meta.uid(), meta.gid());
                format!(
                    "{:o} {} {} {times:?} {owner:?} {content:x}",
                    meta.mode(),
                    meta.ino(),
                    meta.nlink()
                )
            };
            if meta.is_dir() {
                folders.push(path.clone());
            }
            all.insert(path.strip_prefix(root).unwrap().to_path_buf(), facts);
        }
    }
    all
}

fn digest(content: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(content);
    hasher.finish()
}

fn site() -> Value {
    let preset = include_str!("../../../mkx-compose/presets/makapix.json");
    let preset: Value = serde_json::from_str(preset).unwrap();
    let files = &preset["environments"]["eb"]["vault"]["files"];
    let environment = |name: &str, role: &str| {
        json!({
            "role": role, "project": name, "directory": name, "compose_files": ["compose.yml"],
            "env_files": [], "branch": name, "domain": format!("{name}.test"),
            "database": {"url": format!("postgresql://u@127.0.0.1/{name}")},
            "vault": {"path": name, "domain": format!("vault-{name}.test"), "files": files,
                "min_free_bytes": 0},
            "health_url": format!("http://{name}.test/health"),
        })
    };
    json!({
        "record": "mkx.site/2", "name": "test", "state_directory": "state",
        "host": {"cpus": 2.0, "memory_bytes": 4_294_967_296_u64},
        "shared": {"network": "test"},
        "environments": {
            "ea": environment("ea", "production"),
            "eb": environment("eb", "development"),
        },
    })
}
