//! `mkx-mqtt probe`, against two real brokers.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::world::World;

#[test]
fn two_good_brokers_are_isolated_and_every_cell_is_confirmed() {
    let world = World::running();
    let report = world.run(&["probe"]).json();
    let cells = report["cells"].as_array().unwrap();
    let wrong: Vec<&Value> = cells
        .iter()
        .filter(|cell| cell["confirmed"] != true)
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(
        (&report["isolated"], &report["findings"]),
        (&json!(true), &json!([]))
    );
    assert_eq!(cells.len(), 10 * 2 * 2 * 8);
    assert_eq!(report["cells_confirmed"], cells.len());
    let kinds: BTreeSet<String> = cells
        .iter()
        .map(|cell| {
            let fields = ["identity", "environment", "protocol", "action"];
            fields.map(|field| cell[field].to_string()).join(" ")
        })
        .collect();
    assert_eq!(kinds.len(), cells.len());
    assert!(report["duration_ms"].as_u64().unwrap() < 30_000);
    assert_eq!(
        (&report["crossings"], &report["retained_left"]),
        (&json!([]), &json!([]))
    );
    for name in ["ea", "eb"] {
        assert_eq!(kept(&world, name), "", "{name} keeps something");
    }
}

/// What a broker keeps, as the application hears it.
fn kept(world: &World, name: &str) -> String {
    let output = Command::new("mosquitto_sub")
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &world.port(name, "plain_port").to_string(),
        ])
        .args(["-u", "svc_backend", "-P", &format!("word-of-{name}")])
        .args(["-t", "#", "-W", "1", "-v"])
        .stderr(Stdio::null())
        .output()
        .expect("cannot run mosquitto_sub: run scripts/setup");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_message_that_a_device_keeps_is_not_touched() {
    let world = World::running();
    let (certificate, key) = world.device("ea", "real");
    let status = Command::new("mosquitto_pub")
        .args([
            "-h",
            "localhost",
            "-p",
            &world.port("ea", "port").to_string(),
        ])
        .arg("--cafile")
        .arg(world.path("ea/certs/ca.crt"))
        .args([
            "--cert".as_ref(),
            certificate.as_os_str(),
            "--key".as_ref(),
            key.as_os_str(),
        ])
        .args([
            "-t",
            "makapix/player/real/state",
            "-m",
            "mine",
            "-r",
            "-q",
            "1",
        ])
        .status()
        .unwrap();
    assert!(status.success());
    world.run(&["probe", "--brief"]).succeeded();
    assert_eq!(kept(&world, "ea"), "makapix/player/real/state mine\n");
}

/// Puts a fault into EB's broker, and gives what the probe says.
fn with_fault(fault: impl FnOnce(&World)) -> Value {
    let mut world = World::furnished();
    fault(&world);
    world.start("ea");
    world.start("eb");
    let report = world.run(&["probe", "--brief"]).exits(1).json();
    assert_eq!(report["isolated"], false);
    report
}

#[track_caller]
fn assert_cell(report: &Value, identity: &str, action: &str, observed: &str) {
    let cells = report["cells"].as_array().unwrap();
    let found = cells.iter().any(|cell| {
        cell["identity"] == identity
            && cell["action"] == action
            && cell["observed"] == observed
            && cell["environment"] == "eb"
    });
    assert!(found, "{identity} {action} {observed}: {report}");
}

const CONF: &str = "eb/config/mosquitto.conf";
const ACL: &str = "eb/config/acls";

#[test]
fn an_acl_that_gives_every_device_everything_is_seen_in_every_act() {
    let report = with_fault(|world| {
        let acl = world.read(ACL);
        world.write(ACL, &format!("{acl}pattern readwrite #\n"));
    });
    for action in ["publish", "subscribe", "will", "retained", "#", "+"] {
        assert_cell(&report, "own_certificate", action, "too_much");
    }
    assert_eq!(report["retained_left"], json!([]));
}

#[test]
fn a_broker_that_lets_everybody_in_is_seen() {
    let report =
        with_fault(|world| world.edit(CONF, "allow_anonymous false", "allow_anonymous true"));
    assert_cell(&report, "anonymous", "connect", "allowed");
}

#[test]
fn a_broker_without_a_revocation_list_is_seen() {
    let report = with_fault(|world| world.edit(CONF, "crlfile", "# crlfile"));
    assert_cell(&report, "revoked", "connect", "allowed");
    assert_cell(&report, "revoked", "publish", "own_only");
    // Whatever it then can do: one cause.
    let [finding] = report["findings"].as_array().unwrap().as_slice() else {
        panic!("{}", report["findings"]);
    };
    assert_eq!(finding["rule"], "let-in");
    assert_eq!(finding["subject"], "revoked on the broker of eb");
    let wrong = report["cells"].as_array().unwrap().len();
    assert_eq!(finding["evidence"].as_array().unwrap().len(), wrong);
}

#[test]
fn a_broker_that_asks_for_no_certificate_is_seen() {
    let report = with_fault(|world| {
        world.edit(
            CONF,
            "require_certificate true",
            "require_certificate false",
        );
        world.edit(CONF, "use_identity_as_username true", "");
        world.edit(CONF, "allow_anonymous false", "allow_anonymous true");
    });
    assert_cell(&report, "no_certificate", "connect", "allowed");
}

#[test]
fn a_broker_that_takes_the_other_authority_too_is_seen() {
    let report = with_fault(|world| {
        let both = world.read("eb/certs/ca.crt") + &world.read("ea/certs/ca.crt");
        world.write("eb/certs/both.crt", &both);
        world.edit(CONF, "certs/ca.crt", "certs/both.crt");
        let lists = world.read("eb/certs/crl.pem") + &world.read("ea/certs/crl.pem");
        world.write("eb/certs/both.pem", &lists);
        world.edit(CONF, "certs/crl.pem", "certs/both.pem");
    });
    assert_cell(&report, "other_certificate", "connect", "allowed");
}

#[test]
fn a_password_of_both_environments_is_seen() {
    let report = with_fault(|world| {
        let passwords = world
            .read("eb/config/passwords")
            .replace("svc_backend", "user");
        let other = world.read("ea/config/passwords");
        world.write("eb/config/passwords", &format!("{passwords}{other}"));
        world.write("eb/.env", "MQTT_PASSWORD=word-of-ea\n");
    });
    assert_cell(&report, "other_password", "connect", "allowed");
}

#[test]
fn a_bridge_between_the_brokers_is_seen() {
    let report = with_fault(|world| {
        let conf = world.read(CONF);
        let port = world.port("ea", "plain_port");
        world.write(
            CONF,
            &format!("{conf}connection other\naddress 127.0.0.1:{port}\nremote_username svc_backend\nremote_password word-of-ea\ntopic # both 1\n"),
        );
    });
    assert_ne!(report["crossings"], json!([]));
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().any(|one| one["rule"] == "crossing"));
}

#[test]
fn ports_that_were_swapped_are_seen() {
    let mut world = World::running();
    for key in ["port", "plain_port"] {
        let [ea, eb] = ["ea", "eb"].map(|name| world.port(name, key));
        world.document["environments"]["ea"]["mqtt"][key] = json!(eb);
        world.document["environments"]["eb"]["mqtt"][key] = json!(ea);
    }
    world.save();
    let report = world.run(&["probe"]).exits(1).json();
    assert_eq!(
        (&report["isolated"], &report["cells_confirmed"]),
        (&json!(false), &json!(0))
    );
}

#[test]
fn an_authority_of_both_environments_is_refused() {
    let world = World::running();
    for file in ["ca.crt", "ca.key"] {
        let text = world.read(&format!("ea/certs/{file}"));
        world.write(&format!("eb/certs/{file}"), &text);
    }
    world.run(&["probe"]).exits(5);
}

#[test]
fn a_broker_that_is_not_there_is_a_failed_peer_and_no_answer() {
    let mut world = World::running();
    world.stop("eb");
    let ran = world.run(&["probe"]).exits(4);
    assert!(
        ran.stderr().contains("cannot probe the broker of eb"),
        "{}",
        ran.stderr()
    );
    assert_eq!(ran.stdout(), "");
}

#[test]
fn an_interrupted_probe_leaves_nothing_behind() {
    let world = World::running();
    for delay in [100, 300, 600, 1000] {
        let child = world.command(&["probe"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(delay));
        let interrupted = Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap();
        assert!(interrupted.success());
        let output = child.wait_with_output().unwrap();
        // A probe that had just ended has an answer.
        assert!(
            [Some(130), Some(0)].contains(&output.status.code()),
            "{output:?}"
        );
        for name in ["ea", "eb"] {
            assert_eq!(kept(&world, name), "", "{name} keeps something");
        }
    }
}
