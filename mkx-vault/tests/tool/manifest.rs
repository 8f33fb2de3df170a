//! Manifests that are not whole: exit 3, and nothing is touched.

use crate::world::{World, end, manifest};

#[track_caller]
fn check(stdin: &str, expected: &str) {
    for verb in ["sync", "plan", "verify", "prune"] {
        let world = World::new();
        world.put("ea/a", "a");
        world.put("eb/24/07/a1b2c3d4-e5f6-7890-abcd-ef1234567890.png", "x");
        let before = world.eb();
        let outcome = world.run(&[verb], stdin);
        outcome.expect(3);
        assert_eq!(outcome.stdout, "");
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
        assert_eq!(world.eb(), before);
        assert!(!world.exists("state"));
    }
}

#[test]
fn an_empty_one_means_that_the_tool_in_front_failed() {
    check("", "the tool in front of the pipe failed");
}

#[test]
fn one_without_its_last_line_is_cut_off() {
    let whole = manifest(["a", "b"]);
    let last = whole.trim_end().rfind('\n').unwrap() + 1;
    check(&whole[..last], "its last line is missing, so it is cut off");
    check(
        &whole[..last - 5],
        "cannot read line 2 of stdin: it is cut off before its end",
    );
    check(
        &whole[..whole.len() - 1],
        "cannot read line 3 of stdin: it is cut off before its end",
    );
}

#[test]
fn one_that_lost_a_line_does_not_add_up() {
    let whole = manifest(["a", "b"]);
    let first = whole.find('\n').unwrap() + 1;
    check(&whole[first..], "it holds 1 files and its last line says 2");
}

#[test]
fn one_whose_writer_failed_says_so() {
    check(
        &end(0).replace("true", "false"),
        "it says that it is not whole",
    );
}

#[test]
fn something_else_is_no_manifest() {
    check("hello\n", "cannot read line 1 of stdin");
    check(
        "{\"record\":\"mkx.sample.report/1\"}\n",
        "it is mkx.sample.report/1",
    );
}

#[test]
fn stdin_is_either_the_site_document_or_the_manifest() {
    for verb in ["sync", "plan", "verify", "prune"] {
        let world = World::new();
        let outcome = world.run(&[verb, "--site", "-", "-"], "{}");
        outcome.expect(2);
        let expected = "cannot read both the site document and the manifest from stdin\nmkx-vault: hint: name a file for one of them";
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    }
}
