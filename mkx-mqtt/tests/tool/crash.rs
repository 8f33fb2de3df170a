//! kill -9 at any instant of a change leaves the old pair or the new one.

use std::process::Command;
use std::time::Duration;

use crate::world::{DOMAIN, World};

/// The public keys that a certificate and its key say.
fn pair(world: &World, name: &str, file: &str) -> [Option<String>; 2] {
    let ask = |arguments: &[&str]| {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(world.path(name))
            .output()
            .expect("cannot run openssl: run scripts/setup");
        output
            .status
            .success()
            .then(|| String::from_utf8(output.stdout).unwrap())
    };
    let (certificate, key) = (format!("certs/{file}.crt"), format!("certs/{file}.key"));
    [
        ask(&["x509", "-noout", "-pubkey", "-in", &certificate]),
        ask(&["pkey", "-pubout", "-in", &key]),
    ]
}

/// Runs and kills after a time that covers the whole run bit by bit.
fn kill_after(world: &World, arguments: &[&str], delay: Duration) -> bool {
    let mut child = world.command(arguments).spawn().unwrap();
    std::thread::sleep(delay);
    let killed = child.try_wait().unwrap().is_none();
    let _ = child.kill();
    child.wait().unwrap();
    killed
}

#[test]
fn the_brokers_certificate_and_its_key_always_fit() {
    let world = World::furnished();
    let mut killed = 0;
    let mut delay = 0;
    while killed < 25 {
        delay = (delay + 370) % 30_000;
        let arguments = ["certs", "server", "eb", "--no-reload"];
        killed += u32::from(kill_after(&world, &arguments, Duration::from_micros(delay)));
        let [certificate, key] = pair(&world, "eb", "server");
        assert!(
            certificate.is_some() && certificate == key,
            "after {delay} µs"
        );
    }
    world
        .run(&["certs", "server", "eb", "--no-reload"])
        .succeeded();
    world.run(&["check", "eb"]).succeeded();
}

#[test]
fn a_new_authority_is_there_with_both_files_or_not_at_all() {
    let world = World::empty();
    let mut killed = 0;
    let mut delay = 0;
    while killed < 20 {
        delay = (delay + 530) % 30_000;
        for name in ["ea", "eb"] {
            let _ = std::fs::remove_dir_all(world.path(name).join("certs"));
        }
        let arguments = ["certs", "init", "ea", "--confirm", DOMAIN];
        killed += u32::from(kill_after(&world, &arguments, Duration::from_micros(delay)));
        let [certificate, key] = pair(&world, "ea", "ca");
        assert_eq!(certificate, key, "after {delay} µs");
        world.run(&arguments).succeeded();
        let now = pair(&world, "ea", "ca");
        if certificate.is_some() {
            assert_eq!(now[0], certificate, "the authority was replaced");
        }
        assert_eq!(now[0], now[1]);
    }
}

#[test]
fn the_revocation_list_is_always_whole() {
    let world = World::furnished();
    let mut killed = 0;
    let mut delay = 0;
    while killed < 20 {
        delay = (delay + 410) % 30_000;
        let arguments = ["certs", "crl", "eb", "--force", "--no-reload"];
        killed += u32::from(kill_after(&world, &arguments, Duration::from_micros(delay)));
        world.openssl(&[
            "crl",
            "-noout",
            "-CAfile",
            "eb/certs/ca.crt",
            "-in",
            "eb/certs/crl.pem",
        ]);
    }
    world
        .run(&["certs", "crl", "eb", "--force", "--no-reload"])
        .succeeded();
    let names = std::fs::read_dir(world.path("eb/certs")).unwrap();
    let unfinished = names.filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with(".mkx-")
    });
    assert_eq!(unfinished.count(), 0);
}
