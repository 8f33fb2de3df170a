//! What a power cut could leave, judged by the order of the calls that the system sees.

use std::process::{Command, Stdio};

use crate::world::{TOOL, World, finish, manifest};

#[test]
fn contents_are_flushed_before_their_names_and_names_at_the_end() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        world.put(&format!("ea/24/07/{name}.png"), name);
    }
    let mut command = Command::new("strace");
    command
        .args(["--follow-forks", "--output", "calls", "--trace"])
        .arg("write,pwrite64,copy_file_range,sendfile,ioctl,fsync,fdatasync,syncfs,rename,renameat,renameat2")
        .args([TOOL, "sync"])
        .current_dir(world.path(""))
        .env_remove("MKX_SITE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let text = manifest(["24/07/a.png", "24/07/b.png", "24/07/c.png"]);
    finish(command, &text).expect(0);
    let calls = String::from_utf8(world.get("calls")).unwrap();
    let calls: Vec<&str> = calls.lines().collect();
    let at = |is: &dyn Fn(&str) -> bool| -> Vec<usize> {
        let places = calls.iter().enumerate().filter(|(_, call)| is(call));
        places.map(|(place, _)| place).collect()
    };
    let names = at(&|call| call.contains(" rename") && call.contains(".png"));
    let flushes = at(&|call| call.contains(" syncfs("));
    let told = format!("{calls:#?}");
    assert_eq!(names.len(), 3, "{told}");
    let (first, last) = (names[0], names[2]);
    // a file's content goes by whichever of these the disk takes
    let copying = ["copy_file_range(", "FICLONE", "sendfile(", "pwrite64("];
    let contents = at(&|call| copying.iter().any(|way| call.contains(way)));
    assert!(!contents.is_empty(), "{told}");
    let before = flushes.iter().filter(|place| **place < first).max();
    let content = contents.iter().max();
    assert!(before > content && before.is_some(), "{told}");
    assert!(flushes.iter().any(|place| *place > last), "{told}");
}
