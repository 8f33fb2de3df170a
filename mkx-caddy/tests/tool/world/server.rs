//! A Caddy process of a test: Debian's or a current one, with data, ports and an admin API of its
//! own, gone when the test is.

use std::io::{Seek, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::http::{Client, Request, Response, Way};

use serde_json::Value;

use super::World;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Debian,
    Current,
}

pub const BOTH: [Which; 2] = [Which::Debian, Which::Current];

impl Which {
    /// The value of `--caddy-version` that fits.
    pub fn version(self) -> &'static str {
        match self {
            Which::Debian => "2.6",
            Which::Current => "2.8",
        }
    }

    /// What this Caddy makes of a Caddyfile.
    #[track_caller]
    pub fn adapt(self, caddyfile: &str) -> Value {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(caddyfile.as_bytes()).unwrap();
        file.rewind().unwrap();
        let output = Command::new(self.program())
            .args(["adapt", "--adapter", "caddyfile", "--config", "/dev/stdin"])
            .stdin(file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{caddyfile}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn program(self) -> PathBuf {
        let name = match self {
            Which::Debian => "caddy",
            Which::Current => "caddy-current",
        };
        let cache = std::env::var_os("MKX_CACHE")
            .map(PathBuf::from)
            .unwrap_or_else(|| {
                std::env::var_os("XDG_CACHE_HOME")
                    .map(PathBuf::from)
                    .unwrap_or_else(|| {
                        PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache")
                    })
                    .join("mkx")
            });
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .chain([PathBuf::from("/usr/bin"), cache.join("bin")])
            .map(|folder| folder.join(name))
            .find(|program| program.is_file())
            .unwrap_or_else(|| panic!("there is no {name}: run scripts/setup"))
    }
}

pub struct Server {
    child: Child,
    client: Client,
    admin: std::net::SocketAddr,
    pub data: PathBuf,
}

impl Server {
    /// Starts without a configuration: only the admin API listens.
    pub fn start(world: &World, which: Which) -> Server {
        let data = world.path(&format!("caddy-{which:?}-{}", world.admin_port));
        std::fs::create_dir_all(&data).unwrap();
        let admin = (std::net::Ipv4Addr::LOCALHOST, world.admin_port).into();
        let first = format!(
            r#"{{"admin":{{"listen":"127.0.0.1:{}"}}}}"#,
            world.admin_port
        );
        std::fs::write(data.join("first.json"), first).unwrap();
        let log = std::fs::File::create(data.join("stderr")).unwrap();
        let child = Command::new(which.program())
            .args(["run", "--config", "first.json"])
            .env("HOME", &data)
            .env("XDG_DATA_HOME", &data)
            .env("XDG_CONFIG_HOME", &data)
            .current_dir(&data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let server = Server {
            child,
            client: Client::new(None, Duration::from_secs(20)).unwrap(),
            admin,
            data,
        };
        let since = Instant::now();
        while std::net::TcpStream::connect(admin).is_err() {
            assert!(
                since.elapsed() < Duration::from_secs(20),
                "caddy does not start"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Starts with the tool's own rendering, or a changed one.
    pub fn serving(world: &World, which: Which, change: impl FnOnce(String) -> String) -> Server {
        let server = Server::start(world, which);
        let text = world.stdout(&["render", "--caddy-version", which.version()]);
        server.load_caddyfile(&change(text));
        server
    }

    #[track_caller]
    pub fn load_caddyfile(&self, text: &str) {
        let response = self.admin("POST", "/load", &[("content-type", "text/caddyfile")], text);
        assert_eq!(response.status, 200, "{}", response.text());
    }

    pub fn admin(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let request = Request {
            address: self.admin,
            host: self.admin.to_string(),
            way: Way::Plain,
            method: method.into(),
            path: path.into(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.as_bytes().to_vec(),
        };
        self.client.send(&request).unwrap()
    }

    /// The root certificate of its own authority.
    pub fn authority(&self) -> PathBuf {
        self.data.join("caddy/pki/authorities/local/root.crt")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
