//! `init`, `site` and `schema` from outside: arguments, then stdout, stderr and exit code.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, arguments: &[&str], stdin: &str) -> Output {
        use std::io::Write;
        let mut child = Command::new(env!("CARGO_BIN_EXE_mkx-compose"))
            .args(arguments)
            .current_dir(self.path())
            .env_remove("MKX_SITE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        child.wait_with_output().unwrap()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The preset as `init` writes it.
fn preset() -> String {
    let folder = Folder::new();
    let output = folder.run(&["init", "--preset", "makapix"], "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    std::fs::read_to_string(folder.path().join("site.json")).unwrap()
}

/// Line and column of the `nth` occurrence (from 0) of `needle`.
fn place(text: &str, needle: &str, nth: usize) -> String {
    let (at, _) = text.match_indices(needle).nth(nth).unwrap();
    let line = text[..at].matches('\n').count() + 1;
    let column = at - text[..at].rfind('\n').map_or(0, |newline| newline + 1) + 1;
    format!("{line}:{column}")
}

/// The preset with `from` (its `nth` occurrence) replaced must fail at `needle` with `message`.
#[track_caller]
fn check(from: (&str, usize), to: &str, needle: (&str, usize), message: &str) {
    let original = preset();
    let (at, _) = original.match_indices(from.0).nth(from.1).unwrap();
    let changed = format!("{}{to}{}", &original[..at], &original[at + from.0.len()..]);
    let folder = Folder::new();
    std::fs::write(folder.path().join("site.json"), &changed).unwrap();
    let output = folder.run(&["site", "--site", "site.json"], "");
    let expected = format!(
        "mkx-compose: error: site.json:{}: {message}",
        place(&changed, needle.0, needle.1)
    );
    assert_eq!(text(&output.stderr).lines().next(), Some(expected.as_str()));
    assert_eq!(output.status.code(), Some(3));
    assert!(output.stdout.is_empty());
}

#[test]
fn init_never_replaces_a_file_without_force_and_keeps_the_former_one() {
    let folder = Folder::new();
    let first = folder.run(&["init", "--preset", "makapix"], "");
    assert_eq!(first.status.code(), Some(0));
    assert!(text(&first.stderr).contains("mkx-sample policy init --preset makapix"));
    std::fs::write(folder.path().join("site.json"), "mine").unwrap();
    let refused = folder.run(&["init", "--preset", "makapix"], "");
    assert_eq!(refused.status.code(), Some(5));
    assert_eq!(
        std::fs::read_to_string(folder.path().join("site.json")).unwrap(),
        "mine"
    );
    let forced = folder.run(&["init", "--preset", "makapix", "--force"], "");
    assert_eq!(forced.status.code(), Some(0));
    let record: Value = serde_json::from_slice(&forced.stdout).unwrap();
    assert_eq!(record["record"], "mkx.compose.files/1");
    let backup = record["files"][0]["backup"].as_str().unwrap();
    assert_eq!(
        std::fs::read_to_string(folder.path().join(backup)).unwrap(),
        "mine"
    );
}

#[test]
fn init_measures_this_machine() {
    let folder = Folder::new();
    let output = folder.run(&["init", "--preset", "makapix", "--output", "-"], "");
    let site: Value = serde_json::from_slice(&output.stdout).unwrap();
    let processors = std::thread::available_parallelism().unwrap().get();
    assert_eq!(site["host"]["cpus"], processors as f64);
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
    let kib: u64 = meminfo
        .lines()
        .next()
        .and_then(|line| line.split_whitespace().nth(1))
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(site["host"]["memory_bytes"], kib * 1024);
    assert!(!folder.path().join("site.json").exists());
}

#[test]
fn the_resolved_document_is_a_site_document_that_resolves_to_itself() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("site.json"), preset()).unwrap();
    let first = folder.run(&["site"], "");
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let resolved: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(
        resolved["environments"]["ea"]["env_files"][1],
        "/opt/makapix/deploy/stack/.env.prod"
    );
    assert_eq!(resolved["environments"]["ea"]["share"]["percent"], 60.0);
    let second = Folder::new().run(&["site", "--site", "-"], text(&first.stdout));
    assert_eq!(text(&second.stdout), text(&first.stdout));
    assert_eq!(second.status.code(), Some(0));
}

#[test]
fn a_document_that_is_not_json_or_not_a_site_says_where() {
    for (stdin, expected) in [
        ("", "cannot read stdin: it is empty"),
        (
            "{\"record\": \"mkx.site/2\",\n \"name\": ",
            "stdin:2:9: EOF while parsing a value",
        ),
        (
            "{\"record\": \"mkx.site/2\",,}",
            "stdin:1:25: key must be a string",
        ),
        (
            "{\n \"record\": \"mkx.policy/1\"}",
            "stdin:2:2: record: it is \"mkx.policy/1\", expected \"mkx.site/2\"",
        ),
        (
            "{}",
            "stdin:1:1: it has no field \"record\", expected \"mkx.site/2\"",
        ),
        (
            "[]",
            "stdin:1:1: it has no field \"record\", expected \"mkx.site/2\"",
        ),
    ] {
        let output = Folder::new().run(&["site", "--site", "-"], stdin);
        assert_eq!(
            text(&output.stderr),
            format!("mkx-compose: error: {expected}\n")
        );
        assert_eq!(output.status.code(), Some(3));
    }
}

#[test]
fn a_truncated_document_is_an_error_at_its_end_wherever_it_is_cut() {
    let whole = preset();
    for length in (1..whole.len() - 2).step_by(397) {
        let output = Folder::new().run(&["site", "--site", "-"], &whole[..length]);
        assert_eq!(output.status.code(), Some(3), "cut at {length}");
        assert!(text(&output.stderr).starts_with("mkx-compose: error: stdin:"));
    }
}

#[test]
fn an_unknown_missing_or_ill_typed_member_is_named_with_its_place() {
    check(
        ("\"branch\"", 1),
        "\"brunch\"",
        ("\"brunch\"", 0),
        "environments.eb.brunch: unknown field, expected one of `role`, `project`, `directory`, `compose_files`, `env_files`, `branch`, `domain`, `database`, `web`, `vault`, `mqtt`, `oauth`, `access`, `share`, `health_url`, `commands`",
    );
    check(
        ("\"domain\": \"development.makapix.club\",", 0),
        "",
        ("\"eb\": {", 0),
        "environments.eb.domain: it is missing",
    );
    check(
        ("8884", 0),
        "\"8884\"",
        ("\"port\"", 2),
        "environments.eb.mqtt.port: it is \"8884\", expected a whole number up to 65535",
    );
    check(
        ("8884", 0),
        "70000",
        ("\"port\"", 2),
        "environments.eb.mqtt.port: it is 70000, expected a whole number up to 65535",
    );
    check(
        ("\"public_paths\"", 0),
        "\"public_path\"",
        ("\"public_path\"", 0),
        "environments.eb.access.public_path: unknown field, expected one of `kind`, `users_file`, `public_paths`",
    );
    check(
        ("\"kind\": \"public\"", 0),
        "\"kind\": \"secret\"",
        ("\"access\"", 0),
        "environments.ea.access: it is another object, expected an object with \"kind\": \"public\" or an object with \"kind\": \"basic_auth\"",
    );
    check(
        ("\"env_file\": \"DB", 0),
        "\"envfile\": \"DB",
        ("\"password\"", 2),
        "environments.eb.database.password: it is another object, expected an object with \"env\" or an object with \"file\" or an object with \"env_file\" or null",
    );
}

#[test]
fn what_leads_to_the_application_is_said_whole() {
    check(
        ("\"makapix-dev-web:3000\"", 0),
        "",
        ("\"web_upstreams\"", 1),
        "environments.eb.web.web_upstreams: it is missing: where the site listens",
    );
    check(
        ("\"makapix-dev-api:8000\"", 0),
        "",
        ("\"api_upstreams\"", 1),
        "environments.eb.web.api_upstreams: it is missing: where the API of web.api_prefix listens",
    );
    check(
        ("\"pattern\": \"", 0),
        "\"pattern\": \"(",
        ("\"pattern\"", 0),
        "environments.ea.vault.files.0.pattern: it is not a regular expression",
    );
    check(
        ("\"cdef\"", 0),
        "\"cde\"",
        ("\"1\": [", 0),
        "environments.ea.vault.legacy_paths.example.translate.1: both must have as many characters",
    );
}

/// What `site` says of a document that is not right, without the tool's name.
#[track_caller]
fn refusal(site: &str) -> Vec<String> {
    let output = Folder::new().run(&["site", "--site", "-"], site);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stdout));
    let said = text(&output.stderr).trim_start_matches("mkx-compose: error: ");
    said.lines().map(str::to_owned).collect()
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let site = r#"{
  "record": "mkx.site/2",
  "name": "Small",
  "shared": { "netwerk": "edge" },
  "environments": {
    "production": { "project": "small-prod", "directory": 7, "compose_files": [], "branch": "${X}" },
    "eb": {
      "project": "small-prod", "directory": "/srv/dev", "compose_files": ["a", 1], "domain": "a/b",
      "mqtt": { "port": 0.5 }
    }
  },
  "variables": { "A": { "rule": "equals" } }
}"#;
    let whole = "a whole number up to 65535";
    assert_eq!(
        refusal(site),
        [
            "stdin:3:3: name: it may have lower-case letters, digits, - and _ only",
            "stdin:4:3: shared.network: it is missing",
            "stdin:4:15: shared.netwerk: unknown field, expected one of `network`, `volumes`, `edge`",
            "stdin:6:5: environments.production.domain: it is missing",
            "stdin:6:46: environments.production.directory: it is 7, expected a text in quotes",
            "stdin:6:62: environments.production.compose_files: it must name at least one file",
            "stdin:6:83: environments.production.branch: no env file of the environment sets X",
            "stdin:8:7: environments.eb.project: \"small-prod\" is environments.ea.project too; each environment needs its own",
            "stdin:8:80: environments.eb.compose_files.1: it is 1, expected a text in quotes",
            "stdin:8:84: environments.eb.domain: it must be a host name, without scheme or path",
            "stdin:9:7: environments.eb.mqtt.certificate_directory: it is missing",
            "stdin:9:7: environments.eb.mqtt.config_directory: it is missing",
            "stdin:9:7: environments.eb.mqtt.host: it is missing",
            "stdin:9:7: environments.eb.mqtt.plain_port: it is missing",
            "stdin:9:7: environments.eb.mqtt.public_host: it is missing",
            "stdin:9:7: environments.eb.mqtt.service: it is missing",
            &format!("stdin:9:17: environments.eb.mqtt.port: it is 0.5, expected {whole}"),
            "stdin:12:25: variables.A.rule: it is \"equals\", expected \"differ\" or \"equal\" or \"free\"",
        ]
    );
}

#[test]
fn a_document_of_version_1_means_what_it_meant() {
    let mut site: Value = serde_json::from_str(&preset()).unwrap();
    let folder = Folder::new();
    let resolved = |site: &Value| -> Value {
        let output = folder.run(&["site", "--site", "-"], &site.to_string());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let mut today = resolved(&site);
    site["record"] = "mkx.site/1".into();
    for name in ["ea", "eb"] {
        let environment = &mut site["environments"][name];
        let mut leave_out = |section: &str, fields: &[&str]| {
            let section = environment[section].as_object_mut().unwrap();
            section.retain(|field, _| !fields.contains(&field.as_str()));
        };
        leave_out(
            "web",
            &[
                "api_prefix",
                "api_upstreams",
                "web_upstreams",
                "access_log",
                "service",
            ],
        );
        leave_out(
            "vault",
            &[
                "restricted",
                "legacy_paths",
                "files",
                "access_log",
                "service",
            ],
        );
        let fields = ["config_directory", "acl_file", "service", "topics"];
        leave_out("mqtt", &fields);
        site["environments"][name]["vault"]["legacy_paths"] = true.into();
    }
    // The names of development's logs were others.
    today["environments"]["eb"]["web"]["access_log"] = "access-dev.log".into();
    today["environments"]["eb"]["vault"]["access_log"] = "vault-access-dev.log".into();
    assert_eq!(resolved(&site), today);
    site["environments"]["ea"]["vault"]["legacy_paths"] = false.into();
    assert!(resolved(&site)["environments"]["ea"]["vault"]["legacy_paths"].is_null());
    let eb = site["environments"]["eb"].as_object_mut().unwrap();
    eb.remove("project");
    let said = refusal(&site.to_string());
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].ends_with("environments.eb.project: it is missing"),
        "{said:?}"
    );
    let other = preset().replace("mkx.site/2", "mkx.policy/1");
    assert!(refusal(&other)[0].contains("expected \"mkx.site/2\""));
}

#[test]
fn the_environments_may_be_called_production_and_development() {
    let preset = preset();
    let words = preset
        .replace("\"ea\": {", "\"production\": {")
        .replace("\"eb\": {", "\"development\": {")
        .replace("\"ea\": \"", "\"production\": \"")
        .replace("\"eb\": \"", "\"development\": \"");
    assert!(!words.contains("\"eb\""));
    let folder = Folder::new();
    let resolved = |site: &str| {
        let output = folder.run(&["site", "--site", "-"], site);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    assert!(resolved(&words) == resolved(&preset));
    let both = words.replace("\"development\": {", "\"eb\": {}, \"development\": {");
    let said = refusal(&both);
    let place = place(&both, "\"development\": {", 0);
    assert!(said.contains(&format!(
        "stdin:{place}: environments.development: it is there as \"eb\" too"
    )));
}

#[test]
fn what_both_environments_claim_is_an_error_at_the_second_claim() {
    let twice = |field: &str, value: &str| {
        format!(
            "environments.eb.{field}: {value:?} is environments.ea.{field} too; each environment needs its own"
        )
    };
    let case = |from: &str, to: &str, needle: (&str, usize), field: &str, value: &str| {
        check((from, 0), to, needle, &twice(field, value));
    };
    case(
        "\"makapix-dev\"",
        "\"makapix-prod\"",
        ("\"project\"", 1),
        "project",
        "makapix-prod",
    );
    case(
        "\"/opt/makapix-dev\"",
        "\"/opt/makapix\"",
        ("\"directory\"", 1),
        "directory",
        "/opt/makapix",
    );
    case(
        "\"/opt/makapix-dev\"",
        "\"/opt/makapix/\"",
        ("\"directory\"", 1),
        "directory",
        "/opt/makapix",
    );
    case(
        "\"/opt/makapix-dev\"",
        "\"/opt/x/../makapix\"",
        ("\"directory\"", 1),
        "directory",
        "/opt/makapix",
    );
    case(
        "\"development.makapix.club\"",
        "\"makapix.club\"",
        ("\"domain\"", 2),
        "domain",
        "makapix.club",
    );
    case(
        "owner@127.0.0.1:5433/",
        "owner@127.0.0.1:5432/",
        ("\"url\"", 1),
        "database.url",
        "127.0.0.1:5432/makapix",
    );
    case(
        "\"/mnt/vault-dev\"",
        "\"/mnt/vault-1\"",
        ("\"path\"", 3),
        "vault.path",
        "/mnt/vault-1",
    );
    case(
        "\"vault-dev.makapix.club\"",
        "\"vault.makapix.club\"",
        ("\"domain\"", 3),
        "vault.domain",
        "vault.makapix.club",
    );
    case(
        "\"host\": \"makapix-dev-mqtt\"",
        "\"host\": \"makapix-prod-mqtt\"",
        ("\"host\": \"makapix-prod-mqtt\"", 1),
        "mqtt.host",
        "makapix-prod-mqtt",
    );
    case(
        "\"public_host\": \"development.makapix.club\"",
        "\"public_host\": \"makapix.club\"",
        ("\"public_host\"", 1),
        "mqtt.public_host",
        "makapix.club",
    );
    case(
        "https://development.makapix.club/api/auth/github/callback",
        "https://makapix.club/api/auth/github/callback",
        ("\"callback\"", 1),
        "oauth.callback",
        "https://makapix.club/api/auth/github/callback",
    );
    case(
        "https://development.makapix.club/api/health",
        "https://makapix.club/api/health",
        ("\"health_url\"", 1),
        "health_url",
        "https://makapix.club/api/health",
    );
    check(
        ("\"mqtt/certs\"", 1),
        "\"/opt/makapix/mqtt/certs\"",
        ("\"certificate_directory\"", 1),
        &twice("mqtt.certificate_directory", "/opt/makapix/mqtt/certs"),
    );
    check(
        ("\"mqtt/config\"", 1),
        "\"/opt/makapix/mqtt/config\"",
        ("\"config_directory\"", 1),
        &twice("mqtt.config_directory", "/opt/makapix/mqtt/config"),
    );
    check(
        ("\"deploy/stack/.env.dev\"\n", 0),
        "\"/opt/makapix/deploy/stack/.env\"\n",
        ("\"/opt/makapix/deploy/stack/.env\"", 0),
        "environments.eb.env_files.0: \"/opt/makapix/deploy/stack/.env\" is environments.ea.env_files too; each environment needs its own",
    );
}

#[test]
fn ports_and_host_names_are_compared_across_kinds() {
    check(
        ("8884", 0),
        "1883",
        ("\"port\"", 2),
        "environments.eb.mqtt.port: port 1883 is environments.ea.mqtt.plain_port too; each needs its own",
    );
    check(
        ("1884", 0),
        "8884",
        ("\"plain_port\"", 2),
        "environments.eb.mqtt.plain_port: port 8884 is environments.eb.mqtt.port too; each needs its own",
    );
    check(
        ("1884", 0),
        "5432",
        ("\"plain_port\"", 2),
        "environments.eb.mqtt.plain_port: port 5432 is environments.ea.database.url too; each needs its own",
    );
    check(
        ("\"vault-dev.makapix.club\"", 0),
        "\"makapix.club\"",
        ("\"domain\"", 3),
        "environments.eb.vault.domain: \"makapix.club\" is environments.ea.domain too; each environment needs its own",
    );
    check(
        ("\"vault-dev.makapix.club\"", 0),
        "\"development.makapix.club\"",
        ("\"domain\"", 3),
        "environments.eb.vault.domain: \"development.makapix.club\" is environments.eb.domain too; the vault needs its own",
    );
}

#[test]
fn a_directory_inside_the_other_environments_is_refused() {
    check(
        ("\"/mnt/vault-dev\"", 0),
        "\"/mnt/vault-1/dev\"",
        ("\"path\"", 3),
        "environments.eb.vault.path: \"/mnt/vault-1/dev\" lies inside environments.ea.vault.path (\"/mnt/vault-1\"); each environment needs its own",
    );
    check(
        ("\"/mnt/vault-dev\"", 0),
        "\"/mnt\"",
        ("\"path\"", 3),
        "environments.eb.vault.path: \"/mnt\" lies around environments.ea.vault.path (\"/mnt/vault-1\"); each environment needs its own",
    );
    check(
        ("\"/var/lib/mkx/makapix\"", 0),
        "\"/mnt/vault-dev/state\"",
        ("\"state_directory\"", 0),
        "state_directory: it lies inside environments.eb.vault.path",
    );
}

#[test]
fn what_points_at_the_other_environment_is_refused() {
    check(
        ("\"makapix-dev-db\"", 0),
        "\"makapix-prod-db\"",
        ("\"makapix-prod-db\"", 1),
        "environments.eb.database.client_command.5: \"makapix-prod-db\" belongs to environments.ea",
    );
    check(
        ("https://development.makapix.club/api/health", 0),
        "https://makapix.club/api/health2",
        ("\"health_url\"", 1),
        "environments.eb.health_url: \"makapix.club\" is a host of environments.ea",
    );
}

#[test]
fn no_secret_may_stand_in_the_document() {
    let at = ("\"url\"", 0);
    let message = "environments.ea.database.url: it must not hold the password; name its place under \"password\"";
    check(("mkx_reader@", 0), "mkx_reader:hunter2@", at, message);
    check(
        ("5432/makapix", 0),
        "5432/makapix?password=hunter2",
        at,
        message,
    );
    check(
        ("https://makapix.club/api/health", 0),
        "https://me:hunter2@makapix.club/api/health",
        ("\"health_url\"", 0),
        "environments.ea.health_url: it must not hold a user or a password",
    );
    check(
        ("\"develop\"", 0),
        "\"${DB_ADMIN_PASSWORD}\"",
        ("\"branch\"", 1),
        "environments.eb.branch: ${DB_ADMIN_PASSWORD} is a secret by its name; the document holds the places of secrets, never their values",
    );
}

/// A folder with a site whose EB lies in `dev/` and takes its branch from its env file.
fn with_reference(reference: &str, env_file: &str) -> (Folder, String) {
    let folder = Folder::new();
    let site = preset()
        .replace("\"/opt/makapix-dev\"", "\"dev\"")
        .replace("\"develop\"", &format!("\"{reference}\""));
    std::fs::create_dir_all(folder.path().join("dev/deploy/stack")).unwrap();
    std::fs::write(folder.path().join("dev/deploy/stack/.env.dev"), env_file).unwrap();
    std::fs::write(folder.path().join("site.json"), &site).unwrap();
    (folder, site)
}

#[test]
fn a_reference_is_filled_from_the_environments_own_env_files() {
    let (folder, _) = with_reference("dev-${RELEASE}-x", "RELEASE='7'\n");
    let output = folder.run(&["site"], "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let site: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(site["environments"]["eb"]["branch"], "dev-7-x");
}

#[test]
fn a_reference_that_can_not_be_filled_is_an_error_at_its_place() {
    for (reference, cause) in [
        ("${RELEASE}", "no env file of the environment sets RELEASE"),
        ("${RELEASE", "\"${\" is not closed with \"}\""),
        (
            "${RELEASE:-7}",
            "${RELEASE:-7} is not a variable; only ${NAME} is known here",
        ),
        (
            "${NESTED}",
            "the value of NESTED holds \"${\" itself, which Docker Compose alone resolves",
        ),
    ] {
        let (folder, site) = with_reference(reference, "NESTED=a${B}\n");
        let output = folder.run(&["site", "--site", "site.json"], "");
        assert_eq!(
            text(&output.stderr),
            format!(
                "mkx-compose: error: site.json:{}: environments.eb.branch: {cause}\n",
                place(&site, "\"branch\"", 1)
            )
        );
        assert_eq!(output.status.code(), Some(3));
    }
}

#[test]
fn schema_describes_the_site_document() {
    let output = Folder::new().run(&["schema"], "");
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        schema["reads"]["mkx.site/2"]["properties"]["record"]["const"],
        "mkx.site/2"
    );
}
