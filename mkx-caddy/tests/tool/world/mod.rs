//! A private world for tests of the edge: a site document, two vaults, upstreams that say who
//! they are, and Caddy processes with data of their own.

pub mod server;
pub mod upstream;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;
use upstream::Upstream;

/// The one password of EB's one user, hashed at bcrypt's lowest cost.
pub const PASSWORD: &str = "let me in";

pub struct World {
    pub dir: TempDir,
    pub site: Value,
    pub http_port: u16,
    pub https_port: u16,
    pub admin_port: u16,
    pub upstreams: [Upstream; 4],
}

/// A port below those that the kernel gives to clients, so that none takes it in between.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let offset = (std::process::id().wrapping_mul(97) + step) % 20_000;
        let port = 11_000 + u16::try_from(offset).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

impl World {
    pub fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let upstreams = ["ea-api", "ea-web", "eb-api", "eb-web"].map(Upstream::start);
        let (http_port, https_port, admin_port) = (free_port(), free_port(), free_port());
        let preset = include_str!("../../../../mkx-compose/presets/makapix.json");
        let mut site: Value = serde_json::from_str(preset).unwrap();
        let root = dir.path();
        site["state_directory"] = json!(root.join("state"));
        site["shared"]["edge"] = json!({
            "admin_url": format!("http://127.0.0.1:{admin_port}"),
            "admin_listen": format!("127.0.0.1:{admin_port}"),
            "bind": "127.0.0.1",
            "http_port": http_port,
            "https_port": https_port,
            "certificates": "internal",
            "log_directory": root.join("log"),
        });
        for (index, name) in ["ea", "eb"].into_iter().enumerate() {
            let environment = &mut site["environments"][name];
            environment["directory"] = json!(root.join(name));
            environment["web"]["api_upstreams"] = json!([upstreams[index * 2].address()]);
            environment["web"]["web_upstreams"] = json!([upstreams[index * 2 + 1].address()]);
            let vault = root.join(format!("vault-{name}"));
            environment["vault"]["path"] = json!(vault);
            environment["vault"]["edge_path"] = Value::Null;
            fill_vault(&vault, name);
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        std::fs::create_dir(root.join("log")).unwrap();
        std::fs::create_dir(root.join("secrets")).unwrap();
        symlink(
            root.join("vault-ea/00/01/only-ea.png"),
            root.join("vault-eb/00/01/production.png"),
        )
        .unwrap();
        let world = World {
            dir,
            site,
            http_port,
            https_port,
            admin_port,
            upstreams,
        };
        world.write_users(&[("developer", PASSWORD)]);
        world.write_site();
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write_site(&self) {
        std::fs::write(self.path("site.json"), self.site.to_string()).unwrap();
    }

    pub fn write_users(&self, users: &[(&str, &str)]) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path("secrets/eb-users");
        let text: String = users
            .iter()
            .map(|(name, password)| format!("{name}:{}\n", bcrypt::hash(password, 4).unwrap()))
            .collect();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The site as the tool sees it.
    pub fn resolved(&self) -> mkx_contract::Site {
        mkx_contract::tool::site::find(Some(&self.path("site.json"))).unwrap()
    }

    pub fn https(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.https_port).into()
    }

    pub fn http(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.http_port).into()
    }

    /// Runs the tool from outside.
    pub fn run(&self, arguments: &[&str], stdin: &str) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let stdin = stdin.to_owned();
        let writer = std::thread::spawn(move || {
            let _ = pipe.write_all(stdin.as_bytes());
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        // Not there for the unit tests, which have this among their modules too.
        let tool = option_env!("CARGO_BIN_EXE_mkx-caddy");
        let mut command = Command::new(tool.unwrap());
        command
            .args(arguments)
            .env_remove("MKX_SITE")
            .env_remove("MKX_CADDY")
            .env("MKX_SITE", self.path("site.json"));
        command
    }

    /// Runs the tool and expects it to succeed; its stdout.
    #[track_caller]
    pub fn stdout(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments, "");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The same names in both vaults, each with its environment's name as content; one file that only
/// its own vault has.
fn fill_vault(vault: &Path, name: &str) {
    let files = [
        "24/07/art.png",
        "24/07/art_upscaled.webp",
        "3f/05/moved.gif",
        "avatar/24/07/face.png",
        "blog_image/24/07/post.png",
        "mkpx/24/07/layers.mkpx",
        "bdr/abc/export.zip",
        "lost+found/secret.png",
        "24/07/art.png.4711.reshard-tmp",
        "24/07/.hidden.png",
        "a4/47/ee/legacy.png",
        "sub/index.html",
    ];
    let own = format!("00/01/only-{name}.png");
    for file in files.iter().copied().chain([own.as_str()]) {
        let path = vault.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("{name} {file}\n")).unwrap();
    }
    std::fs::create_dir_all(vault.join("empty")).unwrap();
    symlink("/etc/passwd", vault.join("00/01/outside.png")).unwrap();
    symlink("/etc", vault.join("outside")).unwrap();
    symlink("art.png", vault.join("24/07/inside.png")).unwrap();
}
