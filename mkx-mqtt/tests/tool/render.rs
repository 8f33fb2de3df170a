//! `mkx-mqtt render`.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::world::{DOMAIN, World, mode};

#[test]
fn mosquitto_accepts_what_is_rendered_and_lets_a_device_in() {
    let mut world = World::furnished();
    world.start("eb");
    let device = world.device("eb", "0b7c");
    assert!(world.accepts("eb", &device));
    let log = world.log("eb");
    let complaints = log
        .lines()
        .filter(|line| line.contains("Error") || line.contains("Warning"))
        .filter(|line| !line.contains("should not be run as root"));
    assert_eq!(complaints.count(), 0, "{log}");
}

#[test]
fn both_files_are_one_record_or_text_for_the_broker() {
    let world = World::empty();
    let record = world.run(&["render", "eb"]).succeeded().json();
    assert_eq!(record["record"], "mkx.mqtt.broker/1");
    assert_eq!(record["files"][1]["path"], json!(null));
    let conf = world.run(&["render", "eb", "--format", "conf"]).succeeded();
    assert_eq!(record["files"][1]["text"], conf.stdout());
    let acl = world.run(&["render", "eb", "--format", "acl"]).succeeded();
    assert!(
        acl.stdout()
            .contains("pattern write makapix/player/%u/status\n")
    );
    assert!(
        acl.stdout()
            .contains("topic read makapix/player/+/status\n")
    );
    assert!(!world.path("eb/config").exists());
}

#[test]
fn a_container_has_its_own_ports_and_paths() {
    let mut world = World::empty();
    let mqtt = &mut world.document["environments"]["eb"]["mqtt"];
    mqtt["listen"] = json!({"port": 8883, "plain_port": 1883, "plain_address": "0.0.0.0"});
    mqtt["broker_certificates"] = json!("/certs");
    mqtt["broker_config"] = json!("/mqtt-config");
    world.save();
    let conf = world.run(&["render", "eb", "--format", "conf"]).stdout();
    for line in [
        "listener 1883 0.0.0.0\n",
        "listener 8883\n",
        "crlfile /certs/crl.pem\n",
        "acl_file /mqtt-config/acls\n",
    ] {
        assert!(conf.contains(line), "{conf}");
    }
}

#[test]
fn a_topic_prefix_stands_before_every_topic_but_the_brokers_own() {
    let mut world = World::empty();
    world.document["environments"]["eb"]["mqtt"]["topic_prefix"] = json!("dev");
    world.save();
    let acl = world.run(&["render", "eb", "--format", "acl"]).stdout();
    assert!(acl.contains("pattern read dev/makapix/player/%u/command\n"));
    assert!(acl.contains("topic read $SYS/#\n"));
    assert!(
        !acl.contains("read makapix") && !acl.contains("write makapix"),
        "{acl}"
    );
}

#[test]
fn a_topic_that_every_device_could_use_is_refused_in_the_site_document() {
    let mut world = World::empty();
    world.document["environments"]["eb"]["mqtt"]["topics"] =
        json!([{"topic": "makapix/#", "player": "read"}]);
    world.save();
    let ran = world.run(&["render", "eb"]).exits(3);
    assert!(
        ran.stderr().contains("environments.eb.mqtt.topics.0.topic"),
        "{}",
        ran.stderr()
    );
}

#[test]
fn files_of_production_are_written_only_where_that_is_confirmed() {
    let world = World::empty();
    for output in [vec!["--output"], vec!["--output", "ea/elsewhere"]] {
        for environment in ["ea", "eb"] {
            if environment == "eb" && output.len() == 1 {
                continue;
            }
            let arguments = [vec!["render", environment], output.clone()].concat();
            world.run(&arguments).exits(5);
        }
    }
    assert_eq!(std::fs::read_dir(world.path("ea")).unwrap().count(), 1);
    world
        .run(&["render", "ea", "--output", "--confirm", DOMAIN])
        .succeeded();
    assert_eq!(mode(&world.path("ea/config/acls")), 0o600);
}

#[test]
fn a_broker_that_could_read_its_acl_still_can() {
    let world = World::empty();
    let render = ["render", "ea", "--output", "--confirm", DOMAIN];
    world.run(&render).succeeded();
    let acl = world.path("ea/config/acls");
    for (before, after) in [
        (0o644, 0o644),
        (0o640, 0o640),
        (0o666, 0o644),
        (0o600, 0o600),
    ] {
        std::fs::set_permissions(&acl, Permissions::from_mode(before)).unwrap();
        world.run(&render).succeeded();
        assert_eq!(mode(&acl), after, "{before:o}");
    }
}

#[test]
fn an_account_without_rights_and_an_unknown_password_are_refused() {
    let world = World::running();
    let port = world.port("eb", "plain_port").to_string();
    let publish = |user: &str, password: &str| {
        Command::new("mosquitto_pub")
            .args(["-h", "127.0.0.1", "-p", &port, "-u", user, "-P", password])
            .args(["-t", "makapix/player/x/command", "-m", "x", "-q", "1"])
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    };
    assert!(publish("svc_backend", "word-of-eb"));
    assert!(!publish("svc_backend", "word-of-ea"));
    assert!(!publish("player_client", ""));
}
