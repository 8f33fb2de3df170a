//! `mkx-mqtt passwd`.

use std::process::{Command, Stdio};

use crate::world::{World, mode};

#[test]
fn the_broker_knows_a_password_that_came_from_stdin() {
    let mut world = World::furnished();
    let ran = world
        .run_with(&["passwd", "eb", "svc_backend"], "open sesame\n")
        .succeeded();
    assert_eq!(ran.json()["change"], "changed");
    assert!(!format!("{}{}", ran.stdout(), ran.stderr()).contains("sesame"));
    assert!(!world.read("eb/config/passwords").contains("sesame"));
    assert_eq!(mode(&world.path("eb/config/passwords")), 0o600);
    world.start("eb");
    let port = world.port("eb", "plain_port").to_string();
    for (password, expected) in [("open sesame", true), ("word-of-eb", false)] {
        let status = Command::new("mosquitto_pub")
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &port,
                "-u",
                "svc_backend",
                "-P",
                password,
            ])
            .args(["-t", "makapix/player/x/command", "-m", "x", "-q", "1"])
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.success(), expected);
    }
}

#[test]
fn a_hash_that_mosquitto_passwd_wrote_is_understood() {
    let world = World::furnished();
    let status = Command::new("mosquitto_passwd")
        .args(["-b", "-c"])
        .arg(world.path("eb/config/passwords"))
        .args(["svc_backend", "word-of-eb"])
        .status()
        .expect("cannot run mosquitto_passwd: run scripts/setup");
    assert!(status.success());
    let codes = world.run(&["check", "eb"]).rules();
    assert!(
        !codes.iter().any(|code| code.starts_with("password")),
        "{codes:?}"
    );
}

#[test]
fn an_account_is_added_changed_and_deleted_and_the_others_stay() {
    let world = World::furnished();
    let before = world.read("eb/config/passwords");
    let added = world
        .run_with(&["passwd", "eb", "monitor"], "x")
        .succeeded();
    assert_eq!(added.json()["change"], "added");
    assert!(world.read("eb/config/passwords").starts_with(&before));
    world
        .run(&["passwd", "eb", "monitor", "--delete"])
        .succeeded();
    assert_eq!(world.read("eb/config/passwords"), before);
    world.run(&["passwd", "eb", "monitor", "--delete"]).exits(3);
}

#[test]
fn an_empty_password_and_a_name_that_breaks_the_file_are_refused() {
    let world = World::furnished();
    world.run_with(&["passwd", "eb"], "").exits(3);
    world
        .run_with(&["passwd", "eb"], "\nsecond line\n")
        .exits(3);
    world.run_with(&["passwd", "eb", "a:b"], "x").exits(3);
    world.run_with(&["passwd", "ea"], "x").exits(5);
}
