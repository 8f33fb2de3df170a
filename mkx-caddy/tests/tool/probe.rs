//! The probe and the check: no alarm where all is well, and every seeded fault is found.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::world::World;
use crate::world::server::{BOTH, Server, Which};

/// One fault: how it is made, and what must notice it.
struct Fault {
    name: &'static str,
    /// The rule of a row that must fail.
    rule: &'static str,
    /// The rule of the finding that it must be, for the probe and for the check.
    cause: &'static str,
    /// True where a configuration alone does not show it.
    live_only: bool,
    seed: fn(&World, String) -> String,
}

fn swap(text: &str, a: &str, b: &str) -> String {
    text.replace(a, "\u{1}").replace(b, a).replace('\u{1}', b)
}

fn without_line(text: &str, part: &str) -> String {
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains(part)).collect();
    kept.join("\n") + "\n"
}

/// The text with a change inside one site block.
fn in_site(text: &str, address: &str, change: impl Fn(&str) -> String) -> String {
    let start = text.find(&format!("\n{address} ")).unwrap() + 1;
    let end = start + text[start..].find("\n}\n").unwrap() + 3;
    format!(
        "{}{}{}",
        &text[..start],
        change(&text[start..end]),
        &text[end..]
    )
}

const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const NOINDEX: &str = "noindex, nofollow, noarchive";

/// The site's blocks begin with these.
const EA: &str = "makapix.club";
const EB: &str = "development.makapix.club";
const EA_VAULT: &str = "vault.makapix.club";
const EB_VAULT: &str = "vault-dev.makapix.club";

/// A certificate for a host, good for so many days, in files that Caddy reads.
fn certificate(world: &World, host: &str, days: i64) -> String {
    let mut parameters = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
    let now = jiff::Timestamp::now().as_second();
    let at = |seconds: i64| {
        let text = jiff::Timestamp::from_second(seconds).unwrap().to_string();
        let number = |range: std::ops::Range<usize>| text[range].parse::<u8>().unwrap();
        rcgen::date_time_ymd(text[..4].parse().unwrap(), number(5..7), number(8..10))
    };
    parameters.not_before = at(now - 40 * 86_400);
    parameters.not_after = at(now + days * 86_400);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    let (pem, key_file) = (world.path("stale.crt"), world.path("stale.key"));
    std::fs::write(&pem, certificate.pem()).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    format!("\ttls {} {}\n", pem.display(), key_file.display())
}

fn with_tls(text: &str, address: &str, tls: &str) -> String {
    in_site(text, address, |site| {
        site.replacen("{\n", &format!("{{\n{tls}"), 1)
    })
}

const FAULTS: &[Fault] = &[
    Fault {
        name: "the APIs are swapped",
        rule: "own-environment",
        cause: "own-environment",
        live_only: false,
        seed: |world, text| {
            swap(
                &text,
                &world.upstreams[0].address(),
                &world.upstreams[2].address(),
            )
        },
    },
    Fault {
        name: "the pages are swapped",
        rule: "own-environment",
        cause: "own-environment",
        live_only: false,
        seed: |world, text| {
            swap(
                &text,
                &world.upstreams[1].address(),
                &world.upstreams[3].address(),
            )
        },
    },
    Fault {
        name: "development's API is production's",
        rule: "own-environment",
        cause: "own-environment",
        live_only: false,
        seed: |world, text| {
            text.replace(&world.upstreams[2].address(), &world.upstreams[0].address())
        },
    },
    Fault {
        name: "development has no password",
        rule: "credentials",
        cause: "credentials",
        live_only: false,
        seed: |_, text| text.replacen("@protected {", "@protected {\n\t\t\tpath /mkx-nothing", 1),
    },
    Fault {
        name: "one more path has no password",
        rule: "credentials",
        cause: "credentials",
        live_only: false,
        seed: |_, text| text.replace("not path /api/*", "not path /uploads/* /api/*"),
    },
    Fault {
        name: "a public path became a prefix",
        rule: "credentials",
        cause: "credentials",
        live_only: false,
        seed: |_, text| text.replace(" /login ", " /login* "),
    },
    Fault {
        name: "development's API asks for a password",
        rule: "own-environment",
        cause: "public-path",
        live_only: false,
        seed: |_, text| text.replace("not path /api/*", "not path"),
    },
    Fault {
        name: "development does not say noindex",
        rule: "credentials",
        cause: "header",
        live_only: false,
        seed: |_, text| in_site(&text, EB, |site| without_line(site, "X-Robots-Tag")),
    },
    Fault {
        name: "errors of development do not say noindex",
        rule: "credentials",
        cause: "header",
        live_only: false,
        seed: |_, text| {
            in_site(&text, EB, |site| {
                site.replacen(&format!("X-Robots-Tag \"{NOINDEX}\""), "X-Other a", 1)
            })
        },
    },
    Fault {
        name: "the application's own X-Robots-Tag gets through",
        rule: "public-path",
        cause: "header",
        live_only: true,
        seed: |_, text| {
            in_site(&text, EB, |site| {
                let value = format!("X-Robots-Tag \"{NOINDEX}\"");
                let last = site.rfind(&value).unwrap();
                format!("{}X-Other a{}", &site[..last], &site[last + value.len()..])
            })
        },
    },
    Fault {
        name: "a header is lost since its value was not quoted",
        rule: "vault-missing",
        cause: "header",
        live_only: false,
        seed: |_, text| {
            text.replace(
                "X-Robots-Tag \"noindex, nofollow\"",
                "X-Robots-Tag noindex, nofollow",
            )
        },
    },
    Fault {
        name: "production says noindex",
        rule: "own-environment",
        cause: "header",
        live_only: false,
        seed: |_, text| {
            in_site(&text, EA, |site| {
                site.replace(
                    "X-Frame-Options SAMEORIGIN",
                    "X-Frame-Options SAMEORIGIN\n\t\t\tX-Robots-Tag noindex",
                )
            })
        },
    },
    Fault {
        name: "production lost HSTS",
        rule: "own-environment",
        cause: "header",
        live_only: false,
        seed: |_, text| {
            in_site(&text, EA, |site| {
                without_line(site, "Strict-Transport-Security")
            })
        },
    },
    Fault {
        name: "production asks for a password",
        rule: "own-environment",
        cause: "public-path",
        live_only: false,
        seed: |_, text| {
            let at = text.find("@protected").unwrap();
            let start = at + text[at..].find("basic").unwrap();
            let name = text[start..].split(' ').next().unwrap();
            let account = text[start..].lines().nth(1).unwrap().trim();
            in_site(&text, EA, |site| {
                site.replacen(
                    "\thandle {",
                    &format!("\t{name} {{\n\t\t\t{account}\n\t\t}}\n\t\thandle {{"),
                    1,
                )
            })
        },
    },
    Fault {
        name: "the robots file is gone",
        rule: "robots",
        cause: "robots",
        live_only: false,
        seed: |_, text| {
            in_site(&text, EB, |site| {
                site.replace("handle /robots.txt", "handle /no-robots.txt")
            })
        },
    },
    Fault {
        name: "plain http of a vault is redirected",
        rule: "vault-file",
        cause: "plain-http",
        live_only: false,
        seed: |_, text| text.replace(&format!("{EA_VAULT} http://{EA_VAULT}"), EA_VAULT),
    },
    Fault {
        name: "layers files are served",
        rule: "restricted",
        cause: "restricted",
        live_only: false,
        seed: |_, text| in_site(&text, EB_VAULT, |site| site.replace(" /mkpx /mkpx/*", "")),
    },
    Fault {
        name: "exports are served",
        rule: "restricted",
        cause: "restricted",
        live_only: false,
        seed: |_, text| in_site(&text, EA_VAULT, |site| site.replace(" /bdr /bdr/*", "")),
    },
    Fault {
        name: "temporary files are served",
        rule: "restricted",
        cause: "restricted",
        live_only: false,
        seed: |_, text| text.replace(" *.reshard-tmp", ""),
    },
    Fault {
        name: "a link that leads out is served",
        rule: "leads-out",
        cause: "leads-out",
        live_only: false,
        seed: |_, text| text.replace(" /00/01/outside.png", ""),
    },
    Fault {
        name: "the vaults are swapped",
        rule: "vault-file",
        cause: "vault-file",
        live_only: false,
        seed: |world, text| {
            let path = |name: &str| world.path(name).display().to_string();
            swap(&text, &path("vault-ea"), &path("vault-eb"))
        },
    },
    Fault {
        name: "development's vault is production's",
        rule: "own-environment",
        cause: "own-environment",
        live_only: false,
        seed: |world, text| {
            let path = |name: &str| world.path(name).display().to_string();
            text.replace(&path("vault-eb"), &path("vault-ea"))
        },
    },
    Fault {
        name: "what is missing is cached for ever",
        rule: "vault-missing",
        cause: "header",
        live_only: false,
        seed: |_, text| text.replace("header @file Cache-Control", "header Cache-Control"),
    },
    Fault {
        name: "files are not cached",
        rule: "vault-file",
        cause: "header",
        live_only: false,
        seed: |_, text| text.replace(IMMUTABLE, "no-store"),
    },
    Fault {
        name: "former paths are not answered",
        rule: "vault-legacy",
        cause: "vault-legacy",
        live_only: false,
        seed: |_, text| without_line(&text, "rewrite @legacy"),
    },
    Fault {
        name: "the API's prefix stays",
        rule: "health",
        cause: "health",
        live_only: true,
        seed: |_, text| without_line(&text, "uri strip_prefix"),
    },
    Fault {
        name: "www leads to development",
        rule: "redirect",
        cause: "redirect",
        live_only: false,
        seed: |_, text| {
            text.replace(
                "redir https://makapix.club{uri}",
                "redir https://development.makapix.club{uri}",
            )
        },
    },
    Fault {
        name: "www is gone",
        rule: "redirect",
        cause: "unreachable host-missing",
        live_only: false,
        seed: |_, text| text.replace("www.makapix.club {", "www2.makapix.club {"),
    },
    Fault {
        name: "development is served over plain http",
        rule: "https-redirect",
        cause: "https-redirect",
        live_only: false,
        seed: |world, text| {
            text.replace(
                "redir https://{host}{uri} 308",
                &format!("reverse_proxy {}", world.upstreams[3].address()),
            )
        },
    },
    Fault {
        name: "there is no HTTP/2",
        rule: "own-environment",
        cause: "http2",
        live_only: true,
        seed: |_, text| text.replacen("{\n", "{\n\tservers {\n\t\tprotocols h1\n\t}\n", 1),
    },
    Fault {
        name: "a certificate is about to lapse",
        rule: "own-environment",
        cause: "certificate",
        live_only: true,
        seed: |world, text| with_tls(&text, EA, &certificate(world, EA, 6)),
    },
    Fault {
        name: "a certificate is for another host",
        rule: "vault-missing",
        cause: "certificate",
        live_only: true,
        seed: |world, text| {
            let tls = certificate(world, "other.example", 90);
            let text = text.replace(&format!("{EB_VAULT} http://{EB_VAULT}"), EB_VAULT);
            with_tls(&text, EB_VAULT, &tls)
        },
    },
];

fn probe(world: &World, server: &Server) -> (Option<i32>, Vec<Value>) {
    let authority = server.authority();
    let stale = world.path("stale.crt");
    if stale.exists() {
        // The test's own certificate is to be trusted, so that only what is seeded is wrong.
        let both =
            std::fs::read_to_string(&authority).unwrap() + &std::fs::read_to_string(stale).unwrap();
        std::fs::write(world.path("trusted.crt"), both).unwrap();
    } else {
        std::fs::copy(&authority, world.path("trusted.crt")).unwrap();
    }
    let trusted = world.path("trusted.crt");
    let output = world.run(&["probe", "--authority", trusted.to_str().unwrap()], "");
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    (output.status.code(), rows)
}

fn check(world: &World, which: Which, text: &str) -> (Option<i32>, Value) {
    let file = world.path("Caddyfile.checked");
    std::fs::write(&file, text).unwrap();
    let program = which.program();
    let arguments = [
        "check",
        "--caddyfile",
        file.to_str().unwrap(),
        "--caddy",
        program.to_str().unwrap(),
    ];
    let output = world.run(&arguments, "");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    (output.status.code(), report)
}

/// What is wrong with what a report says of a fault: it names its rule, and few others of a host.
fn misjudged(verb: &str, fault: &Fault, report: &Value) -> Option<String> {
    let findings = report["findings"].as_array().unwrap();
    let rules: Vec<String> = findings
        .iter()
        .map(|one| format!("{} {}", one["rule"], one["subject"]))
        .collect();
    let causes = fault.cause.split(' ');
    let is_named = findings
        .iter()
        .any(|one| causes.clone().any(|cause| one["rule"] == cause));
    let hosts: BTreeSet<&str> = findings
        .iter()
        .filter_map(|one| one["subject"].as_str()?.split(' ').next())
        .collect();
    (!is_named || findings.len() > 3 * hosts.len())
        .then(|| format!("{verb}: {}: {rules:?}", fault.name))
}

fn check_all(which: Which) {
    let world = World::new();
    let server = Server::start(&world, which);
    let text = world.stdout(&["render", "--caddy-version", which.version()]);
    server.load_caddyfile(&text);
    let (code, rows) = probe(&world, &server);
    let wrong: Vec<&Value> = rows.iter().filter(|row| row["ok"] == false).collect();
    assert_eq!(code, Some(0), "a false alarm of {which:?}: {wrong:#?}");
    let (code, report) = check(&world, which, &text);
    assert_eq!(
        code,
        Some(0),
        "a false alarm of {which:?}: {:#}",
        report["findings"]
    );

    let mut missed = Vec::new();
    for fault in FAULTS {
        let seeded = (fault.seed)(&world, text.clone());
        assert_ne!(seeded, text, "{}: nothing was seeded", fault.name);
        server.load_caddyfile(&seeded);
        let (code, rows) = probe(&world, &server);
        let found = |row: &Value| row["ok"] == false && row["rule"] == fault.rule;
        if code != Some(1) || !rows.iter().any(found) {
            let wrong: Vec<&Value> = rows.iter().filter(|row| row["ok"] == false).collect();
            missed.push(format!("probe: {} ({code:?}): {wrong:?}", fault.name));
        }
        missed.extend(misjudged("probe", fault, &rows[rows.len() - 1]));
        if !fault.live_only {
            let (code, report) = check(&world, which, &seeded);
            missed.extend(misjudged("check", fault, &report));
            if code != Some(1) {
                missed.push(format!("check: {} ({code:?})", fault.name));
            }
        }
        let _ = std::fs::remove_file(world.path("stale.crt"));
    }
    assert!(missed.is_empty(), "{which:?}: {}", missed.join("\n"));
    server.load_caddyfile(&text);
    assert_eq!(
        probe(&world, &server).0,
        Some(0),
        "a false alarm after the faults"
    );
}

#[test]
fn with_debians_caddy_the_probe_finds_every_fault_and_nothing_else() {
    assert!(FAULTS.len() >= 20);
    check_all(Which::Debian);
}

#[test]
fn with_a_current_caddy_the_probe_finds_every_fault_and_nothing_else() {
    check_all(Which::Current);
}

#[test]
fn labels_that_the_proxy_would_misread_are_found_with_their_place() {
    let world = World::new();
    for which in BOTH {
        let file = world.path("labels.yml");
        std::fs::write(
            &file,
            "services:\n  web:\n    image: x\n    labels:\n      caddy: development.makapix.club\n      caddy.header.X-Robots-Tag: noindex, nofollow\n      caddy.basic_auth.developer: $2b$12$abcdefghijklmnopqrstuv\n      caddy.respond: '\"never closed'\n      caddy_1.reverse_proxy: web:3000\n",
        )
        .unwrap();
        let program = which.program();
        let output = world.run(
            &[
                "check",
                "--compose",
                file.to_str().unwrap(),
                "--caddy",
                program.to_str().unwrap(),
            ],
            "",
        );
        assert_eq!(output.status.code(), Some(1));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap();
        for (rule, label) in [
            ("label-quoting", "caddy.header.X-Robots-Tag"),
            ("label-dollar", "caddy.basic_auth.developer"),
            ("label-unclosed", "caddy.respond"),
            ("label-without-site", "caddy_1.reverse_proxy"),
        ] {
            let is_found = |finding: &Value| {
                let place = &finding["evidence"][0];
                finding["rule"] == rule
                    && (&place["container"], &place["what"])
                        == (&"labels-web".into(), &label.into())
            };
            assert!(findings.iter().any(is_found), "{rule}: {findings:#?}");
        }
    }
}
