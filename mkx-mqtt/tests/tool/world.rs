//! A site with two private brokers, and the tool beside it. Everything is gone when it is dropped.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The domain that confirms a change of production.
pub const DOMAIN: &str = "ea.test";

/// A site; its brokers run once they are started.
pub struct World {
    directory: TempDir,
    brokers: Vec<(String, Child)>,
    pub document: Value,
}

impl Drop for World {
    fn drop(&mut self) {
        for (_, broker) in &mut self.brokers {
            let _ = broker.kill();
            let _ = broker.wait();
        }
    }
}

impl World {
    /// The site document and the env files; no broker has a file yet.
    pub fn empty() -> World {
        let directory = tempfile::Builder::new()
            .prefix("mkx-mqtt-")
            .tempdir()
            .unwrap();
        let ports = free_ports();
        let preset = include_str!("../../../mkx-compose/presets/makapix.json");
        let preset: Value = serde_json::from_str(preset).unwrap();
        let preset = &preset["environments"]["eb"]["mqtt"];
        let environment = |name: &str, role: &str, ports: &[u16]| {
            let pid = directory.path().join(format!("{name}.pid"));
            json!({
                "role": role, "project": format!("makapix-{name}"), "directory": name,
                "compose_files": ["compose.yml"], "env_files": [".env"], "branch": name,
                "domain": format!("{name}.test"),
                "database": {"url": format!("postgresql://owner@127.0.0.1/{name}")},
                "vault": {"path": format!("vault-{name}"), "domain": format!("vault-{name}.test")},
                "mqtt": {
                    "host": format!("{name}-mqtt"), "public_host": format!("{name}.test"),
                    "port": ports[0], "plain_port": ports[1], "address": "127.0.0.1",
                    "certificate_directory": "certs", "config_directory": "config",
                    "service": preset["service"], "topics": preset["topics"],
                    "user": std::env::var("USER").unwrap_or_else(|_| "root".into()),
                    "reload": ["sh", "-c", format!("kill -HUP $(cat {})", pid.display())],
                },
                "oauth": {
                    "client_id_variable": "ID", "client_secret_variable": "SECRET",
                    "callback_variable": "CALLBACK", "login_path": "/login",
                    "callback": format!("https://{name}.test/callback"),
                },
                "health_url": format!("https://{name}.test/health"),
            })
        };
        let document = json!({
            "record": "mkx.site/2", "name": "test", "state_directory": "state",
            "host": {"cpus": 2, "memory_bytes": 4_000_000_000_u64},
            "shared": {"network": "edge"},
            "environments": {
                "ea": environment("ea", "production", &ports[..2]),
                "eb": environment("eb", "development", &ports[2..]),
            },
        });
        let world = World {
            directory,
            brokers: Vec::new(),
            document,
        };
        for name in ["ea", "eb"] {
            fs::create_dir(world.path(name)).unwrap();
            world.write(
                &format!("{name}/.env"),
                &format!("MQTT_PASSWORD=word-of-{name}\n"),
            );
        }
        world.save();
        world
    }

    /// Both brokers have all their files.
    pub fn furnished() -> World {
        let world = World::empty();
        for name in ["ea", "eb"] {
            world.furnish(name);
        }
        world
    }

    /// Both brokers run.
    pub fn running() -> World {
        let mut world = World::furnished();
        world.start("ea");
        world.start("eb");
        world
    }

    /// Writes a broker's files with the tool.
    pub fn furnish(&self, name: &str) {
        for verb in ["certs init", "passwd", "render"] {
            let mut arguments: Vec<&str> = verb.split(' ').collect();
            arguments.push(name);
            match verb {
                "passwd" => arguments.extend(["--from-site", "--iterations", "101"]),
                "render" => arguments.push("--output"),
                _ => {}
            }
            if name == "ea" {
                arguments.extend(["--confirm", DOMAIN]);
            }
            self.run(&arguments).succeeded();
        }
    }

    /// Starts a broker with the files that it has.
    pub fn start(&mut self, name: &str) {
        self.stop(name);
        let log = fs::File::create(self.path(&format!("{name}.log"))).unwrap();
        let broker = Command::new("mosquitto")
            .env("PATH", path_with_sbin())
            .arg("--config-file")
            .arg(self.path(&format!("{name}/config/mosquitto.conf")))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .expect("cannot start mosquitto: run scripts/setup");
        self.write(&format!("{name}.pid"), &broker.id().to_string());
        self.brokers.push((name.into(), broker));
        for key in ["port", "plain_port"] {
            let port = self.port(name, key);
            assert!(answers(port), "{}", self.log(name));
        }
    }

    /// Ends a broker.
    pub fn stop(&mut self, name: &str) {
        for (_, broker) in self.brokers.iter_mut().filter(|(other, _)| other == name) {
            let _ = broker.kill();
            let _ = broker.wait();
        }
        self.brokers.retain(|(other, _)| other != name);
    }

    /// What a broker said.
    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("{name}.log"))).unwrap()
    }

    pub fn port(&self, name: &str, key: &str) -> u16 {
        let port = &self.document["environments"][name]["mqtt"][key];
        u16::try_from(port.as_u64().unwrap()).unwrap()
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    pub fn write(&self, relative: &str, text: &str) {
        fs::write(self.path(relative), text).unwrap();
    }

    pub fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).unwrap()
    }

    /// Replaces a text in a file, which must be there.
    pub fn edit(&self, relative: &str, from: &str, to: &str) {
        let text = self.read(relative);
        assert!(text.contains(from), "{relative} has no {from}");
        self.write(relative, &text.replace(from, to));
    }

    /// Writes the site document.
    pub fn save(&self) {
        self.write("site.json", &self.document.to_string());
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mkx-mqtt"));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env_remove("MKX_SITE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran(self.command(arguments).output().unwrap())
    }

    pub fn run_with(&self, arguments: &[&str], stdin: &str) -> Ran {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        // One that refuses before it reads has gone by then.
        let mut writer = child.stdin.take().unwrap();
        let _ = writer.write_all(stdin.as_bytes());
        drop(writer);
        Ran(child.wait_with_output().unwrap())
    }

    /// openssl, which has to succeed, in the site's folder.
    pub fn openssl(&self, arguments: &[&str]) -> String {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(self.directory.path())
            .output()
            .expect("cannot run openssl: run scripts/setup");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Files of a device: certificate and key, signed by an environment's authority.
    pub fn device(&self, name: &str, player: &str) -> (PathBuf, PathBuf) {
        let mut arguments = vec!["certs", "player", name, player, "--private-key"];
        if name == "ea" {
            arguments.extend(["--confirm", DOMAIN]);
        }
        let bundle = self.run(&arguments).succeeded().json();
        let [certificate, key] =
            ["crt", "key"].map(|end| self.path(&format!("{name}-{player}.{end}")));
        fs::write(&certificate, bundle["certificate"].as_str().unwrap()).unwrap();
        fs::write(&key, bundle["private_key"].as_str().unwrap()).unwrap();
        (certificate, key)
    }

    /// Whether mosquitto_pub can connect as a device; it asks as a device does.
    pub fn accepts(&self, name: &str, (certificate, key): &(PathBuf, PathBuf)) -> bool {
        let status = Command::new("mosquitto_pub")
            .args([
                "-h",
                "localhost",
                "-p",
                &self.port(name, "port").to_string(),
            ])
            .arg("--cafile")
            .arg(self.path(&format!("{name}/certs/ca.crt")))
            .arg("--cert")
            .arg(certificate)
            .arg("--key")
            .arg(key)
            .args(["-t", "nothing", "-m", "x", "-q", "1"])
            .stderr(Stdio::null())
            .status()
            .expect("cannot run mosquitto_pub: run scripts/setup");
        status.success()
    }
}

/// What a run of the tool gave.
pub struct Ran(Output);

impl Ran {
    pub fn of(output: Output) -> Ran {
        Ran(output)
    }

    pub fn code(&self) -> i32 {
        self.0.status.code().unwrap_or(-1)
    }

    pub fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout()).unwrap_or_else(|error| {
            panic!("{error}: {}{}", self.stdout(), self.stderr());
        })
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code(), code, "{}{}", self.stdout(), self.stderr());
        self
    }

    #[track_caller]
    pub fn succeeded(self) -> Ran {
        self.exits(0)
    }

    /// The rules of the findings of `check`.
    pub fn rules(&self) -> Vec<String> {
        let findings = self.json()["findings"].as_array().unwrap().clone();
        findings
            .iter()
            .map(|finding| finding["rule"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// A port that answers within a few seconds.
pub fn answers(port: u16) -> bool {
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(10) {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

/// Ports that were free a moment ago.
fn free_ports() -> Vec<u16> {
    let listeners: Vec<TcpListener> = (0..4)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    listeners
        .iter()
        .map(|listener| listener.local_addr().unwrap().port())
        .collect()
}

fn path_with_sbin() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/local/sbin:/usr/sbin:/sbin")
}

/// The mode of a file, without its kind.
pub fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().unwrap().permissions().mode() & 0o7777
}
