//! The guards of `up`, `down`, `build` and `restart` on the real engine: each way to what is
//! production's, or to a volume that somebody else's server writes to, is tried, and nothing is done.

use crate::containers::must;
use crate::small::Small;

/// Refused with these words, and neither a container nor the volume of production is touched.
#[track_caller]
fn refused(small: &Small, arguments: &[&str], words: &str) {
    let said = small.said(arguments, 5);
    assert!(said.contains(words), "{arguments:?}: {said}");
}

/// An override of development's: its volume is `name`.
fn names_volume(small: &Small, name: &str, external: bool) {
    let text = format!("volumes: {{rows: {{name: \"{name}\", external: {external}}}}}\n");
    small.write("eb/over.yml", &text);
}

fn has(kind: &str, name: &str) {
    must(&[kind, "inspect", "--format", "{{.Name}}", name]);
}

#[test]
fn development_is_kept_from_what_is_somebody_elses_whatever_it_is_called() {
    let small = &Small::new("g");
    let Small { ea, eb, tag, .. } = small;
    small.up("ea");
    let rows = format!("{ea}_rows");
    let verbs: [&[&str]; 7] = [
        &["up", "eb"],
        &["up", "eb", "web"],
        &["up", "eb", "--", "--no-deps", "db"],
        &["build", "eb"],
        &["restart", "eb"],
        &["down", "eb"],
        &["down", "eb", "--", "--volumes", "--remove-orphans"],
    ];
    // Production's volume, as development's own.
    names_volume(small, &rows, false);
    for verb in verbs {
        refused(small, verb, &rows);
    }
    // Only used, it does not go when development does.
    names_volume(small, &rows, true);
    for verb in &verbs[..5] {
        let said = small.said(verb, 5);
        assert!(said.contains(&rows), "{said}");
    }
    for verb in &verbs[5..] {
        small.said(verb, 0);
    }
    has("volume", &rows);

    // The engine says it also where production's files say nothing: another name, no file at all.
    names_volume(small, &rows, false);
    for text in ["services: [\n", "volumes: {rows: {name: elsewhere}}\n"] {
        small.write("ea/over.yml", text);
        refused(small, verbs[6], "production's");
    }
    small.write("ea/over.yml", "services: {}\n");

    // What a project made that is neither's; what nobody made, and somebody has mounted.
    let [former, held] = ["former", "held"].map(|name| format!("{tag}-{name}"));
    let label = "com.docker.compose.project=shop";
    must(&["volume", "create", "--label", label, &former]);
    must(&["volume", "create", &held]);
    must(&["network", "create", "--label", label, &former]);
    let name = format!("{tag}-holder");
    small.container(&["create"], &name, &["--volume", &format!("{held}:/x")]);
    names_volume(small, &former, false);
    refused(small, verbs[6], "project shop");
    names_volume(small, &held, false);
    refused(small, verbs[6], &format!("{name} (no project)"));
    for (text, words) in [
        (
            format!("networks: {{internal: {{name: {former}}}}}\n"),
            "project shop",
        ),
        (
            format!("networks: {{internal: {{name: {ea}_internal}}}}\n"),
            "production's",
        ),
        (
            format!("services: {{db: {{container_name: {name}}}}}\n"),
            "without Docker Compose",
        ),
        (
            format!("services: {{db: {{container_name: {ea}-db}}}}\n"),
            "production's",
        ),
    ] {
        small.write("eb/over.yml", &text);
        for verb in [verbs[0], verbs[4], verbs[6]] {
            let said = small.said(verb, 5);
            assert!(said.contains(words) || verb == verbs[0], "{said}");
        }
    }
    for volume in [&rows, &former, &held] {
        has("volume", volume);
    }
    has("network", &former);
    assert_eq!(small.status(&format!("{ea}-db")), "running");
    assert_eq!(small.status(&format!("{eb}-db")), "");

    // A volume of its own that is called as production's would be is its own.
    let own = format!("{ea}_of_development");
    names_volume(small, &own, false);
    small.up("eb");
    small.said(&["down", "eb", "--", "--volumes"], 0);
    let left = must(&[
        "volume",
        "ls",
        "--quiet",
        "--filter",
        &format!("name={own}"),
    ]);
    assert_eq!(left, "");
}

#[test]
fn nothing_starts_on_a_volume_that_another_projects_server_writes_to() {
    let small = &Small::new("f");
    let Small { ea, eb, tag, .. } = small;
    let rows = format!("{tag}-pgdata");
    must(&["volume", "create", &rows]);
    let volume = format!("volumes: {{rows: {{name: {rows}, external: true}}}}\n");
    small.write("ea/over.yml", &volume);
    let name = format!("{tag}-old-db");
    let labels = [
        "--label=com.docker.compose.project=former",
        "--label=com.docker.compose.service=db",
    ];
    let run = |mount: &str| {
        small.container(
            &["run", "--detach"],
            &name,
            &[&labels[..], &[mount]].concat(),
        );
    };
    let gone = || must(&["rm", "--force", &name]);
    let up = ["up", "ea", "--confirm", "small.test"];
    let words = format!("{name} (project former)");

    run(&format!("--volume={rows}:/rows"));
    refused(small, &up, &words);
    let said = small.said(&[&up[..], &["db"]].concat(), 5);
    assert!(said.contains(&format!("docker stop {name}")), "{said}");
    refused(
        small,
        &[&up[..], &["--", "--force-recreate"]].concat(),
        &words,
    );
    must(&["pause", &name]);
    refused(small, &up, &words);
    assert_eq!(small.status(&format!("{ea}-db")), "");
    // What does not mount it starts beside it.
    small.said(&[&up[..], &["web"]].concat(), 0);
    must(&["unpause", &name]);
    gone();
    // By the folder that the volume lies in.
    let folder = must(&["volume", "inspect", "--format", "{{.Mountpoint}}", &rows]);
    run(&format!("--volume={}:/rows", folder.trim()));
    refused(small, &up, &words);
    gone();
    // One that only reads is no server.
    run(&format!("--volume={rows}:/rows:ro"));
    small.up("ea");
    gone();
    // Development's own volume, too.
    run(&format!("--volume={eb}_rows:/rows"));
    refused(small, &["up", "eb"], &words);
    must(&["stop", "--time", "1", &name]);
    // Stopped it writes no more, but it has what development would take for its own.
    refused(small, &["up", "eb"], &words);
    gone();
    small.up("eb");
}

#[test]
fn nothing_is_done_where_the_engine_can_not_be_asked() {
    let small = &Small::new("n");
    for verb in [
        &["up", "ea", "--confirm", "small.test"][..],
        &["up", "eb"],
        &["down", "eb", "--", "--volumes"],
        &["build", "eb"],
        &["restart", "eb"],
    ] {
        let output = small.run_without_engine(verb);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{verb:?}: {said}");
    }
    assert!(!small.path("state/journal.jsonl").exists());
}

/// Development on production's volume, and a label that is wrong: what was found first once kept the
/// rest from being looked at.
#[test]
fn no_first_finding_opens_the_way_to_productions_volume() {
    let small = &Small::new("b");
    let Small { ea, eb, tag, .. } = small;
    let data = format!("{tag}-hc_pgdata");
    must(&["volume", "create", &data]);
    let over = |line: &str| {
        format!(
            "services: {{db: {{volumes: [\"data:/d\"{line}}}}}\nvolumes: {{data: {{external: true, name: {data}}}}}\n"
        )
    };
    small.write("ea/over.yml", &over("]"));
    small.up("ea");
    let wrong = ", \"${EXTRA:-./x}:/x:ro\"], labels: {caddy.basic_auth.dev: $2b$$12$$abc}";
    let extra = ", \"${EXTRA:-./x}:/x:ro\"]";
    for line in [wrong, extra, "]"] {
        small.write("eb/over.yml", &over(line));
        for verb in [
            &["up", "eb"][..],
            &["up", "eb", "db"],
            &["up", "eb", "--", "--force-recreate", "db"],
            &["build", "eb"],
        ] {
            small.said(verb, 5);
        }
    }
    assert_eq!(small.status(&format!("{ea}-db")), "running");
    assert_eq!(small.status(&format!("{eb}-db")), "");
}
