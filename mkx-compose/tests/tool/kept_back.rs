//! What may not be shown is kept back wherever it stands, and what is shown is the environment still.

use std::process::Command;

use serde_json::Value;

use crate::cases::Case;

const WORD: &str = "hunter2secret";

/// What Docker Compose resolves the words of a command to, without what is not the environment's.
fn resolved(case: &Case, words: &[&str]) -> Value {
    let output = Command::new("docker")
        .args(["compose", "--project-name", "kept-ea"])
        .args(words)
        .args(["config", "--format", "json"])
        .current_dir(case.path("ea"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let mut model: Value = serde_json::from_slice(&output.stdout).unwrap();
    let fields = model.as_object_mut().unwrap();
    fields.retain(|name, _| !name.starts_with("x-"));
    for (_, service) in fields["services"].as_object_mut().unwrap() {
        service.as_object_mut().unwrap().remove("profiles");
    }
    model
}

/// Production of these files is rendered without the word, in both formats, and what is printed
/// resolves to what the files resolve to.
#[track_caller]
fn check(files: &[(&str, &str)]) -> Value {
    let case = Case::of(files);
    let has_env = case.path("ea/.env").is_file();
    let env: &[&str] = if has_env {
        &["--env-file", ".env"]
    } else {
        &[]
    };
    let original = resolved(&case, &[&["--file", "compose.yml"], env].concat());
    let mut model = Value::Null;
    for format in ["yaml", "json"] {
        let text = case.text(&["render", "ea", "--format", format], 0);
        assert!(!text.contains(WORD), "{text}");
        let path = case.path(&format!("rendered.{format}"));
        std::fs::write(&path, &text).unwrap();
        let fills = case.path("state/render/ea/.env");
        let fills = fills.to_str().unwrap();
        let mut words = vec!["--file", path.to_str().unwrap()];
        if std::fs::exists(fills).unwrap() {
            words.extend(["--env-file", fills]);
        }
        assert_eq!(resolved(&case, &words), original, "{format}: {text}");
        if format == "json" {
            model = serde_json::from_str(&text).unwrap();
        }
    }
    model
}

fn web(lines: &str) -> String {
    format!("services:\n  web:\n    image: i:1\n{lines}\n")
}

#[test]
fn a_secret_in_a_command_is_found_from_wherever_it_comes() {
    let command = web("    command: [serve, \"--token=${DB_PASSWORD}\"]");
    check(&[
        ("ea/compose.yml", &command),
        ("ea/.env", "DB_PASSWORD=hunter2secret\n"),
    ]);
    check(&[
        ("ea/compose.yml", &command),
        ("ea/.env", "DB_PASSWORD: hunter2secret\n"),
    ]);
    check(&[
        ("ea/compose.yml", &web("    command: [serve, \"${CONN}\"]")),
        (
            "ea/.env",
            "DB_PASSWORD=hunter2secret\nCONN=\"db,${DB_PASSWORD},x\"\n",
        ),
    ]);
    check(&[(
        "ea/compose.yml",
        &web("    command: [serve, \"${DB_PASSWORD:-hunter2secret}\"]"),
    )]);
    check(&[
        (
            "ea/compose.yml",
            "include: [{path: sub/sub.yml, env_file: sub/.env}]\n",
        ),
        ("ea/sub/sub.yml", &command),
        ("ea/sub/.env", "DB_PASSWORD=hunter2secret\n"),
    ]);
}

#[test]
fn the_env_file_that_nobody_named_is_read_as_docker_compose_reads_it() {
    let case = Case::of(&[(
        "ea/compose.yml",
        &web("    command: [serve, \"${DB_PASSWORD}\", \"${GREETING}\"]"),
    )]);
    let env = "DB_PASSWORD=hunter2secret\nGREETING=hello\n";
    std::fs::write(case.path("ea/.env"), env).unwrap();
    let text = case.text(&["render", "ea"], 0);
    assert!(!text.contains(WORD) && text.contains("hello"), "{text}");
    let audit = case.record(&["audit"], 1);
    assert!(!audit.to_string().contains("unset-variable"), "{audit:#}");
}

#[test]
fn a_secret_is_found_by_its_name_in_arguments_and_labels() {
    check(&[(
        "ea/compose.yml",
        &web(
            "    build: {context: ., args: {NPM_TOKEN: hunter2secret}}\n    labels: {app.api_token: hunter2secret, jdbc: \"jdbc:x?password=hunter2secret\"}",
        ),
    )]);
}

#[test]
fn names_and_values_of_every_kind_come_through() {
    let model = check(&[
        (
            "ea/compose.yml",
            &web(
                "    environment:\n      auth/password: hunter2secret\n      \"sp ace\": one\n      A: \"x\\u007Fy\\u2028z\"\n      B: \"it's \\\"$$5\\\" \\\\n\"\n      MULTI: |\n        one\n        two\n    labels: {a: \"x\\u2028y\", b: \"x\\u007Fy\"}",
            ),
        ),
        ("ea/.env", "WEBHOOK_PORT=9000\n"),
    ]);
    assert_eq!(model["services"]["web"]["environment"]["sp ace"], "one");
    check(&[
        (
            "ea/compose.yml",
            &web("    ports: [\"${WEBHOOK_PORT}:80\"]"),
        ),
        ("ea/.env", "WEBHOOK_PORT=9000\n"),
    ]);
}

#[test]
fn what_a_profile_chose_is_there_without_it() {
    let model = check(&[
        (
            "ea/compose.yml",
            &web("  debug:\n    image: d:1\n    profiles: [debug]"),
        ),
        ("ea/.env", "COMPOSE_PROFILES=debug\n"),
    ]);
    assert!(model["services"]["debug"]["profiles"].is_null());
}

#[test]
fn what_secrets_take_from_variables_is_in_the_file_that_is_named() {
    let files = [
        (
            "ea/compose.yml",
            "services: {web: {image: i:1, secrets: [s]}}\nsecrets: {s: {environment: SECRET_S}}\n",
        ),
        ("ea/.env", "SECRET_S=hunter2secret\n"),
    ];
    check(&files);
    let case = Case::of(&files);
    let model = case.record(&["render", "ea"], 0);
    let named = model["x-mkx"]["env_file"].as_str().unwrap();
    let text = std::fs::read_to_string(named).unwrap();
    assert_eq!(text, "SECRET_S='hunter2secret'\n");
}

#[test]
fn what_would_resolve_to_something_else_is_not_printed() {
    let case = Case::of(&[("ea/compose.yml", &web("    labels: {\"l.${X}\": y}"))]);
    let output = case.run(&["render", "ea"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(output.stdout.is_empty());
    assert!(
        said.contains("resolves to another services.web.labels"),
        "{said}"
    );
}

#[test]
fn what_a_former_rendering_kept_goes() {
    let secret = web("    environment: {API_TOKEN: hunter2secret}");
    let case = Case::of(&[("ea/compose.yml", &secret)]);
    case.text(&["render", "ea"], 0);
    let kept = case.path("state/render/ea/web.env");
    assert!(kept.is_file());
    std::fs::write(case.path("ea/compose.yml"), web("")).unwrap();
    case.text(&["render", "ea"], 0);
    assert!(!kept.exists());
}

#[test]
fn docker_composes_own_words_do_not_tell_a_secret() {
    for (lines, env) in [
        (
            "    ports: [\"${DB_PASSWORD}:80\"]",
            "DB_PASSWORD=hunter2secret\n",
        ),
        ("", "DB_PASSWORD=\"hunter2secret\n"),
    ] {
        let case = Case::of(&[("ea/compose.yml", &web(lines)), ("ea/.env", env)]);
        for verb in [
            &["render", "ea"][..],
            &["audit"],
            &["split", "ea/compose.yml"],
        ] {
            let output = case.run(verb);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{verb:?}: {said}");
            assert!(!said.contains("hunter2"), "{verb:?}: {said}");
        }
    }
}

const HARD_ENV: &str = "\u{feff}# production\n# old: DB_PASSWORD=hunter2secret\n\
    TLS_KEY=\"-----BEGIN PRIVATE KEY-----\nhunter2secret+/abc==\n-----END PRIVATE KEY-----\"\n\
    API_TOKEN: hunter2secret\nDB_PASSWORD=hunter2secret\nSMTP_PASSWORD=${DB_PASSWORD}\n\
    CACHES=redis://:hunter2secret@r1,redis://:hunter2secret@r2\nGREETING=\"a #b\nc\"\nLOG_LEVEL=info\n";

#[test]
fn nothing_of_productions_reaches_developments_env_file() {
    let case = Case::of(&[("ea/.env", HARD_ENV), ("eb/.env", "")]);
    case.text(&["env", "new", "eb", "--force"], 0);
    let text = std::fs::read_to_string(case.path("eb/.env")).unwrap();
    assert!(
        !text.contains("hunter2") && !text.contains("abc=="),
        "{text}"
    );
    let value = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.unwrap_or_else(|| panic!("{name}: {text}")).to_owned()
    };
    let own = value("DB_PASSWORD");
    assert_eq!(
        value("CACHES"),
        format!("redis://:{own}@r1,redis://:{own}@r2")
    );
    assert_eq!(value("SMTP_PASSWORD"), "${DB_PASSWORD}");
    assert_eq!(value("API_TOKEN"), own);
    assert_eq!(value("TLS_KEY"), "CHANGE_ME");
    assert_eq!(value("LOG_LEVEL"), "info");
}

#[test]
fn templates_say_what_is_public_as_it_is_and_nothing_else() {
    let case = Case::of(&[("ea/.env", HARD_ENV)]);
    let mut site: Value =
        serde_json::from_str(&std::fs::read_to_string(case.path("site.json")).unwrap()).unwrap();
    site["variables"]["GREETING"]["secret"] = false.into();
    std::fs::write(case.path("site.json"), site.to_string()).unwrap();
    let split = case.text(&["split", "ea/compose.yml", "--dry-run"], 0);
    assert!(
        !split.contains("hunter2") && !split.contains("abc=="),
        "{split}"
    );
    assert!(split.contains("+TLS_KEY=CHANGE_ME"), "{split}");
    // Production's template and development's.
    assert_eq!(
        split.matches("+GREETING=\"a #b\\nc\"").count(),
        2,
        "{split}"
    );
}

#[test]
fn a_proposed_site_document_is_one_or_is_refused() {
    let of = |database: &str| {
        Case::of(&[(
            "shop/compose.yml",
            &format!("services:\n  db:\n    image: postgres:16\n{database}"),
        )])
    };
    let init = [
        "init",
        "--from",
        "shop/compose.yml",
        "--output",
        "-",
        "--domain",
    ];
    let site = |case: &Case, domain: &str, code: i32| {
        let output = case.run(&[&init[..], &[domain]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{domain}: {said}");
        output.stdout
    };
    let last = of("    ports: [\"65535:5432\"]\n");
    site(&last, "shop.example", 0);
    site(&last, "http://shop.example", 2);
    let odd = of("    environment: {POSTGRES_USER: \"u:p@h\", POSTGRES_DB: \"a/b?c#d\"}\n");
    let document = site(&odd, "shop.example", 0);
    std::fs::write(odd.path("site.json"), document).unwrap();
    let known = odd.run(&["site"]);
    assert_eq!(known.status.code(), Some(0));
    let said = String::from_utf8_lossy(&known.stderr).into_owned();
    assert!(said.contains("guessed, and not looked at yet: "), "{said}");
}

#[test]
fn nothing_that_runs_is_no_proof() {
    let case = Case::of(&[]);
    let output = case.run(&["audit", "--live"]);
    let audit: Value = serde_json::from_slice(&output.stdout).unwrap();
    let unseen = audit["unseen"].to_string();
    assert!(unseen.contains("no container of kept-ea does"), "{unseen}");
    assert!(unseen.contains("no container of kept-eb does"), "{unseen}");
    assert_eq!(audit["ok"], false);
}

#[test]
fn a_checkout_that_is_not_there_is_named() {
    let case = Case::of(&[]);
    std::fs::remove_dir_all(case.path("eb")).unwrap();
    for verb in [&["audit"][..], &["render", "eb"], &["env", "check"]] {
        let output = case.run(verb);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{verb:?}: {said}");
        assert!(said.contains("eb is not there"), "{verb:?}: {said}");
    }
}

#[test]
fn a_split_goes_by_the_name_of_the_only_file() {
    let case = Case::of(&[("ea/compose.yml", &web("    ports: [\"127.0.0.1:81:80\"]"))]);
    let output = case.run(&["split", "ea/compose.yml"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("next: mkx-compose init --from"), "{said}");
    assert!(case.path("ea/compose.prod.yml").is_file());
    assert!(!case.path("ea/docker-compose.yml").exists());
}
