//! What every tool says about itself is what shells and `man` take.

#![allow(clippy::unwrap_used)] // a test that fails says where

use std::process::Command;

use mkx_tests::tool::{TOOLS, Tool};

fn said(tool: &str, arguments: &[&str]) -> String {
    let finished = Tool::new(tool).args(arguments).run().expect_code(0);
    assert_eq!(finished.stderr, "", "{tool} {arguments:?}");
    finished.stdout
}

#[test]
fn bash_takes_the_completions_and_they_know_the_verbs() {
    for tool in TOOLS {
        let script = said(tool, &["completions", "bash"]);
        let completed = "
            eval \"$1\" || exit
            COMP_WORDS=(\"$2\" sch) COMP_CWORD=1
            registered=$(complete -p \"$2\")
            registered=${registered#*-F } && \"${registered%% *}\" \"$2\" sch \"$2\"
            printf '%s\\n' \"${COMPREPLY[@]}\"";
        let bash = Command::new("bash")
            .args(["-c", completed, "bash", &script, tool])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&bash.stderr), "", "{tool}");
        assert_eq!(String::from_utf8_lossy(&bash.stdout), "schema\n", "{tool}");
    }
}

#[test]
fn the_manual_page_has_the_sections_that_readers_look_for() {
    for tool in TOOLS {
        let page = said(tool, &["man"]);
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "SUBCOMMANDS"] {
            assert!(
                page.lines().any(|line| line == format!(".SH {section}")),
                "{tool}: {section}"
            );
        }
        assert!(page.contains("\\-schema(1)"), "{tool}");
    }
}
