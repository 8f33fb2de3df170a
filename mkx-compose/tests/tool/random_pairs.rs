//! Random applications, split by `split` and given env files: the audit of every pair is clean.
//!
//! `MKX_PAIRS` says how many; the seed of a pair is its number.

use std::fmt::Write;

use crate::world::{World, write};
use serde_json::Value;

/// A small generator of numbers; the same seed gives the same application.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    pub fn yes(&mut self) -> bool {
        self.roll(2) == 0
    }

    pub fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[usize::try_from(self.roll(choices.len() as u64)).unwrap()]
    }
}

/// A compose file for production, as somebody might have written it.
fn application(dice: &mut Dice) -> String {
    let mut text = String::new();
    if dice.yes() {
        text.push_str("# The application.\nname: old\n");
    }
    text.push_str("x-service: &service\n  restart: unless-stopped\n  logging: {driver: json-file}\n\nservices:\n");
    database(dice, &mut text);
    let queue = dice.yes();
    if queue {
        text.push_str("  queue:\n    <<: *service\n    image: redis:7-alpine\n    command: [redis-server, --appendonly, \"yes\", --maxmemory-policy, noeviction]\n    volumes: [queue_data:/data]\n    networks: [internal]\n\n");
    }
    let broker = dice.yes();
    if broker {
        mqtt(dice, &mut text);
    }
    api(dice, &mut text, queue);
    for index in 0..dice.roll(3) {
        extra(dice, &mut text, index);
    }
    web(dice, &mut text);
    if dice.yes() {
        edge(dice, &mut text);
    }
    text.push_str("networks:\n  internal:\n");
    if dice.yes() {
        text.push_str("    name: old_internal\n");
    }
    text.push_str("  # Of the host.\n  caddy_net:\n    external: true\n\nvolumes:\n");
    text.push_str(dice.pick(&[
        "  pg_data:\n",
        "  pg_data: {}\n",
        "  pg_data:\n    external: true\n    name: old_rows # by hand\n",
        "  pg_data: {name: old_rows}\n",
    ]));
    if queue {
        text.push_str("  queue_data:\n");
    }
    text.push_str("  tls:\n    external: true\n    name: makapix-stack_caddy_data\n");
    text
}

fn database(dice: &mut Dice, text: &mut String) {
    text.push_str("  # Rows.\n  db:\n    <<: *service\n");
    let image = dice.pick(&["postgres:17-alpine", "postgres:16.4", "\"postgres:17\""]);
    let _ = writeln!(text, "    image: {image}");
    if dice.yes() {
        text.push_str("    container_name: old-db\n");
    }
    text.push_str("    environment:\n      POSTGRES_PASSWORD: ${DB_ADMIN_PASSWORD}\n");
    match dice.roll(3) {
        0 => {}
        1 => text.push_str("    # Loopback only.\n    ports:\n      - \"127.0.0.1:5432:5432\" # psql\n"),
        _ => text.push_str("    ports:\n      - target: 5432\n        published: \"5432\"\n        host_ip: 127.0.0.1\n"),
    }
    text.push_str(
        "    volumes:\n      - pg_data:/var/lib/postgresql/data\n    networks: [internal]\n",
    );
    if dice.yes() {
        text.push_str("    deploy:\n      resources:\n        limits: {memory: 2G}\n");
    }
    text.push('\n');
}

fn mqtt(dice: &mut Dice, text: &mut String) {
    text.push_str("  mqtt:\n    <<: *service\n    build: ../../mqtt\n    environment:\n      - BACKEND_PASSWORD=${MQTT_PASSWORD}\n      - PUBLIC=makapix.test\n    ports:\n      - \"8883:8883\"\n");
    if dice.yes() {
        text.push_str("      # For tests.\n      - 127.0.0.1:1883:1883\n");
    }
    text.push_str("    volumes:\n      - ../../mqtt/certs:/certs\n    networks: [internal]\n\n");
}

fn api(dice: &mut Dice, text: &mut String, queue: bool) {
    text.push_str("  api: \n    <<: *service\n    build:\n      context: ../../api\n");
    if dice.yes() {
        text.push_str("    container_name: \"old-api\"\n");
    }
    text.push_str(dice.pick(&[
        "",
        "    env_file: .env\n",
        "    env_file:\n      - .env # secrets\n",
        "    mem_limit: 1g\n",
    ]));
    text.push_str("    environment:\n      DB_HOST: db\n      DB_ADMIN_PASSWORD: ${DB_ADMIN_PASSWORD}\n      JWT_SECRET_KEY: \"${JWT_SECRET_KEY}\"\n");
    text.push_str(dice.pick(&[
        "      SITE: https://makapix.test\n",
        "      SITE: 'https://makapix.test/x' # public\n",
        "      SITE: makapix.test\n",
    ]));
    if queue {
        text.push_str("      CELERY_BROKER_URL: redis://queue:6379/0\n");
    }
    if dice.yes() {
        text.push_str("      MODE: ${MODE:-fast}\n      PRICE: \"5$$\"\n");
    }
    if dice.yes() {
        text.push_str("    volumes:\n      - @VAULT@:/vault\n");
    }
    text.push_str(dice.pick(&[
        "    networks: [internal, caddy_net]\n",
        "    networks:\n      internal:\n      caddy_net:\n",
    ]));
    text.push_str("    depends_on: [db]\n\n");
}

fn extra(dice: &mut Dice, text: &mut String, index: u64) {
    let _ = write!(
        text,
        "  extra{index}:\n    image: alpine:3.20\n    command: [sleep, infinity]\n    networks: [internal]\n"
    );
    match dice.roll(4) {
        0 => text.push_str("    profiles: [tools]\n"),
        1 => {
            let port = 7000 + index * 10;
            let _ = writeln!(text, "    ports: [\"127.0.0.1:{port}:80\"]");
        }
        2 => {
            let _ = writeln!(text, "    volumes: [\"/srv/old/extra{index}:/data\"]");
        }
        _ => {}
    }
    text.push('\n');
}

fn web(dice: &mut Dice, text: &mut String) {
    text.push_str("  web:\n    <<: *service\n    build:\n      context: ../../api\n      args:\n        API: https://makapix.test/api\n    networks: [caddy_net]\n");
    if dice.yes() {
        text.push_str("    labels:\n      caddy: makapix.test\n      caddy.header.X-Frame-Options: SAMEORIGIN\n      caddy.handle.reverse_proxy: \"{{upstreams 3000}}\"\n");
    } else {
        text.push_str("    labels:\n      - caddy=makapix.test\n      - caddy.reverse_proxy={{upstreams 3000}}\n");
    }
    text.push('\n');
}

fn edge(dice: &mut Dice, text: &mut String) {
    text.push_str("  # The one proxy.\n  caddy:\n    image: caddy:2.8\n    ports: [\"80:80\", \"443:443\"]\n    volumes:\n      - tls:/data\n");
    if dice.yes() {
        text.push_str("      - @VAULT@:/srv/vault:ro\n");
    }
    text.push_str("    networks: [caddy_net]\n\n");
}

#[track_caller]
fn check(seed: u64) {
    let world = World::new();
    let mut site = world.site();
    site["variables"] = serde_json::json!({});
    world.save_site(&site);
    let vault = world.path("vault-1").display().to_string();
    let text = application(&mut Dice(seed)).replace("@VAULT@", &vault);
    let stack = world.path("makapix/deploy/stack");
    for name in [
        "docker-compose.yml",
        "docker-compose.prod.yml",
        "docker-compose.dev.yml",
        ".env.prod.example",
        ".env.dev.example",
        ".env.prod",
    ] {
        std::fs::remove_file(stack.join(name)).unwrap();
    }
    let secrets = |tag: &str| {
        ["DB_ADMIN_PASSWORD", "JWT_SECRET_KEY", "MQTT_PASSWORD"]
            .map(|name| format!("{name}=canary-{tag}-{name}\n"))
            .concat()
    };
    write(&stack.join("compose.yml"), &text);
    write(&stack.join(".env"), &secrets("ea"));
    let output = world.run(&["split", "makapix/deploy/stack/compose.yml"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(0),
        "seed {seed}: {stderr}\n{text}"
    );

    let development = world.path("makapix-dev/deploy/stack");
    for name in [
        "docker-compose.yml",
        "docker-compose.prod.yml",
        "docker-compose.dev.yml",
    ] {
        std::fs::copy(stack.join(name), development.join(name)).unwrap();
    }
    for (folder, tag, example, own) in [
        (&stack, "ea", ".env.prod.example", ".env.prod"),
        (&development, "eb", ".env.dev.example", ".env.dev"),
    ] {
        let example = std::fs::read_to_string(stack.join(example)).unwrap();
        let hash = "'$2b$10$7Wt0Ssz1hcXsTSVHvnO9Qe8zN1q0nYIvV6Oq1tBpX3Q8nq0nTnWeu'";
        let filled = example.replace(
            "BASIC_AUTH_HASH=CHANGE_ME",
            &format!("BASIC_AUTH_HASH={hash}"),
        );
        write(&folder.join(own), &format!("{filled}{}", secrets(tag)));
    }
    let output = world.run(&["audit"]);
    let audit: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!(
            "seed {seed}: {}\n{text}",
            String::from_utf8_lossy(&output.stderr)
        )
    });
    assert_eq!(
        audit["findings"],
        serde_json::json!([]),
        "seed {seed}:\n{text}"
    );
}

/// `MKX_PAIRS` pairs from `MKX_PAIRS_FIRST` on.
#[test]
fn every_random_pair_that_we_make_is_audited_clean() {
    let number = |name: &str, usual: u64| {
        std::env::var(name).map_or(usual, |number| number.parse().unwrap())
    };
    let first = number("MKX_PAIRS_FIRST", 0);
    let end = first + number("MKX_PAIRS", 12);
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || (first + half..end).step_by(2).for_each(check));
        }
    });
}
