//! Compose files of every form that the Compose specification allows, made at random: what `split`
//! makes of one resolves to what it resolves to, is rendered, and is not changed by a second split.
//!
//! `MKX_FILES` says how many; the seed of a file is its number.

use std::fmt::Write;

use serde_json::Value;

use crate::random_pairs::Dice;
use crate::split_forms::App;

/// Text of a compose file as one hand writes it: its indentation, quotes, braces, comments.
struct Hand {
    dice: Dice,
    unit: usize,
    text: String,
    /// The next port of the host.
    port: u64,
    services: u64,
}

impl Hand {
    fn line(&mut self, depth: usize, content: &str) {
        let indent = " ".repeat(depth * self.unit);
        if self.dice.roll(12) == 0 {
            let _ = writeln!(
                self.text,
                "{indent}# Of line {}.",
                self.text.lines().count()
            );
        }
        let behind = if self.dice.roll(15) == 0 && !content.ends_with(['|', '>', '-']) {
            " # as it was"
        } else {
            ""
        };
        let _ = writeln!(self.text, "{indent}{content}{behind}");
    }

    /// A scalar, quoted as it comes; `text` has no quotes in it.
    fn quoted(&mut self, text: &str) -> String {
        let is_plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || "./$".contains(c))
            && !text.contains([',', '[', ']', '{', '}', '#', '*', '&', '!'])
            && !text.contains(": ")
            && text.contains(|c: char| c.is_ascii_alphabetic());
        match self.dice.roll(3) {
            0 if is_plain => text.to_owned(),
            1 => format!("'{text}'"),
            _ => format!("\"{text}\""),
        }
    }

    /// `key:` with a list, in brackets or in lines.
    fn list(&mut self, depth: usize, key: &str, items: &[String]) {
        let items: Vec<String> = items.iter().map(|item| self.quoted(item)).collect();
        if self.dice.yes() {
            let items: Vec<String> = items
                .iter()
                .map(|item| match item.starts_with(['\'', '"']) {
                    true => item.clone(),
                    false => format!("\"{item}\""),
                })
                .collect();
            self.line(depth, &format!("{key}: [{}]", items.join(", ")));
            return;
        }
        self.line(depth, &format!("{key}:"));
        // A list may begin at its key's column.
        let deeper = depth + usize::from(self.dice.yes());
        for item in items {
            self.line(deeper, &format!("- {item}"));
        }
    }

    /// `key:` with names and values, as a map or as a list.
    fn pairs(&mut self, depth: usize, key: &str, pairs: &[(String, String)]) {
        match self.dice.roll(3) {
            0 => {
                let items: Vec<String> = pairs
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                self.list(depth, key, &items);
            }
            1 => {
                let items: Vec<String> = pairs
                    .iter()
                    .map(|(name, value)| format!("{name}: \"{value}\""))
                    .collect();
                self.line(depth, &format!("{key}: {{{}}}", items.join(", ")));
            }
            _ => {
                self.line(depth, &format!("{key}:"));
                for (name, value) in pairs {
                    let value = self.quoted(value);
                    self.line(depth + 1, &format!("{name}: {value}"));
                }
            }
        }
    }

    fn chance(&mut self, of: u64) -> bool {
        self.dice.roll(of) == 0
    }

    fn other(&mut self) -> String {
        format!("s{}", self.dice.roll(self.services))
    }

    fn service(&mut self, index: u64) {
        let start = self.text.len();
        self.line(1, &format!("s{index}:"));
        match self.dice.roll(4) {
            0 => self.line(2, "<<: *common"),
            1 => self.line(2, "<<: [*common, *more]"),
            _ => {}
        }
        match self.dice.roll(4) {
            0 => self.line(2, "build: ./app"),
            1 => {
                self.line(2, "build:");
                self.line(3, "context: ./app");
                self.pairs(
                    3,
                    "args",
                    &[("SITE".into(), "https://shop.example/x".into())],
                );
            }
            _ => {
                let image = self.dice.pick(&["postgres:16", "redis:7-alpine", "alpine:3.20", "ghcr.io/x/y@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]).to_owned();
                let image = self.quoted(&image);
                self.line(2, &format!("image: {image}"));
            }
        }
        if self.chance(3) {
            let name = self.quoted(&format!("old_s{index}"));
            self.line(2, &format!("container_name: {name}"));
        }
        self.ports();
        self.volumes(index);
        self.environment();
        self.labels(index);
        self.networks(index);
        self.process();
        self.given();
        self.rest(index);
        if self.chance(10) {
            self.text.insert(start, '\n');
        }
    }

    /// A service that another one builds on, in this file or in another.
    fn extended(&mut self) {
        self.line(1, "base:");
        self.line(2, "image: alpine:3.20");
        self.pairs(
            2,
            "environment",
            &[
                ("SITE".into(), "https://shop.example".into()),
                ("DB_HOST".into(), "old_s0".into()),
            ],
        );
        if self.dice.yes() {
            self.line(2, "env_file: [app.env]");
        }
        if self.dice.yes() {
            self.line(2, "profiles: [never]");
            self.line(2, "ports: ['7990:80']");
        }
        self.line(1, "child:");
        let base = self
            .dice
            .pick(&["base", "{service: base}", "{file: more.yml, service: k}"])
            .to_owned();
        self.line(2, &format!("extends: {base}"));
        self.line(2, "environment: [SITE=shop.example]");
        if self.dice.yes() {
            self.line(2, "ports: ['7980:80']");
        }
    }

    fn ports(&mut self) {
        if self.chance(2) {
            return;
        }
        let mut items = Vec::new();
        for _ in 0..=self.dice.roll(3) {
            self.port += 10;
            let port = self.port;
            items.push(match self.dice.roll(8) {
                0 => "3000".into(),
                1 => format!("127.0.0.1:{port}:80"),
                2 => format!("[::1]:{port}:80"),
                3 => format!("{port}-{}:3000-3002", port + 2),
                4 => format!("{port}-{}:80", port + 5),
                5 => format!("{port}:53/udp"),
                6 => format!("${{PORT_{port}:-{port}}}:80"),
                _ => format!("{port}:80"),
            });
        }
        if self.chance(3) {
            self.port += 10;
            self.line(2, "ports:");
            self.line(3, "- target: 80");
            let quote = self.dice.pick(&["", "'"]);
            let published = format!("  published: {quote}{}{quote}", self.port);
            self.line(3, &published);
            if self.dice.yes() {
                self.line(3, "  host_ip: 127.0.0.1");
            }
            if self.dice.yes() {
                self.line(3, "  protocol: tcp");
                self.line(3, "  mode: host");
            }
            return;
        }
        self.list(2, "ports", &items);
    }

    fn volumes(&mut self, index: u64) {
        match self.dice.roll(4) {
            0 => {}
            1 => {
                self.line(2, "volumes:");
                self.line(3, "- type: volume");
                self.line(3, "  source: data");
                self.line(3, "  target: /data");
                self.line(3, "  volume: {nocopy: true}");
                self.line(3, "- type: bind");
                self.line(3, &format!("  source: /srv/old/b{index}"));
                self.line(3, "  target: /b");
                if self.dice.yes() {
                    self.line(3, "  read_only: true");
                }
                self.line(3, "- {type: tmpfs, target: /run/x, tmpfs: {size: 1000000}}");
            }
            _ => {
                let all = [
                    "data:/data".to_owned(),
                    "cache:/cache:ro".into(),
                    "./conf:/conf:ro".into(),
                    format!("/srv/old/a{index}:/a"),
                    "/etc/localtime:/etc/localtime:ro".into(),
                    "/anonymous".into(),
                ];
                let count = 1 + self.dice.roll(all.len() as u64) as usize;
                self.list(2, "volumes", &all[..count]);
            }
        }
    }

    fn environment(&mut self) {
        let (one, two) = (self.other(), self.other());
        let all = [
            ("PLAIN".to_owned(), "word".to_owned()),
            ("NUMBER".into(), "12".into()),
            ("FLAG".into(), "true".into()),
            ("EMPTY".into(), String::new()),
            ("PASSWORD".into(), "${PASSWORD}".into()),
            ("MODE".into(), "${MODE:-fast}".into()),
            ("PRICE".into(), "5$$".into()),
            ("SITE".into(), "https://shop.example/a?b=c".into()),
            ("DB_HOST".into(), one.clone()),
            ("API".into(), format!("http://{two}:8000/{one}")),
            ("OLD_HOST".into(), format!("old_{one}")),
        ];
        match self.dice.roll(4) {
            0 => {}
            1 => {
                self.line(2, "environment:");
                if self.dice.yes() {
                    self.line(3, "<<: *env");
                }
                self.line(3, "GIVEN:");
                self.line(3, "TEXT: |");
                self.line(4, "one shop.example");
                let indent = " ".repeat(4 * self.unit);
                let _ = writeln!(self.text, "{indent}two");
                self.line(3, "FOLDED: >-");
                let _ = writeln!(self.text, "{indent}a\n{indent}b");
                self.line(3, "LAST: 0o14");
            }
            _ => {
                let count = 1 + self.dice.roll(all.len() as u64) as usize;
                self.pairs(2, "environment", &all[..count]);
            }
        }
        match self.dice.roll(6) {
            0 => self.line(2, "env_file: app.env"),
            1 => self.list(2, "env_file", &["app.env".to_owned(), "more.env".into()]),
            2 => {
                self.line(2, "env_file:");
                self.line(3, "- path: app.env");
                self.line(3, "  required: false");
            }
            _ => {}
        }
    }

    fn labels(&mut self, index: u64) {
        if self.chance(3) {
            let upstream = self.other();
            self.pairs(
                2,
                "labels",
                &[
                    ("caddy".into(), format!("s{index}.shop.example")),
                    ("caddy.reverse_proxy".into(), format!("{upstream}:80")),
                    ("com.example.empty".into(), String::new()),
                ],
            );
        }
    }

    fn networks(&mut self, index: u64) {
        match self.dice.roll(6) {
            0 if index > 0 => {
                let kind = self.dice.pick(&["service:s0", "host", "none"]).to_owned();
                self.line(2, &format!("network_mode: {kind}"));
            }
            1 => self.list(2, "networks", &["inner".to_owned(), "proxy".into()]),
            2 => {
                self.line(2, "networks:");
                self.line(3, "inner:");
                self.line(3, "proxy:");
                self.line(4, &format!("aliases: [alias{index}, s{index}]"));
            }
            3 => {
                self.line(2, "networks:");
                self.line(3, "inner:");
                self.line(4, &format!("ipv4_address: 172.31.9.{}", 10 + index));
                self.line(4, "priority: 5");
            }
            _ => {}
        }
    }

    fn process(&mut self) {
        let host = self.other();
        match self.dice.roll(6) {
            0 => self.line(
                2,
                &format!("command: run --host {host} --site shop.example"),
            ),
            1 => self.list(
                2,
                "command",
                &[
                    "run".to_owned(),
                    "--host".into(),
                    host.clone(),
                    "$$HOME".into(),
                ],
            ),
            2 => {
                self.line(2, "command: >-");
                let indent = " ".repeat(3 * self.unit);
                let _ = writeln!(self.text, "{indent}redis-server\n{indent}--maxmemory 64mb");
            }
            3 => self.line(2, "command: []"),
            _ => {}
        }
        match self.dice.roll(6) {
            0 => self.line(2, "entrypoint: /run.sh --now"),
            1 => self.list(
                2,
                "entrypoint",
                &[format!("wait-for {host}:80"), "--".into()],
            ),
            _ => {}
        }
        match self.dice.roll(6) {
            0 => self.line(
                2,
                "healthcheck: {test: [CMD, curl, -f, 'http://localhost/'], interval: 30s}",
            ),
            1 => {
                self.line(2, "healthcheck:");
                self.line(3, "test: curl -f http://localhost/ || exit 1");
                self.line(3, "start_period: 1m30s");
                self.line(3, "retries: 3");
            }
            2 => self.line(2, "healthcheck: {disable: true}"),
            _ => {}
        }
    }

    fn given(&mut self) {
        match self.dice.roll(5) {
            0 => self.list(2, "secrets", &["word".to_owned()]),
            1 => {
                self.line(2, "secrets:");
                self.line(3, "- source: word");
                self.line(3, "  target: /run/word");
                self.line(3, "  mode: 0440");
            }
            _ => {}
        }
        match self.dice.roll(5) {
            0 => self.list(2, "configs", &["conf".to_owned()]),
            1 => self.line(2, "configs: [{source: conf, target: /etc/conf}]"),
            _ => {}
        }
    }

    fn rest(&mut self, index: u64) {
        match self.dice.roll(5) {
            0 if index > 0 => self.list(2, "depends_on", &["s0".to_owned()]),
            1 if index > 0 => {
                self.line(2, "depends_on:");
                self.line(3, "s0: {condition: service_started, restart: true}");
            }
            _ => {}
        }
        match self.dice.roll(6) {
            0 => self.line(2, "deploy: {resources: {limits: {cpus: '0.5', memory: 512M}, reservations: {memory: 64M}}}"),
            1 => {
                self.line(2, "deploy:");
                self.line(3, "restart_policy: {condition: on-failure, max_attempts: 3}");
                self.line(3, "update_config:");
                self.line(4, "order: start-first");
                self.pairs(3, "labels", &[("tier".into(), "one".into())]);
            }
            2 => self.line(2, "mem_limit: 300m"),
            _ => {}
        }
        for line in [
            "profiles: [tools]",
            "restart: \"no\"",
            "cap_add: [NET_ADMIN]",
            "dns: 9.9.9.9",
            "extra_hosts: ['host.docker.internal:host-gateway']",
            "expose: ['9000']",
            "hostname: inside",
            "init: true",
            "logging: {driver: json-file, options: {max-size: 10m}}",
            "read_only: true",
            "security_opt: ['no-new-privileges:true']",
            "shm_size: 64m",
            "stop_grace_period: 1m",
            "stdin_open: yes",
            "sysctls: {net.core.somaxconn: 1024}",
            "tmpfs: /tmp",
            "ulimits: {nofile: {soft: 1000, hard: 2000}, nproc: 100}",
            "user: '1000:1000'",
            "working_dir: /app",
            "x-own: {any: thing}",
        ] {
            // What others wait for is always there.
            if self.chance(15) && !(index == 0 && line.starts_with("profiles")) {
                self.line(2, line);
            }
        }
    }
}

/// A compose file for production.
fn file(seed: u64) -> String {
    let mut dice = Dice(seed.wrapping_mul(7919) + 1);
    let unit = if dice.yes() { 2 } else { 4 };
    let services = 2 + dice.roll(4);
    let mut hand = Hand {
        dice,
        unit,
        text: String::new(),
        port: 8000,
        services,
    };
    if hand.chance(4) {
        hand.text.push_str("---\n");
    }
    if hand.chance(4) {
        hand.line(0, "version: '3.8'");
    }
    if hand.chance(2) {
        hand.line(0, "name: old");
    }
    hand.line(0, "x-common: &common");
    hand.line(1, "restart: unless-stopped");
    if hand.chance(2) {
        hand.line(1, "env_file: app.env");
    }
    hand.line(
        0,
        "x-more: &more {stop_signal: SIGINT, labels: {tier: two}}",
    );
    hand.line(0, "x-env: &env");
    hand.line(1, "ORIGIN: https://shop.example");
    hand.line(1, "CACHE: redis://s0:6379/0");
    hand.text.push('\n');
    hand.line(0, "services:");
    for index in 0..services {
        hand.service(index);
    }
    if hand.chance(3) {
        hand.extended();
    }
    if hand.chance(5) {
        hand.text.push_str("include: [inc.yml]\n");
    }
    hand.line(0, "networks:");
    hand.line(1, "inner:");
    if hand.chance(2) {
        hand.line(2, "name: old_inner");
    }
    hand.line(2, "ipam:");
    hand.line(3, "config:");
    hand.line(4, "- subnet: 172.31.9.0/24");
    hand.line(1, "proxy:");
    hand.line(2, "external: true");
    hand.line(0, "volumes:");
    let data = hand
        .dice
        .pick(&[
            "data:",
            "data: {}",
            "data: {name: old_rows}",
            "data: {external: true, name: old_rows}",
        ])
        .to_owned();
    hand.line(1, &data);
    hand.line(1, "cache:");
    if hand.chance(2) {
        hand.line(2, "labels: {keep: 'no'}");
    }
    hand.line(0, "secrets:");
    hand.line(1, "word: {file: ./word.txt}");
    hand.line(0, "configs:");
    hand.line(1, "conf:");
    hand.line(2, "file: ./conf.txt");
    let text = hand.text;
    match seed % 7 {
        3 => text.replace('\n', "\r\n"),
        5 => format!("\u{feff}{text}"),
        _ => text,
    }
}

/// What may differ: names of the project, of containers, and what only Docker Compose adds.
fn normal(model: Value, services: u64) -> Value {
    let mut text = model.to_string();
    for index in (0..services).rev() {
        let name = format!("s{index}");
        for former in ["shop-prod-", "old_", "ea-"] {
            text = text.replace(&format!("{former}{name}"), &name);
        }
        text = text.replace(&format!("shop-prod-alias{index}"), &format!("alias{index}"));
        text = text.replace(&format!("alias{index}"), &name);
    }
    let mut model: Value = serde_json::from_str(&text).unwrap();
    let fields = model.as_object_mut().unwrap();
    fields.retain(|name, _| !name.starts_with("x-") && name != "name");
    for service in model["services"].as_object_mut().unwrap().values_mut() {
        service.as_object_mut().unwrap().remove("container_name");
    }
    for kind in ["volumes", "networks", "secrets", "configs"] {
        for (key, one) in model[kind].as_object_mut().into_iter().flatten() {
            let one = one.as_object_mut().unwrap();
            one.remove("external");
            if kind != "volumes" && key != "proxy" {
                one.remove("name");
            }
        }
    }
    model
}

/// Keeps the files of what failed.
struct Kept(Option<App>, u64);

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(app) = self.0.take().filter(|_| std::thread::panicking()) {
            eprintln!(
                "seed {}: the files are kept in {}",
                self.1,
                app.keep().display()
            );
        }
    }
}

#[track_caller]
fn check(seed: u64) {
    let text = file(seed);
    let kept = Kept(Some(App::named("compose.yml", &text)), seed);
    let app = kept.0.as_ref().unwrap();
    app.write("ea/.env", "PASSWORD=x\n");
    app.write(
        "ea/app.env",
        "FROM_FILE=1\nCALLBACK=https://shop.example/x\n",
    );
    app.write("ea/more.env", "MORE=1\n");
    app.write("ea/word.txt", "x\n");
    let included =
        "services:\n  o:\n    image: alpine:3.20\n    volumes: [kept:/kept]\nvolumes:\n  kept:\n";
    app.write("ea/inc.yml", included);
    let extended = "services:\n  k:\n    image: alpine:3.20\n    environment: {MODE: k}\n";
    app.write("ea/more.yml", extended);
    app.write("ea/conf.txt", "x\n");
    let resolve = |files: &[&str], env_file: &str| {
        let output = app.resolve(files, env_file);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "seed {seed}: {stderr}\n{text}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let services = 6;
    let original = normal(resolve(&["compose.yml"], ".env"), services);
    let told = app.split();

    let secrets = app.read("ea/.env");
    app.write(
        "ea/.env.prod",
        &format!("{}{secrets}", app.read("ea/.env.prod.example")),
    );
    let result = resolve(
        &["docker-compose.yml", "docker-compose.prod.yml"],
        ".env.prod",
    );
    let result = normal(result, services);
    assert_eq!(
        crate::split::difference(&original, &result, ""),
        None,
        "seed {seed}: {told}\n{text}"
    );

    for name in [
        "docker-compose.yml",
        "docker-compose.dev.yml",
        "word.txt",
        "conf.txt",
        "inc.yml",
        "more.yml",
    ] {
        app.write(&format!("eb/{name}"), &app.read(&format!("ea/{name}")));
    }
    app.write("eb/.env.dev", &app.read("ea/.env.dev.example"));
    for environment in ["ea", "eb"] {
        let rendered = app.run(&["render", environment]);
        let stderr = String::from_utf8_lossy(&rendered.stderr);
        assert_eq!(
            rendered.status.code(),
            Some(0),
            "seed {seed}: {environment}: {stderr}\n{text}"
        );
    }
    let again = app.run(&["split", "ea/docker-compose.yml"]);
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(
        said.contains("is split already"),
        "seed {seed}: {said}\n{text}"
    );
}

/// `MKX_FILES` files from `MKX_FILES_FIRST` on.
#[test]
fn every_generated_file_is_split_and_rendered() {
    let number = |name: &str, usual: u64| {
        std::env::var(name).map_or(usual, |number| number.parse().unwrap())
    };
    let first = number("MKX_FILES_FIRST", 0);
    let end = first + number("MKX_FILES", 30);
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || (first + half..end).step_by(2).for_each(check));
        }
    });
}
