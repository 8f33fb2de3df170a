//! Every command of the documents' console sessions ends as the document says.

#![allow(clippy::unwrap_used)] // a test that fails says where

use mkx_tests::document::session;
use mkx_tests::generate::Spec;
use mkx_tests::postgres_server::PASSWORD;
use mkx_tests::site::{DATABASE, Site, Size};
use mkx_tests::tool::binary;
use std::process::Command;

#[track_caller]
fn check(document: &str) {
    let site = Site::make(
        &Size {
            spec: Spec::new(200, 1),
            max_files: None,
        },
        &|_| {},
    )
    .unwrap();
    let tools = binary("mkx-sample").parent().unwrap().display().to_string();
    let commands = session(document);
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
            .env("MKX", concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts"))
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
        // a script prints its record also where a stage failed
        let is_silent = code != 0 && !command.contains("$MKX/");
        assert_eq!(
            said.trim().is_empty(),
            is_silent,
            "$ {command}\n{said}{why}"
        );
    }
}

#[test]
fn the_session_of_the_readme() {
    check("README.md");
}

#[test]
fn the_session_of_the_operations() {
    check("docs/operations.md");
}
