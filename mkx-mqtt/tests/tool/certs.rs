//! `mkx-mqtt certs`.

use std::fs;
use std::os::unix::fs::symlink;

use rcgen::{
    CertificateParams, CertificateRevocationListParams, DnType, Issuer, KeyIdMethod, KeyPair,
    SerialNumber, date_time_ymd,
};
use serde_json::json;

use crate::world::{DOMAIN, World, mode};

/// An authority of an environment, as something else than the tool would use it.
pub fn issuer(world: &World, name: &str) -> Issuer<'static, KeyPair> {
    let key = KeyPair::from_pem(&world.read(&format!("{name}/certs/ca.key"))).unwrap();
    Issuer::from_ca_cert_pem(&world.read(&format!("{name}/certs/ca.crt")), key).unwrap()
}

/// A revocation list of an environment that lapsed in 2021.
pub fn lapsed_list(world: &World, name: &str) -> String {
    CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(2021, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    }
    .signed_by(&issuer(world, name))
    .unwrap()
    .pem()
    .unwrap()
}

#[test]
fn an_authority_is_made_once_and_is_the_environments_own() {
    let world = World::empty();
    let first = world.run(&["certs", "init", "eb"]).succeeded().json();
    assert_eq!(first["authority"]["made"], true);
    let again = world.run(&["certs", "init", "eb"]).succeeded().json();
    assert_eq!(again["authority"]["made"], false);
    assert_eq!(
        first["authority"]["fingerprint"],
        again["authority"]["fingerprint"]
    );
    assert_eq!(first["server"]["serial"], again["server"]["serial"]);
    let ea = world
        .run(&["certs", "init", "ea", "--confirm", DOMAIN])
        .succeeded()
        .json();
    assert_ne!(first["authority"]["subject"], ea["authority"]["subject"]);
    for (file, expected) in [
        ("ca.key", 0o600),
        ("server.key", 0o600),
        ("ca.crt", 0o644),
        ("crl.pem", 0o644),
    ] {
        assert_eq!(mode(&world.path("eb/certs").join(file)), expected, "{file}");
    }
    world.openssl(&[
        "verify",
        "-CAfile",
        "eb/certs/ca.crt",
        "-crl_check",
        "-CRLfile",
        "eb/certs/crl.pem",
        "-purpose",
        "sslserver",
        "-verify_hostname",
        "eb.test",
        "eb/certs/server.crt",
    ]);
}

#[test]
fn rsa_is_there_for_devices_that_know_nothing_else() {
    let mut world = World::empty();
    world
        .run(&["certs", "init", "eb", "--key", "rsa"])
        .succeeded();
    world.run_with(&["passwd", "eb"], "x").succeeded();
    world.run(&["render", "eb", "--output"]).succeeded();
    for file in ["ca.crt", "server.crt"] {
        let text = world.openssl(&[
            "x509",
            "-noout",
            "-text",
            "-in",
            &format!("eb/certs/{file}"),
        ]);
        assert!(text.contains("rsaEncryption"), "{text}");
    }
    world.start("eb");
    let device = world.device("eb", "0b7c");
    assert!(world.accepts("eb", &device));
}

#[test]
fn half_a_pair_and_a_key_that_does_not_fit_are_refused_and_never_repaired() {
    for (seed, says) in [
        ("half", "is missing"),
        ("other", "does not fit"),
        ("none", "signed by one that is not there"),
    ] {
        let world = World::furnished();
        let key = world.path("eb/certs/ca.key");
        match seed {
            "half" => fs::remove_file(&key).unwrap(),
            "other" => {
                fs::remove_file(&key).unwrap();
                fs::copy(world.path("ea/certs/ca.key"), &key).unwrap();
            }
            _ => {
                fs::remove_file(&key).unwrap();
                fs::remove_file(world.path("eb/certs/ca.crt")).unwrap();
            }
        }
        let before = list(&world, "eb/certs");
        let verbs: &[&[&str]] = &[
            &["certs", "init", "eb"],
            &["certs", "server", "eb"],
            &["certs", "player", "eb", "x", "--private-key"],
            &["certs", "crl", "eb", "--force"],
        ];
        for verb in verbs {
            let ran = world.run(verb);
            assert!([3, 5].contains(&ran.code()), "{verb:?}: {}", ran.stderr());
            if verb[1] == "init" {
                assert!(ran.stderr().contains(says), "{}", ran.stderr());
            }
        }
        assert_eq!(list(&world, "eb/certs"), before);
    }
}

#[test]
fn an_authority_that_both_environments_have_signs_nothing() {
    let world = World::furnished();
    for file in ["ca.crt", "ca.key"] {
        fs::remove_file(world.path("eb/certs").join(file)).unwrap();
        fs::copy(
            world.path("ea/certs").join(file),
            world.path("eb/certs").join(file),
        )
        .unwrap();
    }
    for verb in ["init", "server"] {
        let ran = world.run(&["certs", verb, "eb"]).exits(5);
        assert!(
            ran.stderr().contains("has the same key"),
            "{}",
            ran.stderr()
        );
    }
}

#[test]
fn the_brokers_certificate_carries_every_name_and_is_shown_at_once() {
    let mut world = World::running();
    world.document["environments"]["eb"]["mqtt"]["names"] = json!(["mqtt.example", "10.0.0.7"]);
    world.save();
    assert!(
        world
            .run(&["check", "eb"])
            .rules()
            .contains(&"name-missing".into())
    );
    let record = world.run(&["certs", "server", "eb"]).succeeded().json();
    assert_eq!(record["proven"], true);
    for name in [
        "eb.test",
        "eb-mqtt",
        "mqtt.example",
        "10.0.0.7",
        "localhost",
        "127.0.0.1",
    ] {
        assert!(
            record["server"]["names"]
                .as_array()
                .unwrap()
                .contains(&json!(name)),
            "{name}"
        );
    }
    world.run(&["check", "eb"]).succeeded();
}

#[test]
fn a_pair_of_plain_files_is_replaced_and_keeps_its_names() {
    let world = World::furnished();
    for file in ["server.crt", "server.key"] {
        let path = world.path("eb/certs").join(file);
        let text = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, text).unwrap();
    }
    world
        .run(&["certs", "server", "eb", "--no-reload"])
        .succeeded();
    world
        .run(&["certs", "server", "eb", "--no-reload"])
        .succeeded();
    world.run(&["check", "eb"]).succeeded();
    let folders = list(&world, "eb/certs");
    assert_eq!(
        folders
            .iter()
            .filter(|name| name.starts_with(".server."))
            .count(),
        2,
        "{folders:?}"
    );
}

#[test]
fn a_device_gets_its_key_only_on_request_and_may_keep_its_own() {
    let world = World::furnished();
    world.run(&["certs", "player", "eb", "0b7c"]).exits(2);
    let bundle = world
        .run(&["certs", "player", "eb", "0b7c", "--private-key"])
        .succeeded()
        .json();
    assert!(
        bundle["private_key"]
            .as_str()
            .unwrap()
            .contains("PRIVATE KEY")
    );
    assert_eq!(bundle["host"], "eb.test");
    world.openssl(&[
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "own.key",
        "-subj",
        "/CN=somebody else",
        "-out",
        "own.csr",
    ]);
    let bundle = world
        .run(&["certs", "player", "eb", "0b7d", "--request", "own.csr"])
        .succeeded()
        .json();
    assert_eq!(bundle["private_key"], json!(null));
    world.write("own.crt", bundle["certificate"].as_str().unwrap());
    let subject = world.openssl(&["x509", "-noout", "-subject", "-in", "own.crt"]);
    assert!(
        subject.contains("0b7d") && !subject.contains("somebody"),
        "{subject}"
    );
    world.openssl(&[
        "verify",
        "-CAfile",
        "eb/certs/ca.crt",
        "-purpose",
        "sslclient",
        "own.crt",
    ]);
}

#[test]
fn a_device_can_not_have_a_name_with_more_rights() {
    let world = World::furnished();
    let ran = world
        .run(&["certs", "player", "eb", "svc_backend", "--private-key"])
        .exits(5);
    assert_eq!(ran.stdout(), "");
    for name in ["+", "a/b", "#", "", "x\ny"] {
        world
            .run(&["certs", "player", "eb", name, "--private-key"])
            .exits(3);
    }
    world
        .run(&["certs", "player", "ea", "0b7c", "--private-key"])
        .exits(5);
}

#[test]
fn who_is_revoked_is_refused_and_the_others_are_not() {
    let world = World::running();
    let [lost, kept] = ["lost", "kept"].map(|name| world.device("eb", name));
    assert!(world.accepts("eb", &lost));
    let file = lost.0.to_str().unwrap();
    let record = world
        .run(&["certs", "revoke", "eb", "--certificate", file])
        .succeeded()
        .json();
    assert_eq!(record["proven"], true);
    assert_eq!(record["added"].as_array().unwrap().len(), 1);
    assert!(!world.accepts("eb", &lost));
    assert!(world.accepts("eb", &kept));
    let record = world
        .run(&["certs", "revoke", "eb", "--player", "kept"])
        .succeeded()
        .json();
    assert_eq!(record["revoked"], 3);
    assert!(!world.accepts("eb", &kept));
    let text = world.openssl(&["crl", "-noout", "-text", "-in", "eb/certs/crl.pem"]);
    assert_eq!(text.matches("Serial Number").count(), 3);
    world
        .run(&["certs", "revoke", "eb", "--player", "nobody"])
        .exits(3);
    let foreign = world.device("ea", "foreign");
    let file = foreign.0.to_str().unwrap();
    world
        .run(&["certs", "revoke", "eb", "--certificate", file])
        .exits(5);
}

#[test]
fn a_list_that_lapsed_locks_everybody_out_until_it_is_renewed() {
    let mut world = World::furnished();
    let list = lapsed_list(&world, "eb");
    world.write("eb/certs/crl.pem", &list);
    world.start("eb");
    let device = world.device("eb", "0b7c");
    assert!(!world.accepts("eb", &device));
    let record = world.run(&["certs", "crl", "eb"]).succeeded().json();
    assert_eq!(
        (&record["signed"], &record["proven"]),
        (&json!(true), &json!(true))
    );
    assert!(world.accepts("eb", &device));
    let record = world.run(&["certs", "crl", "eb"]).succeeded().json();
    assert_eq!(record["signed"], false);
}

#[test]
fn a_broker_that_does_not_take_the_list_is_not_called_proven() {
    let mut world = World::furnished();
    world.edit("eb/config/mosquitto.conf", "crlfile", "# crlfile");
    world.start("eb");
    let ran = world.run(&["certs", "crl", "eb", "--force"]).exits(4);
    assert!(
        ran.stderr().contains("it accepts a revoked certificate"),
        "{}",
        ran.stderr()
    );
}

#[test]
fn the_list_of_another_environment_is_not_gone_on_with() {
    let world = World::furnished();
    fs::copy(
        world.path("ea/certs/crl.pem"),
        world.path("eb/certs/crl.pem"),
    )
    .unwrap();
    let ran = world.run(&["certs", "crl", "eb"]).exits(5);
    assert!(ran.stderr().contains("did not sign it"), "{}", ran.stderr());
}

#[test]
fn an_authority_that_openssl_made_years_ago_signs_too() {
    let world = World::empty();
    fs::create_dir(world.path("eb/certs")).unwrap();
    world.openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "key",
        "-days",
        "99",
        "-subj",
        "/CN=Makapix Dev CA",
        "-out",
        "eb/certs/ca.crt",
    ]);
    world.openssl(&[
        "rsa",
        "-in",
        "key",
        "-traditional",
        "-out",
        "eb/certs/ca.key",
    ]);
    assert!(world.read("eb/certs/ca.key").contains("RSA PRIVATE KEY"));
    let record = world.run(&["certs", "init", "eb"]).succeeded().json();
    assert_eq!(record["authority"]["made"], false);
    world.openssl(&[
        "verify",
        "-CAfile",
        "eb/certs/ca.crt",
        "-crl_check",
        "-CRLfile",
        "eb/certs/crl.pem",
        "eb/certs/server.crt",
    ]);
}

#[test]
fn a_link_out_of_the_folder_is_not_followed_to_production() {
    let world = World::furnished();
    let before = world.read("ea/certs/server.key");
    for file in ["server.crt", "server.key"] {
        let path = world.path("eb/certs").join(file);
        fs::remove_file(&path).unwrap();
        symlink(world.path("ea/certs").join(file), &path).unwrap();
    }
    world
        .run(&["certs", "server", "eb", "--no-reload"])
        .succeeded();
    assert_eq!(world.read("ea/certs/server.key"), before);
    assert_ne!(world.read("eb/certs/server.key"), before);
}

/// A broker's certificate with these names, and until when it holds; written to the environment.
pub fn server_certificate(world: &World, name: &str, names: &[&str], year: i32) {
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "server");
    params.not_after = date_time_ymd(year, 1, 1);
    let signed = params.signed_by(&key, &issuer(world, name)).unwrap();
    world.write(&format!("{name}/certs/server.crt"), &signed.pem());
    world.write(&format!("{name}/certs/server.key"), &key.serialize_pem());
}

fn list(world: &World, folder: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(world.path(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A folder of certificates, and what runs on it without a site document.
fn in_folder(world: &World, arguments: &[&str]) -> i32 {
    let named = ["--directory", "loose", "--name", "broker.example"];
    world.run(&[&["certs"], arguments, &named].concat()).code()
}

#[test]
fn a_folder_has_an_authority_without_a_site_document() {
    let world = World::empty();
    fs::remove_file(world.path("site.json")).unwrap();
    for _ in 0..2 {
        assert_eq!(in_folder(&world, &["init", "eb"]), 0);
    }
    assert_eq!(
        in_folder(&world, &["player", "eb", "0b7c", "--private-key"]),
        0
    );
    assert_eq!(in_folder(&world, &["revoke", "eb", "--player", "0b7c"]), 0);
    assert_eq!(in_folder(&world, &["server", "eb"]), 0);
    let text = world.openssl(&["x509", "-noout", "-text", "-in", "loose/server.crt"]);
    assert!(text.contains("DNS:broker.example"), "{text}");
    assert!(world.path("loose/.mkx-mqtt/journal.jsonl").exists());
    assert!(!world.path("state").exists());
}

#[test]
fn a_folder_of_others_is_refused_and_production_is_confirmed_there_too() {
    let world = World::empty();
    fs::create_dir(world.path("loose")).unwrap();
    assert_eq!(in_folder(&world, &["init", "ea"]), 5);
    assert_eq!(
        in_folder(&world, &["init", "ea", "--confirm", "broker.example"]),
        0
    );
    fs::remove_dir_all(world.path("loose/.mkx-mqtt")).unwrap();
    assert_eq!(in_folder(&world, &["init", "eb"]), 5);
    assert_eq!(
        in_folder(&world, &["player", "eb", "x", "--private-key"]),
        5
    );
}
