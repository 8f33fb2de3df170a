//! Every command of the README's console session does what the README says it does.

#![allow(clippy::unwrap_used)] // a test that fails says where

use mkx_tests::generate::Spec;
use mkx_tests::postgres_server::PASSWORD;
use mkx_tests::site::{DATABASE, Site, Size};
use mkx_tests::tool::binary;
use std::process::Command;

/// A command of the session and the exit code that its comment announces.
fn session() -> Vec<(String, i32)> {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme
        .split_once("```console\n")
        .expect("the README has a session");
    let (session, _) = rest.split_once("```").expect("the session ends");
    session
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
        .map(|line| match line.split_once("# exit ") {
            Some((_, code)) => (line.to_owned(), code.parse().unwrap()),
            None => (line.to_owned(), 0),
        })
        .collect()
}

#[test]
fn every_command_of_the_session_ends_as_it_says() {
    let site = Site::make(
        &Size {
            spec: Spec::new(200, 1),
            max_files: None,
        },
        &|_| {},
    )
    .unwrap();
    let tools = binary("mkx-sample").parent().unwrap().display().to_string();
    let commands = session();
    assert!(commands.len() >= 5, "{commands:?}");
    for (command, code) in commands {
        let output = Command::new("bash")
            .args(["-o", "pipefail", "-c", &command])
            .current_dir(site.folder())
            .env(
                "PATH",
                format!("{tools}:{}", std::env::var("PATH").unwrap()),
            )
            .env("MKX_SITE", site.document_path())
            .env(
                "EA_URL",
                site.ea.url_without_password("mkx_reader", DATABASE),
            )
            .env("EB_URL", site.eb.url_without_password("owner", DATABASE))
            .env("PGPASSWORD", PASSWORD)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let why = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "$ {command}\n{said}{why}");
        assert_eq!(
            said.trim().is_empty(),
            code != 0,
            "$ {command}\n{said}{why}"
        );
    }
}
