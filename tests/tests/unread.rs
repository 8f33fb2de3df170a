//! `TOOL VERB | head -1` is silent: every verb that prints, of every program, does with a standard
//! output that nobody reads what it does with a reader, and says no more.

#![allow(clippy::unwrap_used)] // a test that fails says where

use mkx_tests::generate::Spec;
use mkx_tests::site::{Site, Size};
use mkx_tests::tool::{Finished, TOOLS, Tool};
use std::collections::BTreeSet;

/// In this order: what one changes another reads.
const LINES: &[&str] = &[
    "mkx-compose init --preset makapix --output -",
    "mkx-compose init --preset makapix --force --site other.json --output other.json",
    "mkx-compose site",
    "mkx-compose split --dry-run one/docker-compose.yml",
    "mkx-compose render ea",
    "mkx-compose render eb --format yaml",
    "mkx-compose audit",
    "mkx-compose env check",
    "mkx-compose env diff",
    "mkx-compose limits",
    "mkx-compose limits --format yaml",
    "mkx-compose graph",
    "mkx-compose graph --format mermaid",
    "mkx-caddy users add developer --generate",
    "mkx-caddy users list",
    "mkx-caddy render",
    "mkx-caddy render --format json",
    "mkx-caddy route https://makapix.club/ https://development.makapix.club/",
    "mkx-caddy check",
    "mkx-mqtt render eb",
    "mkx-mqtt certs init eb",
    "mkx-mqtt certs player eb ours --private-key",
    "mkx-mqtt certs check",
    "mkx-mqtt check",
    "mkx-sample policy init --output - --preset makapix",
    "mkx-sample policy init --preset makapix --force",
    "mkx-sample policy check",
    "mkx-sample plan",
    "mkx-sample run",
    "mkx-sample files --no-report",
    "mkx-sample verify",
    "mkx-sample reset",
    "mkx-vault plan manifest.jsonl",
    "mkx-vault sync manifest.jsonl --dry-run",
    "mkx-vault sync manifest.jsonl",
    "mkx-vault verify manifest.jsonl",
    "mkx-vault prune manifest.jsonl",
    "mkx-vault usage",
];

/// Those that print what a running container, broker or edge gave them.
const NEED_A_PEER: &[&str] = &[
    "mkx-caddy apply",
    "mkx-caddy probe",
    "mkx-compose drift",
    "mkx-compose up",
    "mkx-compose down",
    "mkx-compose build",
    "mkx-compose restart",
    "mkx-compose ps",
    "mkx-compose logs",
    "mkx-compose exec",
    "mkx-compose stats",
    "mkx-mqtt passwd",
    "mkx-mqtt probe",
];

fn tool(site: &Site, line: &str) -> Tool {
    let mut words = line.split(' ');
    Tool::new(words.next().unwrap())
        .directory(site.folder())
        .args(words)
}

/// The verbs that a program's help names.
fn verbs(program: &str) -> Vec<String> {
    let help = Tool::new(program).args(["--help"]).run().expect_code(0);
    let lines = help.stdout.lines().skip_while(|line| *line != "Commands:");
    let verbs = lines.skip(1).take_while(|line| !line.is_empty());
    let verbs = verbs.map(|line| line.split_whitespace().next().unwrap());
    verbs.map(|verb| format!("{program} {verb}")).collect()
}

/// A small Makapix, and compose files of one service each.
fn world() -> Site {
    let size = Size {
        spec: Spec::new(60, 3),
        max_files: None,
    };
    let site = Site::with_policy(&size);
    for name in ["ea", "eb", "one"] {
        let folder = site.path(name);
        let compose = "services:\n  api:\n    image: api:1\n";
        for place in ["", "deploy/stack/"] {
            std::fs::create_dir_all(folder.join(place)).unwrap();
            std::fs::write(folder.join(place).join("docker-compose.yml"), compose).unwrap();
        }
        for other in ["docker-compose.prod.yml", "docker-compose.dev.yml"] {
            let path = folder.join("deploy/stack").join(other);
            std::fs::write(path, "services: {}\n").unwrap();
        }
    }
    site
}

/// What both said, without what differs from run to run.
fn said(finished: &Finished) -> String {
    let kept = finished.stderr.chars();
    kept.filter(|letter| !letter.is_ascii_digit()).collect()
}

/// What is wrong with a verb whose reader has gone.
fn trouble(site: &Site, line: &str) -> Option<String> {
    let unread = tool(site, line).unread().run();
    // the longest of all is not done twice
    if line.starts_with("mkx-sample run") {
        let is_right = (unread.code, &*unread.stderr) == (0, "");
        return (!is_right).then(|| format!("{line}: {}: {}", unread.code, unread.stderr));
    }
    let read = tool(site, line).run();
    if line.starts_with("mkx-sample files") {
        std::fs::write(site.path("manifest.jsonl"), &read.stdout).unwrap();
    }
    // what was changed unread is whole: the judges say so
    let must_be_right = line.starts_with("mkx-sample") || line.starts_with("mkx-vault");
    let is_right = (unread.code, said(&unread)) == (read.code, said(&read))
        && !read.stdout.is_empty()
        && (read.code == 0 || !must_be_right);
    (!is_right).then(|| {
        let (was, said) = (read.code, &read.stderr);
        format!(
            "{line}: {was}: {said} -> {}: {}",
            unread.code, unread.stderr
        )
    })
}

#[test]
fn a_reader_that_has_gone_changes_nothing_for_any_verb() {
    let site = world();
    let mut lines: Vec<String> = LINES.iter().map(|line| format!("{line} --quiet")).collect();
    for program in TOOLS {
        for about in ["schema", "completions bash", "man", "--help", "--version"] {
            lines.push(format!("{program} {about}"));
        }
    }
    let wrong = lines.iter().filter_map(|line| trouble(&site, line));
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    let verb = |line: &String| line.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ");
    let tried: BTreeSet<String> = lines.iter().map(verb).collect();
    for verb in TOOLS.iter().flat_map(|program| verbs(program)) {
        let is_known = tried.contains(&verb) || NEED_A_PEER.contains(&verb.as_str());
        assert!(is_known || verb.ends_with(" help"), "{verb} is not tried");
    }
}
