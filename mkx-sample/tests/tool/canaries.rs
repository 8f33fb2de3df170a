//! Canaries in every sensitive column of production: after a run none is in a full dump of
//! development, in the report, the journal, what was said, or was ever on a command line.

use mkx_tests::generate::Spec;
use mkx_tests::generate::canary::{canaries, found_in};
use mkx_tests::postgres_server::PASSWORD;
use mkx_tests::site::{DATABASE, Site, Size};
use mkx_tests::tool::Tool;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

fn makapix(users: u64) -> Site {
    let size = Size {
        spec: Spec {
            canaries: true,
            ..Spec::new(users, 7)
        },
        max_files: Some(10),
    };
    Site::with_policy(&size)
}

/// What the command lines of a program and of all that it started hold: canaries, a password.
/// Other tests run at the same time, so the rest of the machine is none of ours.
fn look_at_command_lines(program: u32, found: &mut BTreeSet<String>) {
    let processes: Vec<u32> = std::fs::read_dir("/proc")
        .expect("the machine shows its processes")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    let mut family = BTreeSet::from([program]);
    loop {
        let known = family.len();
        for process in &processes {
            if parent(*process).is_some_and(|parent| family.contains(&parent)) {
                family.insert(*process);
            }
        }
        if family.len() == known {
            break;
        }
    }
    for process in family {
        let Ok(line) = std::fs::read(format!("/proc/{process}/cmdline")) else {
            continue;
        };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        found.extend(found_in(&line).into_iter().map(str::to_owned));
        if line.contains(PASSWORD) {
            found.insert(format!("the database's password: {line}"));
        }
    }
}

/// The process that started this one; its number is the second field after the name's bracket.
fn parent(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(1)?.parse().ok()
}

fn text_of_files_below(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder)
        .expect("the folder can be read")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            text += &text_of_files_below(&path);
        } else {
            text += &String::from_utf8_lossy(&std::fs::read(&path).expect("the file can be read"));
        }
    }
    text
}

fn dump(site: &Site) -> String {
    let output = Command::new(site.eb.programs().join("pg_dump"))
        .arg(format!("--dbname={}", site.eb.url(DATABASE)))
        .output()
        .expect("pg_dump starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Accounts in production; `make canaries` sets another number.
fn users() -> u64 {
    std::env::var("MKX_TEST_USERS").map_or(2_000, |number| {
        number.parse().expect("MKX_TEST_USERS is a number")
    })
}

/// The sample is a tenth of whom the policy takes, all its foreign keys hold, and the judge that
/// is asked again says the same.
fn is_a_tenth_and_whole(site: &Site, report: &Value) {
    let roots = &report["roots"];
    let number = |name: &str| roots[name].as_f64().expect("a number");
    let expected = (number("eligible") / 10.0).round();
    assert!((number("sampled") - expected).abs() <= 1.0, "{roots}");
    let mut eb = site.eb.client(DATABASE);
    let keys = "SELECT count(*), count(*) FILTER (WHERE convalidated) FROM pg_constraint \
                WHERE contype = 'f' AND connamespace = 'public'::regnamespace";
    let row = eb.query_one(keys, &[]).expect("development answers");
    let (all, validated): (i64, i64) = (row.get(0), row.get(1));
    assert!(all > 50 && all == validated, "{validated} of {all}");
    let verified = Tool::new("mkx-sample")
        .directory(site.folder())
        .args(["verify"])
        .run()
        .expect_code(0);
    assert_eq!(found_in(&verified.stdout), Vec::<&str>::new(), "by verify");
    assert_eq!(found_in(&verified.stderr), Vec::<&str>::new(), "by verify");
}

#[test]
fn no_canary_leaves_production() {
    let site = makapix(users());
    let mut running = Tool::new("mkx-sample")
        .directory(site.folder())
        .args(["run"])
        .spawn();
    let program = running.pid();
    let mut on_command_lines = BTreeSet::new();
    while !running.has_ended() {
        look_at_command_lines(program, &mut on_command_lines);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let finished = running.wait().expect_code(0);
    assert_eq!(on_command_lines, BTreeSet::new());
    is_a_tenth_and_whole(
        &site,
        &serde_json::from_str(&finished.stdout).expect("run prints a report"),
    );
    let dumped = dump(&site);
    assert!(
        dumped.contains("COPY public.users"),
        "the dump is of a full database"
    );
    assert_eq!(found_in(&dumped), Vec::<&str>::new(), "in the dump");
    assert_eq!(
        found_in(&finished.stdout),
        Vec::<&str>::new(),
        "in the report"
    );
    assert_eq!(
        found_in(&finished.stderr),
        Vec::<&str>::new(),
        "in what it said"
    );
    let kept = text_of_files_below(&site.path("state"));
    assert_eq!(
        found_in(&kept),
        Vec::<&str>::new(),
        "in the state directory"
    );
    // Codes and countries are too short for a dump to be searched for them.
    let mut eb = site.eb.client(DATABASE);
    for canary in canaries() {
        let row = eb
            .query_one(
                &format!(
                    "SELECT count(*) FROM \"{}\" WHERE \"{}\"::text ILIKE $1",
                    canary.table, canary.column
                ),
                &[&canary.like],
            )
            .expect("development answers");
        let rows: i64 = row.get(0);
        assert_eq!(rows, 0, "{}.{}", canary.table, canary.column);
    }
}

#[test]
fn the_search_finds_the_canaries_where_they_are() {
    let site = makapix(100);
    let output = Command::new(site.ea.programs().join("pg_dump"))
        .arg(format!("--dbname={}", site.ea.url(DATABASE)))
        .output()
        .expect("pg_dump starts");
    let found = found_in(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(
        found.len(),
        mkx_tests::generate::canary::needles().len(),
        "{found:?}"
    );
}
