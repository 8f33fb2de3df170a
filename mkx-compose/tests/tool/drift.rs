//! What runs, beside what the files say: each difference is told, at its line, and nothing else.

use crate::containers::{Engine, asleep, must};
use crate::world::{World, canary, write};
use serde_json::{Value, json};

const BASE: &str = "makapix-dev/deploy/stack/docker-compose.yml";
const DEV: &str = "makapix-dev/deploy/stack/docker-compose.dev.yml";
const DEV_ENV: &str = "makapix-dev/deploy/stack/.env.dev";
const ASLEEP: &str = "makapix-dev/deploy/stack/asleep.yml";

/// Expects exactly these findings of `drift eb`: the message, and the text of the line.
#[track_caller]
fn check(world: &World, expected: &[(String, &str)]) -> Value {
    let code = i32::from(!expected.is_empty());
    let drift = world.record(&["drift", "eb"], code);
    assert_eq!(drift["ok"], expected.is_empty());
    assert_eq!(drift["environments"], json!(["eb"]));
    assert!(!drift.to_string().contains("canary"));
    let mut found: Vec<(String, String)> = drift["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["message"].as_str().unwrap().to_owned(), line(one)))
        .collect();
    found.sort();
    let mut expected: Vec<(String, String)> = expected
        .iter()
        .map(|(message, line)| (message.clone(), (*line).to_owned()))
        .collect();
    expected.sort();
    assert_eq!(found, expected);
    drift
}

/// The text at the place of a finding in the files; empty where a whole file is meant.
fn line(finding: &Value) -> String {
    let place = &finding["evidence"][0];
    let text = std::fs::read_to_string(place["file"].as_str().unwrap()).unwrap();
    let Some(number) = place["line"].as_u64() else {
        return String::new();
    };
    let number = usize::try_from(number).unwrap();
    text.lines().nth(number - 1).unwrap().trim().to_owned()
}

fn restored<'a>(world: &'a World, files: &[&'a str]) -> impl Fn() + 'a {
    let before: Vec<(&str, String)> = files
        .iter()
        .map(|file| (*file, std::fs::read_to_string(world.path(file)).unwrap()))
        .collect();
    move || {
        for (file, text) in &before {
            write(&world.path(file), text);
        }
    }
}

#[test]
fn what_runs_is_held_against_what_the_files_say() {
    let Engine(world) = &asleep();
    let eb = world.names.eb.clone();
    let image = format!("{eb}-own:1");
    must(&["tag", "debian:trixie-slim", &image]);
    // An image of our own, a job that ends, and a tool that nobody asked for.
    let asleep = std::fs::read_to_string(world.path(ASLEEP)).unwrap();
    let asleep = asleep.replacen("debian:trixie-slim", &image, 1);
    let job = "  job:\n    image: debian:trixie-slim\n    command: [\"true\"]\n";
    let tool = "  tool:\n    image: debian:trixie-slim\n    profiles: [tools]\n";
    write(&world.path(ASLEEP), &format!("{asleep}{job}{tool}"));
    world.record(&["up", "eb", "--", "--quiet-pull"], 0);
    must(&["wait", &format!("{eb}-job-1")]);
    let drift = check(world, &[]);
    assert_eq!(drift["services"], 9);
    // Production was not started at all.
    let both = world.record(&["drift"], 1);
    assert_eq!(both["findings"].as_array().unwrap().len(), 8);
    assert_eq!(both["findings"][0]["rule"], "not-running");

    written_anew(world, &eb);
    done_by_hand(world, &eb, &image);
    check(world, &[]);
}

/// The files were edited after the environment was started.
fn written_anew(world: &World, eb: &str) {
    let restore = restored(world, &[BASE, DEV, DEV_ENV]);
    let vault = world.path("vault-dev").display().to_string();
    world.edit(
        DEV,
        "cpus: \"0.60\", memory: 192M",
        "cpus: \"0.50\", memory: 256M",
    );
    world.edit(DEV, "nofollow, noarchive", "nofollow");
    world.edit(
        DEV,
        "      - \"127.0.0.1:${MQTT_PLAIN_PORT}:1883\"\n",
        "      - \"127.0.0.1:18:1883\"\n",
    );
    world.edit(DEV_ENV, &canary("eb", "MQTT_PASSWORD"), "canary-other");
    world.edit(BASE, "--maxmemory, 16mb", "--maxmemory, 24mb");
    world.edit(
        BASE,
        "      - broker_data:/data\n",
        "      - broker_data:/rows\n",
    );
    world.edit(
        DEV,
        "  worker:\n",
        "  worker:\n    restart: \"no\"\n    user: \"1\"\n    read_only: true\n    volumes: [\"${VAULT_HOST_PATH}:/vault:ro\"]\n    networks: {internal: {aliases: [jobs]}}\n",
    );
    let data = format!("{eb}_broker_data");
    let plain = world.names.ports[5];
    let [worker, api, mqtt, broker] =
        ["worker", "api", "mqtt", "broker"].map(|one| format!("{one} of eb"));
    let internal = format!("{eb}_internal");
    let password = "MQTT_PASSWORD: ${MQTT_PASSWORD}";
    let mounts = "volumes: [\"${VAULT_HOST_PATH}:/vault:ro\"]";
    check(
        world,
        &[
            (
                format!("{api} may take 0.6 processors, and the files say 0.5 (0 is no limit)"),
                "deploy: {resources: {limits: {cpus: \"0.50\", memory: 256M}}}",
            ),
            (
                format!("{api} may take 192 MiB, and the files say 256 MiB (0 is no limit)"),
                "deploy: {resources: {limits: {cpus: \"0.50\", memory: 256M}}}",
            ),
            (
                format!("{api} runs with another MQTT_PASSWORD than the files say"),
                password,
            ),
            (
                format!("{worker} runs with another MQTT_PASSWORD than the files say"),
                password,
            ),
            (
                format!("{mqtt} runs with another BACKEND_PASSWORD than the files say"),
                "BACKEND_PASSWORD: ${MQTT_PASSWORD}",
            ),
            (
                "web of eb runs with another label caddy.header.X-Robots-Tag than the files say"
                    .into(),
                "caddy.header.X-Robots-Tag: '\"noindex, nofollow\"'",
            ),
            (
                format!("{mqtt} does not publish 127.0.0.1:18:1883/tcp, as the files say"),
                "ports:",
            ),
            (
                format!("{mqtt} publishes 127.0.0.1:{plain}:1883/tcp, and the files do not say so"),
                "ports:",
            ),
            (
                "cache of eb runs with another command than the files say".into(),
                "command: [redis-server, --save, \"\", --maxmemory, 24mb, --maxmemory-policy, allkeys-lru, --bind, 0.0.0.0, --protected-mode, \"no\"]",
            ),
            (
                format!("{broker} mounts {data} at /data, and the files do not say so"),
                "volumes:",
            ),
            (
                format!("{broker} does not mount {data} at /rows, as the files say"),
                "volumes:",
            ),
            (
                format!("{worker} runs with restart \"unless-stopped\", and the files say \"no\""),
                "restart: \"no\"",
            ),
            (
                format!("{worker} runs with user \"\", and the files say \"1\""),
                "user: \"1\"",
            ),
            (
                format!("{worker} runs with another read_only than the files say"),
                "read_only: true",
            ),
            (
                format!("{worker} mounts {vault} at /vault, and the files do not say so"),
                mounts,
            ),
            (
                format!("{worker} does not mount {vault} at /vault, read only, as the files say"),
                mounts,
            ),
            (
                format!("{worker} has other aliases on {internal} than the files say"),
                "networks: {internal: {aliases: [jobs]}}",
            ),
        ],
    );
    restore();
}

/// The engine was told something that no file says.
fn done_by_hand(world: &World, eb: &str, image: &str) {
    let container = |service: &str| format!("{eb}-{service}");
    let (cache, web, broker) = (container("cache"), container("web"), container("broker"));
    must(&["update", "--memory", "40m", "--memory-swap", "80m", &cache]);
    must(&["update", "--restart", "no", &broker]);
    must(&["rm", "--force", &web]);
    must(&["network", "connect", &world.names.network, &cache]);
    must(&["network", "disconnect", &format!("{eb}_internal"), &broker]);
    // Built anew, and not started anew.
    must(&["commit", &container("worker"), image]);
    let project = format!("com.docker.compose.project={eb}");
    must(&[
        "run",
        "--detach",
        "--stop-signal",
        "SIGKILL",
        "--name",
        &container("extra"),
        "--label",
        &project,
        "--label",
        "com.docker.compose.service=extra",
        "debian:trixie-slim",
        "sleep",
        "infinity",
    ]);
    let (shared, internal) = (&world.names.network, format!("{eb}_internal"));
    let drift = check(
        world,
        &[
            (
                "cache of eb may take 40 MiB, and the files say 48 MiB (0 is no limit)".into(),
                "deploy: {resources: {limits: {cpus: \"0.05\", memory: 48M}}}",
            ),
            (
                format!("cache of eb is on the network {shared}, and the files do not say so"),
                "networks: [internal]",
            ),
            (
                "broker of eb runs with restart \"no\", and the files say \"unless-stopped\""
                    .into(),
                "restart: unless-stopped",
            ),
            (
                format!("broker of eb is not on the network {internal}, as the files say"),
                "networks: [internal]",
            ),
            ("web of eb does not run".into(), "web:"),
            (
                format!("db of eb runs another image than the one that {image} now is"),
                &format!("image: {image}"),
            ),
            ("extra of eb runs, and no file names it".into(), ""),
        ],
    );
    let extra = drift["findings"].as_array().unwrap().iter().find(|one| {
        let evidence = one["evidence"].as_array().unwrap();
        evidence.last().unwrap()["container"] == json!(container("extra"))
    });
    assert!(extra.is_some(), "{drift:#}");

    must(&["update", "--memory", "48m", "--memory-swap", "96m", &cache]);
    must(&["rm", "--force", &container("extra"), &cache, &broker]);
    world.record(&["up", "eb"], 0);
}
