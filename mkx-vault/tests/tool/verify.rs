//! `verify` judges what lies there.

use serde_json::{Value, json};

use crate::world::{World, lines, manifest};

const UUID: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
/// SHA-256 of "one".
const ONE: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";

fn world() -> (World, String) {
    let world = World::new();
    world.put("ea/24/07/one.png", "one");
    world.put("ea/24/07/two.png", "two");
    let text = lines([
        json!({"path": "24/07/one.png", "size_bytes": 3, "sha256": ONE}),
        json!({"path": "24/07/two.png"}),
        json!({"path": "24/07/none.webp", "optional": true}),
    ]);
    world.run(&["sync"], &text).expect(0);
    (world, text)
}

#[track_caller]
fn check(world: &World, text: &str, code: i32) -> Value {
    let before = world.eb();
    let outcome = world.run(&["verify"], text);
    let found = outcome.expect(code).record("mkx.vault.verification/1");
    assert_eq!(found["ok"], code == 0);
    assert_eq!(world.eb(), before);
    found
}

#[test]
fn a_vault_as_the_manifest_says_is_right() {
    let (world, text) = world();
    let found = check(&world, &text, 0);
    assert_eq!((&found["equal"], &found["absent"]), (&json!(2), &json!(1)));
}

#[test]
fn a_missing_file_is_found() {
    let (world, text) = world();
    std::fs::remove_file(world.path("eb/24/07/two.png")).unwrap();
    assert_eq!(check(&world, &text, 1)["missing"], json!(["24/07/two.png"]));
}

#[test]
fn an_optional_file_that_ea_has_must_be_there() {
    let (world, text) = world();
    world.put("ea/24/07/none.webp", "now");
    assert_eq!(
        check(&world, &text, 1)["missing"],
        json!(["24/07/none.webp"])
    );
}

#[test]
fn another_content_of_the_same_size_is_found() {
    let (world, text) = world();
    world.put("eb/24/07/one.png", "1ne");
    world.put("eb/24/07/two.png", "2wo");
    let found = check(&world, &text, 1);
    let causes: Vec<&Value> = found["differing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["cause"])
        .collect();
    assert_eq!(
        causes,
        [
            "its SHA-256 is not the manifest's",
            "its content is not that of EA's file"
        ]
    );
}

#[test]
fn another_size_than_the_manifest_says_is_found() {
    let (world, text) = world();
    world.put("eb/24/07/one.png", "four");
    let found = check(&world, &text, 1);
    assert_eq!(
        found["differing"][0]["cause"],
        "it has 4 bytes, the manifest says 3"
    );
}

#[test]
fn a_symlink_is_no_copy() {
    let (world, text) = world();
    std::fs::remove_file(world.path("eb/24/07/one.png")).unwrap();
    std::os::unix::fs::symlink("../../../ea/24/07/one.png", world.path("eb/24/07/one.png"))
        .unwrap();
    let found = check(&world, &text, 1);
    assert_eq!(found["differing"][0]["cause"], "it is a symlink");
}

#[test]
fn a_hard_link_is_no_copy_even_where_the_digest_is_right() {
    let (world, text) = world();
    for name in ["one.png", "two.png"] {
        let to = world.path(&format!("eb/24/07/{name}"));
        std::fs::remove_file(&to).unwrap();
        std::fs::hard_link(world.path(&format!("ea/24/07/{name}")), to).unwrap();
    }
    let found = check(&world, &text, 1);
    let cause = "it is production's own file (a hard link or a bind mount)";
    assert_eq!(
        found["differing"],
        json!([
            {"path": "24/07/one.png", "cause": cause},
            {"path": "24/07/two.png", "cause": cause}
        ])
    );
}

#[test]
fn a_file_that_the_manifest_does_not_name_is_found_unless_it_may_be_there() {
    let (world, text) = world();
    let extra = format!("24/07/{UUID}.png");
    world.put(&format!("eb/{extra}"), "stale");
    world.put("eb/lost+found/x", "left alone");
    assert_eq!(check(&world, &text, 1)["extra"], json!([extra]));
    world.run(&["verify", "--allow-extra"], &text).expect(0);
}

#[test]
fn any_number_of_missing_files_is_one_finding_with_a_few_places() {
    let world = World::new();
    let paths: Vec<String> = (0..500).map(|n| format!("24/07/{n:03}.png")).collect();
    let text = manifest(paths.iter().map(String::as_str));
    let found = check(&world, &text, 1);
    assert_eq!(found["missing"].as_array().unwrap().len(), 500);
    let [finding] = found["findings"].as_array().unwrap().as_slice() else {
        panic!("{}", found["findings"]);
    };
    assert_eq!(finding["rule"], "missing-in-target");
    assert!(finding["message"].as_str().unwrap().ends_with(": 500"));
    assert_eq!(finding["evidence"].as_array().unwrap().len(), 20);
    assert_eq!(finding["evidence"][0]["file"], "24/07/000.png");
}

#[test]
fn what_the_site_lives_with_is_no_reason_to_say_no() {
    let (world, text) = world();
    std::fs::remove_file(world.path("eb/24/07/two.png")).unwrap();
    let mut site: Value = serde_json::from_slice(&world.get("site.json")).unwrap();
    site["accepted"] = json!([{"rule": "missing-in-target", "reason": "known",
        "subject": world.path("eb").canonicalize().unwrap()}]);
    world.put("site.json", site.to_string());
    let found = check(&world, &text, 0);
    assert_eq!(found["findings"][0]["accepted"]["reason"], "known");
    assert_eq!(found["missing"], json!(["24/07/two.png"]));
}

#[test]
fn a_table_and_sarif_say_the_same_and_each_rule_is_explained() {
    let (world, text) = world();
    std::fs::remove_file(world.path("eb/24/07/two.png")).unwrap();
    for format in ["table", "sarif"] {
        let outcome = world.run(&["verify", "--format", format], &text);
        outcome.expect(1);
        assert!(outcome.stdout.contains("missing-in-target"), "{format}");
    }
    let explained = world.run(&["verify", "--explain", "extra-in-target"], "");
    explained.expect(0).record("mkx.rule/1");
}
