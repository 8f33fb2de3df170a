//! The three forms of the edge, as Caddy itself reads them.

use crate::world::World;
use crate::world::server::BOTH;
use serde_json::Value;

#[test]
fn the_caddyfile_is_adapted_without_a_warning_by_the_caddy_that_it_is_for() {
    let world = World::new();
    for which in BOTH {
        let text = world.stdout(&["render", "--caddy-version", which.version()]);
        let json = which.adapt(&text);
        assert!(
            json["apps"]["http"]["servers"].is_object(),
            "{which:?}: {json}"
        );
        let output = std::process::Command::new(which.program())
            .args(["fmt", "-"])
            .stdin(std::process::Stdio::from({
                let path = world.path("Caddyfile");
                std::fs::write(&path, &text).unwrap();
                std::fs::File::open(path).unwrap()
            }))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), text, "{which:?}");
    }
}

#[test]
fn the_json_is_what_caddy_makes_of_the_caddyfile() {
    let world = World::new();
    for which in BOTH {
        let version = which.version();
        let program = which.program();
        let text = world.stdout(&["render", "--caddy-version", version]);
        let json = world.stdout(&[
            "render",
            "--format",
            "json",
            "--caddy-version",
            version,
            "--caddy",
            program.to_str().unwrap(),
        ]);
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json, which.adapt(&text));
    }
}

#[test]
fn a_development_site_that_nobody_could_enter_is_not_rendered() {
    let world = World::new();
    world.write_users(&[]);
    let output = world.run(&["render"], "");
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("hint: mkx-caddy users add NAME"), "{said}");
}

#[test]
fn a_users_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let path = world.path("secrets/eb-users");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(world.run(&["render"], "").status.code(), Some(5));
}
