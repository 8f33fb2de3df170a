//! Strangers and manipulations of what runs, one at a time beside a pair that is as it should be:
//! each is found by the right rule and nothing else is, and the pair alone is silent.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::containers::must;
use crate::small::Small;

/// What is found: rule, subject, and whether it is a warning only.
type Found = BTreeSet<(String, String, bool)>;

struct Case<'a> {
    small: &'a Small,
    done: usize,
}

impl Case<'_> {
    /// What an audit finds; containers of others on this engine are none of the test's.
    fn findings(&self) -> Vec<Value> {
        let output = self.small.run(&["audit", "--live"]);
        let said = String::from_utf8_lossy(&output.stderr);
        let audit: Value = serde_json::from_slice(&output.stdout).expect(&said);
        let findings = audit["findings"].as_array().unwrap().iter();
        let ours = findings.filter(|one| {
            let subject = one["subject"].as_str().unwrap();
            one["rule"] != "stranger" || subject.contains(&self.small.tag)
        });
        ours.cloned().collect()
    }

    #[track_caller]
    fn expect(&mut self, what: &str, expected: &[(&str, String)], whose: &[&str]) {
        let findings = self.findings();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let found: Found = (findings.iter())
            .map(|one| {
                let warning = one["severity"] == "warning";
                (text(&one["rule"]), text(&one["subject"]), warning)
            })
            .collect();
        let expected: Found = (expected.iter())
            .map(|(rule, subject)| {
                let (rule, warning) = match rule.strip_suffix('?') {
                    Some(rule) => (rule, true),
                    None => (*rule, *rule == "not-running"),
                };
                (rule.to_owned(), subject.clone(), warning)
            })
            .collect();
        assert_eq!(found, expected, "{what}: {findings:#?}");
        for one in findings.iter().filter(|one| one["rule"] == "stranger") {
            assert_eq!(one["environments"], serde_json::json!(whose), "{one:#}");
        }
        self.done += usize::from(!expected.is_empty());
    }

    /// A container of nobody's with these flags of `docker run`: it must be found for `what`.
    #[track_caller]
    fn stranger(&mut self, flags: &[&str], what: &[&str], rule: &str, whose: &[&str]) {
        self.of("run --detach", flags, what, rule, whose);
    }

    #[track_caller]
    fn of(&mut self, verb: &str, flags: &[&str], what: &[&str], rule: &str, whose: &[&str]) {
        let name = self.name();
        let verb: Vec<&str> = verb.split(' ').collect();
        self.small.container(&verb, &name, flags);
        let expected: Vec<(&str, String)> = (what.iter())
            .map(|one| (rule, format!("{name} {one}")))
            .collect();
        self.expect(&format!("{flags:?}"), &expected, whose);
        self.gone();
    }

    fn name(&self) -> String {
        format!("{}-stranger", self.small.tag)
    }

    fn gone(&self) {
        must(&["rm", "--force", "--volumes", &self.name()]);
    }
}

const BOTH: &[&str] = &["ea", "eb"];
const EA: &[&str] = &["ea"];
const EB: &[&str] = &["eb"];

#[test]
fn every_stranger_and_every_manipulation_is_found_and_the_pair_alone_is_silent() {
    let small = &Small::new("s");
    small.up("ea");
    small.up("eb");
    let mut case = Case { small, done: 0 };
    case.expect("the pair alone", &[], &[]);
    names(&mut case);
    volumes(&mut case);
    folders(&mut case);
    namespaces(&mut case);
    states(&mut case);
    legitimate(&mut case);
    own_containers(&mut case);
    by_hand(&mut case);
    stopped(&mut case);
    case.expect("the pair alone, again", &[], &[]);
    assert!(case.done >= 30, "{}", case.done);
}

/// Who answers in an environment's place.
fn names(case: &mut Case<'_>) {
    let Small {
        ea, eb, network, ..
    } = case.small;
    let alias = |name: &str| {
        [
            "--network".into(),
            network.clone(),
            format!("--network-alias={name}"),
        ]
    };
    for (name, whose) in [
        ("web".to_owned(), BOTH),
        ("db".to_owned(), BOTH),
        (format!("{ea}-site"), EA),
        (format!("{eb}-site"), EB),
        (format!("{ea}-db"), EA),
        (format!("{eb}-web"), EB),
    ] {
        let flags = alias(&name);
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        case.stranger(&flags, &[&name], "stranger", whose);
    }
    // On the network of one environment alone.
    for (project, whose) in [(ea, EA), (eb, EB)] {
        let internal = format!("{project}_internal");
        case.stranger(&["--network", &internal], &[&internal], "stranger", whose);
    }
    let internal = format!("{ea}_internal");
    let flags = ["--network", &internal, "--network-alias", "db"];
    case.stranger(&flags, &[&internal, "db"], "stranger", EA);
    // Connected afterwards.
    let name = case.name();
    case.small.container(&["run", "--detach"], &name, &[]);
    case.expect("a bystander", &[], &[]);
    must(&["network", "connect", "--alias", "web", network, &name]);
    case.expect(
        "connected by hand",
        &[("stranger", format!("{name} web"))],
        BOTH,
    );
    case.gone();
}

fn volumes(case: &mut Case<'_>) {
    let Small { ea, eb, .. } = case.small;
    for (project, whose) in [(ea, EA), (eb, EB)] {
        let rows = format!("{project}_rows");
        case.stranger(
            &["--volume", &format!("{rows}:/x")],
            &[&rows],
            "stranger",
            whose,
        );
        let only = format!("{rows}:/x:ro");
        case.stranger(&["--volume", &only], &[&rows], "stranger?", whose);
    }
    // The same files under other names.
    let rows = format!("{ea}_rows");
    let folder = must(&["volume", "inspect", "--format", "{{.Mountpoint}}", &rows]);
    let folder = folder.trim();
    case.stranger(
        &["--volume", &format!("{folder}:/x")],
        &[folder],
        "stranger",
        EA,
    );
    let other = format!("{}-other", case.small.tag);
    let device = format!("device={}", case.small.path("vault-ea").display());
    let bound = ["--opt", "type=none", "--opt", "o=bind", "--opt", &device];
    must(&[&["volume", "create"], &bound[..], &[&other]].concat());
    case.stranger(
        &["--volume", &format!("{other}:/x")],
        &[&other],
        "stranger",
        EA,
    );
}

fn folders(case: &mut Case<'_>) {
    let link = case.small.path("by-another-path");
    std::os::unix::fs::symlink(case.small.path("vault-eb"), &link).unwrap();
    for (folder, whose) in [
        ("vault-ea", EA),
        ("vault-eb", EB),
        ("vault-ea/inner", EA),
        ("", BOTH),
        ("ea", EA),
        ("eb/compose.yml", EB),
        ("by-another-path", EB),
    ] {
        let path = case.small.path(folder).display().to_string();
        let path = path.trim_end_matches('/');
        case.stranger(
            &["--volume", &format!("{path}:/x")],
            &[path],
            "stranger",
            whose,
        );
    }
    let vault = case.small.path("vault-ea").display().to_string();
    let only = format!("{vault}:/x:ro");
    case.stranger(&["--volume", &only], &[&vault], "stranger?", EA);
    let socket = "/var/run/docker.sock";
    let mount = format!("{socket}:{socket}:ro");
    case.stranger(&["--volume", &mount], &[socket], "stranger?", BOTH);
    // Another application's proxy, and one that development reaches.
    let other = "--label=com.docker.compose.project=other";
    let flags = [other, "--volume", &mount];
    case.stranger(&flags, &[], "stranger?", BOTH);
    let reached = ["--network", &case.small.network];
    case.stranger(
        &[&flags[..], &reached].concat(),
        &[socket],
        "stranger?",
        BOTH,
    );
}

fn namespaces(case: &mut Case<'_>) {
    let Small { ea, eb, .. } = case.small;
    for (project, whose) in [(ea, EA), (eb, EB)] {
        let web = format!("{project}-web");
        for kind in ["network", "pid", "ipc"] {
            let flag = format!("--{kind}=container:{web}");
            case.stranger(&[&flag], &[&web], "stranger", whose);
        }
    }
    let (db, rows) = (format!("{ea}-db"), format!("{ea}_rows"));
    case.stranger(&["--volumes-from", &db], &[&db, &rows], "stranger", EA);
}

/// A container that does not run does nothing yet; one that is paused goes on.
fn states(case: &mut Case<'_>) {
    let Small { ea, network, .. } = case.small;
    let rows = format!("{ea}_rows");
    let mount = format!("--volume={rows}:/x");
    case.of("create", &[&mount], &[&rows], "stranger?", EA);
    let alias = ["--network", network, "--network-alias", "web"];
    case.of("create", &alias, &["web"], "stranger?", BOTH);
    let name = case.name();
    let found = [("stranger", format!("{name} {rows}"))];
    case.small.container(&["run", "--detach"], &name, &[&mount]);
    must(&["pause", &name]);
    case.expect("paused", &found, EA);
    must(&["unpause", &name]);
    must(&["kill", &name]);
    case.expect("killed", &[("stranger?", format!("{name} {rows}"))], EA);
    case.gone();
    let fails = ["--restart=always", "--entrypoint=false", &mount];
    case.small.container(&["run", "--detach"], &name, &fails);
    case.expect("starting again and again", &found, EA);
    case.gone();
    // Of a former project, and of one that bears production's name and no service.
    for project in ["former", ea] {
        let label = format!("--label=com.docker.compose.project={project}");
        case.stranger(&[&label, &mount], &[&rows], "stranger", EA);
    }
}

/// The shared edge reads both vaults; shared volumes and the shared network are anybody's.
fn legitimate(case: &mut Case<'_>) {
    let vault = |name: &str| {
        let path = case.small.path(&format!("vault-{name}"));
        format!("--volume={}:/vault-{name}:ro", path.display())
    };
    let edge = [
        "--label=com.docker.compose.project=edge".to_owned(),
        "--label=com.docker.compose.service=caddy".into(),
        format!("--network={}", case.small.network),
        format!("--volume={}:/data", case.small.shared()),
        vault("ea"),
        vault("eb"),
    ];
    let edge: Vec<&str> = edge.iter().map(String::as_str).collect();
    case.stranger(&edge, &[], "stranger", &[]);
    let other = format!("--volume={}:/data:ro", case.small.shared());
    let flags = [
        "--network",
        &case.small.network,
        "--network-alias=other",
        &other,
    ];
    case.stranger(&flags, &[], "stranger", &[]);
}

/// One-off and second containers of either project are judged as the first.
fn own_containers(case: &mut Case<'_>) {
    let small = case.small;
    let Small { ea, eb, .. } = small;
    let name = case.name();
    let label = |name: &str, value: &str| format!("--label=com.docker.compose.{name}={value}");
    let of = |project: &str, service: &str, number: &str, one_off: &str| {
        vec![
            label("project", project),
            label("service", service),
            label("container-number", number),
            label("oneoff", one_off),
            "--memory=32m".into(),
            "--cpus=0.1".into(),
        ]
    };
    let started = |flags: &[String], more: &[&str]| {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        small.container(&["run", "--detach"], &name, &[&flags[..], more].concat());
    };
    let one_off = |project: &str| of(project, "db", "1", "True");
    let rows = format!("{ea}_rows");
    // What `docker compose run` starts is no drift.
    for project in [ea, eb] {
        started(
            &one_off(project),
            &[&format!("--volume={project}_rows:/rows")],
        );
        case.expect("a one-off", &[], &[]);
        case.gone();
    }
    let theirs = format!("--volume={rows}:/x");
    started(&one_off(eb), &[&theirs]);
    case.expect(
        "a one-off on production's volume",
        &[("volume", rows.clone())],
        &[],
    );
    case.gone();
    let db = format!("{ea}-db");
    started(&one_off(eb), &[&format!("--pid=container:{db}")]);
    case.expect(
        "a one-off beside production",
        &[("points-at-other", db)],
        &[],
    );
    case.gone();
    // A second container, and one that says that it is the first.
    for number in ["0", "2"] {
        started(&of(eb, "db", number, "False"), &[&theirs]);
        let findings = case.findings();
        for (rule, subject) in [
            ("volume", rows.clone()),
            ("drift", format!("{eb}-db scale")),
        ] {
            let is_it = |one: &&Value| one["rule"] == rule && one["subject"] == subject.as_str();
            assert!(
                findings.iter().any(|one| is_it(&one)),
                "{subject}: {findings:#?}"
            );
        }
        case.done += 1;
        case.gone();
    }
    // A service that no file names.
    started(&of(ea, "extra", "1", "False"), &[]);
    case.expect("a further service", &[("drift", name.clone())], &[]);
    case.gone();
}

/// What was typed at the environments' own containers.
fn by_hand(case: &mut Case<'_>) {
    let Small {
        ea, eb, network, ..
    } = case.small;
    let internal = |project: &str| format!("{project}_internal");
    for (project, service, network, aliases) in [
        (ea, "db", internal(ea), vec!["db".to_owned()]),
        (eb, "db", internal(eb), vec!["db".to_owned()]),
        (
            ea,
            "web",
            network.clone(),
            vec!["web".to_owned(), format!("{ea}-site")],
        ),
    ] {
        let container = format!("{project}-{service}");
        must(&["network", "disconnect", &network, &container]);
        must(&["network", "connect", &network, &container]);
        let drifted = ("drift", format!("{container} networks {network}"));
        case.expect("reconnected by hand", std::slice::from_ref(&drifted), &[]);
        must(&["network", "disconnect", &network, &container]);
        // Its service's name alone.
        must(&[
            "network", "connect", "--alias", service, &network, &container,
        ]);
        match aliases.len() {
            1 => case.expect("connected as it is written", &[], &[]),
            _ => case.expect("a written alias is lost", &[drifted], &[]),
        }
        must(&["network", "disconnect", &network, &container]);
        let aliases: Vec<&str> = aliases.iter().flat_map(|name| ["--alias", name]).collect();
        must(
            &[
                &["network", "connect"],
                &aliases[..],
                &[&network, &container],
            ]
            .concat(),
        );
    }
    case.expect("connected as they are written", &[], &[]);
    let theirs = internal(ea);
    let web = format!("{eb}-web");
    must(&["network", "connect", &theirs, &web]);
    let drifted = ("drift", format!("{web} networks {theirs}"));
    case.expect(
        "on production's network",
        &[("network", theirs.clone()), drifted],
        &[],
    );
    must(&["network", "disconnect", &theirs, &web]);
    must(&["pause", &web]);
    case.expect("paused", &[], &[]);
    must(&["unpause", &web]);
    // Its name is another's now.
    let former = format!("{}-former", case.small.tag);
    must(&["rename", &web, &former]);
    let renamed = ("drift", format!("{former} container_name"));
    case.expect("renamed", std::slice::from_ref(&renamed), &[]);
    case.small.container(&["create"], &web, &[]);
    case.expect(
        "replaced",
        &[renamed, ("stranger?", format!("{web} {web}"))],
        EB,
    );
    must(&["rm", &web]);
    must(&["rename", &former, &web]);
}

/// What a stopped environment needs when it starts.
fn stopped(case: &mut Case<'_>) {
    let Small { ea, eb, ports, .. } = case.small;
    let name = case.name();
    for (project, port, whose) in [(ea, ports[0], EA), (eb, ports[1], EB)] {
        let db = format!("{project}-db");
        must(&["stop", "--time", "1", &db]);
        let idle = ("not-running", db.clone());
        case.expect("stopped", std::slice::from_ref(&idle), &[]);
        let publish = format!("--publish=127.0.0.1:{port}:80");
        case.small
            .container(&["run", "--detach"], &name, &[&publish]);
        case.expect(
            "its port is taken",
            &[idle, ("stranger", format!("{name} {port}"))],
            whose,
        );
        case.gone();
        must(&["start", &db]);
    }
}
