//! `mkx-sample run | mkx-sample files | mkx-vault sync`, as it is typed in bash.

use mkx_tests::generate::Spec;
use mkx_tests::site::{Site, Size};
use mkx_tests::studio::Studio;
use mkx_tests::tool::binary;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// What bash makes of a line in a folder: the exit codes of all stages, and what was said.
struct Typed {
    codes: Vec<i32>,
    stdout: String,
    stderr: String,
}

fn type_in(folder: &Path, line: &str) -> Typed {
    let built = binary("mkx-sample");
    let built = built.parent().expect("a program is in a folder");
    let path = format!(
        "{}:{}",
        built.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let Output { stdout, stderr, .. } = Command::new("bash")
        .args([
            "-c",
            &format!("set -o pipefail\n{line}\necho \"${{PIPESTATUS[*]}}\" > codes"),
        ])
        .current_dir(folder)
        .env("PATH", path)
        .output()
        .expect("bash starts");
    let codes = std::fs::read_to_string(folder.join("codes")).expect("bash wrote the exit codes");
    Typed {
        codes: codes
            .split_whitespace()
            .map(|code| code.parse().expect("a number"))
            .collect(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

fn makapix() -> Site {
    let size = Size {
        spec: Spec::new(300, 3),
        max_files: None,
    };
    Site::with_policy(&size)
}

const PIPELINE: &str = "mkx-sample run | mkx-sample files | mkx-vault sync";

#[test]
fn one_line_fills_database_and_vault() {
    let site = makapix();
    let typed = type_in(site.folder(), PIPELINE);
    assert_eq!(typed.codes, [0, 0, 0], "{}{}", typed.stdout, typed.stderr);
    let report: Value = serde_json::from_str(&typed.stdout).expect("one document");
    assert!(report["copied"].as_u64() > Some(0), "{report:#}");
    let again = type_in(
        site.folder(),
        "mkx-sample files < /dev/null | mkx-vault verify",
    );
    assert_eq!(again.codes, [0, 0], "{}{}", again.stdout, again.stderr);
}

#[test]
fn a_run_that_fails_touches_no_file_and_its_own_code_is_there() {
    let site = makapix();
    site.ea.stop();
    let typed = type_in(site.folder(), PIPELINE);
    assert_eq!(typed.codes, [4, 3, 3], "{}", typed.stderr);
    let files = std::fs::read_dir(site.eb_vault())
        .expect("the vault is there")
        .count();
    assert_eq!(files, 0);
}

#[test]
fn a_manifest_that_fails_touches_no_file() {
    let studio = Studio::make();
    std::fs::create_dir_all(studio.folder().join("vault-ea")).expect("the folder is ours");
    std::fs::create_dir_all(studio.folder().join("vault-eb")).expect("the folder is ours");
    studio.in_eb("UPDATE posts SET storage_shard = '../x' WHERE id = (SELECT max(id) FROM posts WHERE NOT hidden)");
    let typed = type_in(
        studio.folder(),
        "mkx-sample files < /dev/null | mkx-vault sync",
    );
    assert_eq!(typed.codes, [3, 3], "{}", typed.stderr);
}

#[test]
fn a_reader_that_goes_away_is_a_silent_success() {
    let studio = Studio::make();
    for line in [
        "mkx-sample files --quiet < /dev/null | head -1",
        "mkx-sample files --quiet < /dev/null | true",
        "mkx-sample verify --quiet | true",
        "mkx-sample schema | head -1",
        "mkx-vault schema | true",
    ] {
        let typed = type_in(studio.folder(), line);
        assert_eq!(typed.codes, [0, 0], "{line}: {}", typed.stderr);
        assert_eq!(typed.stderr, "", "{line}");
    }
}
