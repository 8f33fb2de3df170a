//! Small sites of other people's, each of a kind on which the tool once failed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

/// A copy of a case; the command is run in it.
pub struct Case(tempfile::TempDir);

fn case(name: &str) -> Case {
    let folder = tempfile::tempdir().unwrap();
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    copy(&cases.join(name), folder.path());
    Case(folder)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => std::fs::copy(entry.path(), target).map(drop).unwrap(),
        }
    }
}

impl Case {
    /// A small site of these files: production's `ea/compose.yml` and `ea/.env`, development's under
    /// `eb`; a missing one is made.
    pub fn of(files: &[(&str, &str)]) -> Case {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let environment = |name: &str, domain: &str| {
            let has_env = files
                .iter()
                .any(|(path, _)| *path == format!("{name}/.env"));
            json!({
                "project": format!("kept-{name}"), "directory": name, "domain": domain,
                "compose_files": ["compose.yml"],
                "env_files": if has_env { vec![".env"] } else { Vec::new() },
            })
        };
        let site = json!({
            "record": "mkx.site/2", "name": "kept", "state_directory": "state",
            "shared": { "network": "edge" },
            "environments": {
                "ea": environment("ea", "kept.example"),
                "eb": environment("eb", "dev.kept.example"),
            }
        });
        let empty = "services: {x: {image: i:1}}\n";
        let made = [("ea/compose.yml", empty), ("eb/compose.yml", empty)];
        for (path, text) in made.iter().chain(files) {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        }
        std::fs::write(folder.path().join("site.json"), site.to_string()).unwrap();
        Case(folder)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_mkx-compose"))
            .args(arguments)
            .current_dir(self.0.path())
            .env_remove("MKX_SITE")
            .output()
            .unwrap()
    }

    #[track_caller]
    pub fn text(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    pub fn record(&self, arguments: &[&str], code: i32) -> Value {
        serde_json::from_str(&self.text(arguments, code)).unwrap()
    }

    /// Rules and subjects of the errors that an audit finds.
    #[track_caller]
    fn errors(&self, code: i32) -> Vec<(String, String)> {
        let audit = self.record(&["audit"], code);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let findings = audit["findings"].as_array().unwrap().iter();
        findings
            .filter(|one| one["severity"] == "error")
            .map(|one| (text(&one["rule"]), text(&one["subject"])))
            .collect()
    }
}

#[test]
fn an_environment_as_a_list_or_in_two_files_is_rendered_whole() {
    let case = case("01-render-loses-environment");
    for (name, port) in [("ea", "8883"), ("eb", "8884")] {
        let model = case.record(&["render", name], 0);
        let environment = |service: &str| &model["services"][service]["environment"];
        assert_eq!(environment("web")["MODE"], "production");
        assert_eq!(environment("web")["PORT"], "3000");
        assert_eq!(environment("api")["QUEUE"], "redis://cache:6379/0");
        assert_eq!(environment("api")["PUBLIC_PORT"], port);
    }
}

#[test]
fn no_secret_gets_through_whatever_its_name() {
    let case = case("02-template-leaks");
    let split = case.text(&["split", "ea/compose.yml", "--dry-run"], 0);
    assert!(split.contains("CHANGE_ME"), "{split}");
    assert!(!split.contains("leak-"), "{split}");
    let rendered = case.text(&["render", "eb"], 0);
    assert!(!rendered.contains("leak-"), "{rendered}");
    let errors = case.errors(1);
    for name in [
        "SECRET_KEY_BASE",
        "REDIS_URL",
        "MONGO_URI",
        "PAPERLESS_DBPASS",
        "TLS_PEM",
    ] {
        let expected = ("secret-value".to_owned(), name.to_owned());
        assert!(errors.contains(&expected), "{name}: {errors:?}");
    }
    case.text(&["env", "new", "eb", "--force"], 0);
    let own = std::fs::read_to_string(case.path("eb/.env.dev")).unwrap();
    assert!(!own.contains("leak-"), "{own}");
    assert!(own.contains("REDIS_URL=redis://:"), "{own}");
}

#[test]
fn a_default_in_a_short_mount_is_read() {
    let case = case("03-default-in-short-volume");
    let only = ("no-limits".to_owned(), "app".to_owned());
    assert_eq!(case.errors(1), [only]);
    let model = case.record(&["render", "eb"], 0);
    assert_eq!(model["services"]["app"]["volumes"][0]["source"], "/srv/b");
}

#[test]
fn a_bracket_that_closes_at_its_keys_column_is_read() {
    let case = case("04-yaml-flow-closing");
    case.text(&["split", "ea/docker-compose.yml", "--dry-run"], 0);
    let audit = case.run(&["audit"]);
    assert_ne!(audit.status.code(), Some(3));
}

#[test]
fn a_service_that_is_switched_off_is_no_finding() {
    let case = case("09-profile-disabled");
    let audit = case.record(&["audit"], 0);
    let told = audit["findings"].as_array().unwrap().iter();
    let of_eb: Vec<&Value> = told
        .filter(|one| one["environments"].to_string().contains("eb"))
        .filter(|one| one["rule"] != "env-file-mode")
        .collect();
    assert!(of_eb.is_empty(), "{of_eb:?}");
}

#[test]
fn a_project_that_is_called_by_a_common_word_owns_no_word() {
    assert!(
        case("16-project-name-is-a-common-word")
            .errors(0)
            .is_empty()
    );
}

#[test]
fn a_password_that_equals_a_name_accuses_the_password_alone() {
    let audit = case("18-password-equal-to-a-name").record(&["audit"], 1);
    let findings = audit["findings"].as_array().unwrap().iter();
    let places = findings
        .filter(|one| one["severity"] == "error")
        .flat_map(|one| one["evidence"].as_array().unwrap())
        .map(|place| place["what"].as_str().unwrap());
    let password = "services.db.environment.POSTGRES_PASSWORD";
    assert_eq!(places.collect::<Vec<_>>(), [password, password]);
}
