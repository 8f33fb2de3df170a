//! However the writing end is aimed at production, the answer is exit 5 and nothing is touched.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::world::{World, finish, manifest};

fn world() -> World {
    let world = World::new();
    world.put("ea/24/07/x.png", "x");
    world.put("eb/24/08/y.png", "y");
    std::fs::create_dir(world.path("other")).unwrap();
    world
}

#[track_caller]
fn check_mounted(world: &World, mounts: &str, arguments: &[&str], cause: &str) {
    let (around, eb) = (world.surroundings(), world.eb());
    for verb in ["sync", "prune", "plan"] {
        let arguments = [&[verb], arguments].concat();
        let text = manifest(["24/07/x.png"]);
        let outcome = finish(world.command_with_mounts(mounts, &arguments), text);
        outcome.expect(5);
        assert_eq!(outcome.stdout, "");
        assert!(outcome.stderr.contains(cause), "{}", outcome.stderr);
        assert_eq!(world.surroundings(), around);
        assert_eq!(world.eb(), eb);
        assert!(!world.exists("state"));
    }
}

#[track_caller]
fn check(world: &World, arguments: &[&str], cause: &str) {
    check_mounted(world, "", arguments, cause);
}

#[test]
fn swapped_flags_are_refused() {
    check(
        &world(),
        &["--from", "eb", "--to", "ea"],
        "it is production's vault",
    );
}

#[test]
fn productions_vault_is_never_a_target_whatever_the_source_is() {
    let world = world();
    check(
        &world,
        &["--from", "other", "--to", "ea"],
        "it is production's vault",
    );
    check(
        &world,
        &["--from", "other", "--to", "ea/24"],
        "it lies inside production's vault",
    );
    check(
        &world,
        &["--from", "other", "--to", "."],
        "production's vault",
    );
    check(&world, &["--to", "eb/../ea"], "it is production's vault");
}

#[test]
fn the_source_is_never_the_target() {
    let world = world();
    check(&world, &["--from", "eb"], "it is production's vault");
    check(&world, &["--from", "eb/24"], "production's vault");
    check(
        &world,
        &["--from", "other", "--to", "other"],
        "it is production's vault",
    );
}

#[test]
fn a_symlink_is_no_target() {
    let world = world();
    symlink("ea", world.path("link")).unwrap();
    check(&world, &["--to", "link"], "it is a symlink");
    check(&world, &["--to", "link/"], "it is a symlink");
    symlink("other", world.path("harmless")).unwrap();
    check(&world, &["--to", "harmless"], "it is a symlink");
}

#[test]
fn a_bind_mount_of_production_is_no_target() {
    let world = world();
    let cause = "production's vault";
    check_mounted(&world, "mount --bind ea eb", &[], cause);
    check_mounted(&world, "mount --bind ea/24 eb", &[], cause);
    check_mounted(&world, "mount --bind . other", &["--to", "other"], cause);
}

#[test]
fn a_bind_mount_inside_one_of_the_vaults_is_noticed() {
    let world = world();
    let cause = "a mount makes it share files with production's vault";
    check_mounted(&world, "mount --bind ea/24 eb/24", &[], cause);
    check_mounted(&world, "mount --bind eb ea/24", &[], cause);
}

/// Mounts, then a root of its own for the tool: the world's folder, with or without `/proc`.
fn in_a_chroot(mounts: &str) -> String {
    format!("{mounts}\nmount --bind \"$1\" mkx-vault\nshift\nset -- chroot . /mkx-vault \"$@\"")
}

/// The libraries that the tool loads lie in the world's folder, and a place for itself.
fn bare_world() -> World {
    let world = world();
    let bring = "touch mkx-vault && mkdir proc && \
        ldd \"$1\" | grep -o '/[^ ]*' | xargs cp --parents --dereference -t .";
    let brought = world.command_with_mounts(&format!("{bring} && set -- true"), &[]);
    finish(brought, "").expect(0);
    world
}

const PROC: &str = "mount --rbind /proc proc";

#[test]
fn a_bare_chroot_has_two_vaults_that_share_nothing() {
    for mounts in ["", PROC] {
        let world = bare_world();
        let command = world.command_with_mounts(&in_a_chroot(mounts), &["sync"]);
        finish(command, manifest(["24/07/x.png"])).expect(0);
        assert_eq!(world.get("eb/24/07/x.png"), b"x");
    }
}

#[test]
fn a_bind_mount_is_noticed_in_a_bare_chroot_too() {
    let world = bare_world();
    let cause = "a mount makes it share files with production's vault";
    for mount in [
        "mount --bind ea/24 eb/24",
        "mount --bind ea/24 eb",
        "mount --bind eb ea/24",
        "mount --bind ea/24/07/x.png eb/24/08/y.png",
    ] {
        for with_proc in ["", PROC] {
            let mounts = in_a_chroot(&format!("{mount}\n{with_proc}"));
            check_mounted(&world, &mounts, &[], cause);
        }
    }
    for with_proc in ["", PROC] {
        let around = in_a_chroot(&format!("mount --bind . other\n{with_proc}"));
        check_mounted(&world, &around, &["--to", "other"], cause);
        let own = in_a_chroot(&format!("mount --bind ea eb\n{with_proc}"));
        check_mounted(&world, &own, &[], "it is production's vault");
    }
}

#[test]
fn a_vault_that_can_not_be_looked_through_is_refused_in_a_bare_chroot() {
    let world = bare_world();
    std::fs::set_permissions(world.path("ea/24"), Permissions::from_mode(0o000)).unwrap();
    let mounts = in_a_chroot("").replace(
        "chroot",
        "setpriv --bounding-set=-dac_override,-dac_read_search chroot",
    );
    let command = world.command_with_mounts(&mounts, &["plan"]);
    let outcome = finish(command, manifest(["24/07/x.png"]));
    outcome.expect(5);
    assert!(
        outcome.stderr.contains("shares with the other vault"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_run_that_meets_another_one_is_refused() {
    let world = world();
    std::fs::create_dir(world.path("state")).unwrap();
    let lock = std::fs::File::create(world.path("state/lock")).unwrap();
    lock.lock().unwrap();
    let eb = world.eb();
    let outcome = world.run(&["sync"], manifest(["24/07/x.png"]));
    outcome.expect(5);
    assert!(outcome.stderr.contains("cannot change the site"));
    assert_eq!(world.eb(), eb);
}

#[test]
fn a_vault_that_is_not_there_is_wrong_input() {
    let outcome = world().run(&["sync", "--to", "nowhere"], manifest(["24/07/x.png"]));
    outcome.expect(3);
    assert!(outcome.stderr.contains("cannot open the vault"));
}
