//! `mkx-mqtt check`: faults that are put in are found, and a good pair of brokers has none.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::certs::{lapsed_list, server_certificate};
use crate::world::World;

#[test]
fn a_good_pair_has_no_findings() {
    let world = World::furnished();
    let report = world.run(&["check"]).succeeded().json();
    assert_eq!(
        (&report["ok"], &report["findings"]),
        (&json!(true), &json!([]))
    );
    assert_eq!(report["validity"].as_array().unwrap().len(), 6);
    // Not the days left: a second later they may be one less.
    let again = world.run(&["certs", "check"]).succeeded().json();
    for part in ["record", "ok", "findings"] {
        assert_eq!(again[part], report[part]);
    }
}

/// Puts a fault into EB and expects the finding.
#[track_caller]
fn check(expected: &str, fault: impl FnOnce(&World)) {
    let world = World::furnished();
    fault(&world);
    let ran = world.run(&["check"]);
    let report = ran.json();
    assert_eq!(ran.code(), i32::from(expected != "lapsing"), "{report}");
    let is_it = |finding: &&serde_json::Value| finding["rule"] == expected;
    let findings = report["findings"].as_array().unwrap();
    assert!(
        findings.iter().any(|finding| is_it(&finding)),
        "{expected}: {report}"
    );
}

fn copy(world: &World, file: &str) {
    let to = world.path("eb").join(file);
    let _ = fs::remove_file(&to);
    fs::copy(world.path("ea").join(file), to).unwrap();
}

fn set_mode(world: &World, file: &str, mode: u32) {
    fs::set_permissions(world.path("eb").join(file), Permissions::from_mode(mode)).unwrap();
}

const CONF: &str = "eb/config/mosquitto.conf";
const ACL: &str = "eb/config/acls";

#[test]
fn faults_of_the_authority_are_found() {
    check("authority-shared", |world| {
        copy(world, "certs/ca.crt");
        copy(world, "certs/ca.key");
    });
    check("half-pair", |world| {
        fs::remove_file(world.path("eb/certs/ca.key")).unwrap()
    });
    check("mismatch", |world| copy(world, "certs/ca.key"));
    check("readable", |world| set_mode(world, "certs/ca.key", 0o644));
    check("writable", |world| set_mode(world, "certs", 0o777));
    check("no-authority", |world| {
        for end in ["crt", "key"] {
            let text = world.read(&format!("eb/certs/server.{end}"));
            world.write(&format!("eb/certs/ca.{end}"), &text);
        }
    });
}

#[test]
fn faults_of_the_revocation_list_are_found() {
    check("crl-missing", |world| {
        fs::remove_file(world.path("eb/certs/crl.pem")).unwrap()
    });
    check("crl-foreign", |world| copy(world, "certs/crl.pem"));
    check("crl-unset", |world| {
        world.edit(CONF, "crlfile", "# crlfile")
    });
    check("lapsed", |world| {
        let list = lapsed_list(world, "eb");
        world.write("eb/certs/crl.pem", &list);
    });
    check("lapsing", |world| {
        world
            .run(&[
                "certs",
                "crl",
                "eb",
                "--force",
                "--days",
                "3",
                "--no-reload",
            ])
            .succeeded();
    });
    check("unreadable", |world| {
        world.write("eb/certs/crl.pem", "no list")
    });
}

#[test]
fn faults_of_the_brokers_certificate_are_found() {
    check("name-missing", |world| {
        server_certificate(world, "eb", &["localhost"], 2090)
    });
    check("lapsed", |world| {
        server_certificate(world, "eb", &["eb.test"], 2020)
    });
    check("mismatch", |world| copy(world, "certs/server.key"));
    check("readable", |world| {
        set_mode(world, "certs/server.key", 0o640)
    });
    check("half-pair", |world| {
        fs::remove_file(world.path("eb/certs/server.crt")).unwrap()
    });
    let both = |world: &World| {
        copy(world, "certs/server.crt");
        copy(world, "certs/server.key");
    };
    check("server-foreign", both);
    check("key-shared", both);
}

#[test]
fn faults_of_the_configuration_are_found() {
    check("anonymous", |world| {
        world.edit(CONF, "allow_anonymous false", "allow_anonymous true")
    });
    check("require-certificate", |world| {
        world.edit(CONF, "require_certificate true", "")
    });
    check("use-identity-as-username", |world| {
        world.edit(CONF, "use_identity_as_username", "#")
    });
    check("acl-file-unset", |world| {
        world.edit(CONF, "acl_file", "# acl_file")
    });
    check("password-file-foreign", |world| {
        world.edit(CONF, "/eb/config/passwords", "/ea/config/passwords")
    });
    check("tls-foreign", |world| {
        world.edit(CONF, "/eb/certs/ca.crt", "/ea/certs/ca.crt")
    });
    check("tls-version", |world| {
        world.edit(CONF, "tlsv1.2", "tlsv1.1")
    });
    check("plain-exposed", |world| world.edit(CONF, " 127.0.0.1", ""));
    check("bridge", |world| {
        let conf = world.read(CONF);
        let port = world.port("ea", "plain_port");
        world.write(
            CONF,
            &format!("{conf}connection other\naddress 127.0.0.1:{port}\n"),
        );
    });
    check("listener-unknown", |world| {
        let conf = world.read(CONF);
        world.write(CONF, &format!("{conf}listener 9001\nprotocol websockets\n"));
    });
    check("listener-missing", |world| {
        let [plain, secured] = ["plain_port", "port"].map(|key| world.port("eb", key).to_string());
        world.edit(CONF, &format!("listener {secured}"), "listener swap");
        world.edit(
            CONF,
            &format!("listener {plain}"),
            &format!("listener {secured}"),
        );
        world.edit(CONF, "listener swap", "listener 1");
    });
    check("include", |world| {
        world.edit(
            CONF,
            "persistence false",
            "include_dir /etc/mosquitto/conf.d",
        )
    });
}

#[test]
fn faults_of_the_acl_are_found() {
    check("acl-open", |world| {
        world.edit(ACL, "user svc_backend", "topic #\nuser svc_backend")
    });
    check("acl-open", |world| {
        world.edit(ACL, "player/%u/command", "player/+/command")
    });
    check("acl-closed", |world| {
        world.edit(ACL, "pattern write makapix/player/%u/status", "")
    });
    check("acl-missing", |world| {
        fs::remove_file(world.path(ACL)).unwrap()
    });
}

#[test]
fn faults_of_the_accounts_are_found() {
    check("password-shared", |world| copy(world, "config/passwords"));
    check("password-shared", |world| {
        world.write("eb/.env", "MQTT_PASSWORD=word-of-ea\n");
        world.run(&["passwd", "eb", "--from-site"]).succeeded();
    });
    check("password-unread", |world| {
        fs::remove_file(world.path("eb/.env")).unwrap()
    });
    check("password-other", |world| {
        world.write("eb/.env", "MQTT_PASSWORD=another\n")
    });
    check("password-plain", |world| {
        world.write("eb/config/passwords", "svc_backend:word-of-eb\n")
    });
    check("account-unknown", |world| {
        world
            .run_with(&["passwd", "eb", "player_client"], "x")
            .succeeded();
    });
    check("account-missing", |world| {
        world.write("eb/config/passwords", "")
    });
    check("readable", |world| {
        set_mode(world, "config/passwords", 0o644)
    });
}

#[test]
fn a_key_that_belongs_to_somebody_else_is_found() {
    let world = World::furnished();
    let key = world.path("eb/certs/ca.key");
    // Only root can give files away; the rule itself has a test of its own.
    if std::os::unix::fs::chown(&key, Some(4711), None).is_ok() {
        assert!(
            world
                .run(&["check"])
                .exits(1)
                .rules()
                .contains(&"owner".into())
        );
    } else {
        world.run(&["check"]).succeeded();
    }
}

#[test]
fn what_both_environments_share_is_one_finding_with_both_places() {
    let world = World::furnished();
    copy(&world, "certs/ca.crt");
    copy(&world, "certs/ca.key");
    let report = world.run(&["check"]).exits(1).json();
    let findings = report["findings"].as_array().unwrap();
    let mut shared = findings
        .iter()
        .filter(|one| one["rule"] == "authority-shared");
    let one = shared.next().unwrap();
    assert_eq!(one["environments"], json!(["ea", "eb"]));
    assert_eq!(one["evidence"].as_array().unwrap().len(), 2);
    assert_eq!(shared.next(), None);
}

#[test]
fn rules_of_one_acl_that_are_too_many_are_one_finding_that_names_each() {
    let world = World::furnished();
    let acl = world.read(ACL);
    world.write(ACL, &format!("{acl}pattern read a\npattern write b\n"));
    let report = world.run(&["check"]).exits(1).json();
    let [finding] = report["findings"].as_array().unwrap().as_slice() else {
        panic!("{report}");
    };
    let named = |at: usize| finding["evidence"][at]["what"].as_str().unwrap();
    assert!(named(0).ends_with("pattern read a") && named(1).ends_with("pattern write b"));
}

#[test]
fn what_the_site_lives_with_is_no_reason_to_say_no() {
    let mut world = World::furnished();
    set_mode(&world, "config/passwords", 0o644);
    world.document["accepted"] = json!([{"rule": "readable", "reason": "its folder is closed",
        "subject": world.path("eb/config/passwords")}]);
    world.save();
    let report = world.run(&["check"]).succeeded().json();
    assert_eq!(
        report["findings"][0]["accepted"]["reason"],
        "its folder is closed"
    );
    // The entry is no business of a look at the other environment.
    let other = world.run(&["check", "ea"]).succeeded().json();
    assert_eq!(other["findings"], json!([]));
}

#[test]
fn a_person_reads_a_table_and_each_rule_is_explained() {
    let world = World::furnished();
    set_mode(&world, "config/passwords", 0o644);
    for format in ["table", "sarif"] {
        let ran = world.run(&["check", "--format", format]).exits(1);
        assert!(ran.stdout().contains("readable"), "{format}");
    }
    let rule = world
        .run(&["check", "--explain", "readable"])
        .succeeded()
        .json();
    assert_eq!(rule["record"], "mkx.rule/1");
    let all = world.run(&["probe", "--explain"]).succeeded();
    let documented = include_str!("../../../docs/mqtt.md");
    for line in all.stdout().lines() {
        let rule: serde_json::Value = serde_json::from_str(line).unwrap();
        let id = rule["rule"].as_str().unwrap();
        let is_common = id.starts_with("accepted-");
        assert!(is_common || documented.contains(&format!("`{id}`")), "{id}");
    }
}
