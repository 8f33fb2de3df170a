//! A broker that stalls at any byte, closes at any moment or answers nonsense never hangs or
//! crashes the tool.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::{Ran, World};

/// What stands between the tool and EB's broker.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// After so many bytes from the broker, nothing comes any more.
    StallsAfter(usize),
    /// After so many bytes from the broker, the connection is closed.
    ClosesAfter(usize),
    /// After so many bytes from the broker, every byte is another.
    LiesAfter(usize),
    /// There is no broker; these bytes come.
    Says(&'static [u8]),
}

/// A port that leads to a broker, with a fault in every connection.
fn faulty(port: u16, fault: Fault) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(client) = client else { return };
            std::thread::spawn(move || pass(client, port, fault));
        }
    });
    own
}

fn pass(mut client: TcpStream, port: u16, fault: Fault) {
    if let Fault::Says(bytes) = fault {
        let _ = client.write_all(bytes);
        let _ = client.read(&mut [0; 4096]);
        return;
    }
    let Ok(mut broker) = TcpStream::connect(("127.0.0.1", port)) else {
        return;
    };
    let (mut up, mut down) = (client.try_clone().unwrap(), broker.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut up, &mut down);
        let _ = down.shutdown(Shutdown::Both);
    });
    let mut seen = 0;
    let mut buffer = [0; 512];
    while let Ok(count @ 1..) = broker.read(&mut buffer) {
        for byte in &mut buffer[..count] {
            let (limit, is_lie) = match fault {
                Fault::StallsAfter(limit) | Fault::ClosesAfter(limit) => (limit, false),
                Fault::LiesAfter(limit) => (limit, true),
                Fault::Says(_) => return,
            };
            if seen >= limit && is_lie {
                *byte = byte
                    .wrapping_mul(31)
                    .wrapping_add(u8::try_from(seen % 251).unwrap());
            } else if seen >= limit {
                if matches!(fault, Fault::StallsAfter(_)) {
                    std::thread::sleep(Duration::from_secs(40));
                }
                let _ = client.shutdown(Shutdown::Both);
                return;
            }
            if client.write_all(&[*byte]).is_err() {
                return;
            }
            seen += 1;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}

/// The tool in front of such a broker ends by itself, in time, with a code of the contract.
fn check(world: &World, which: &str, fault: Fault) {
    let mut document = world.document.clone();
    let port = world.port("eb", which);
    document["environments"]["eb"]["mqtt"][which] = json!(faulty(port, fault));
    let site =
        format!("site-{which}-{fault:?}.json").replace(['"', ' ', '(', ')', '[', ']', ','], "");
    let site = &site[..site.len().min(60)].to_owned();
    world.write(site, &document.to_string());
    let since = Instant::now();
    let ran = Ran::of(
        world
            .command(&["--site", site, "probe", "--brief"])
            .output()
            .unwrap(),
    );
    let took = since.elapsed();
    assert!(
        [1, 4].contains(&ran.code()),
        "{which} {fault:?}: {} {}",
        ran.code(),
        ran.stderr()
    );
    assert!(
        !ran.stderr().contains("panicked"),
        "{which} {fault:?}: {}",
        ran.stderr()
    );
    assert!(
        took < Duration::from_secs(35),
        "{which} {fault:?}: {took:?}"
    );
}

/// All of them at the same time: most of the time is waiting.
fn check_all(faults: impl IntoIterator<Item = (&'static str, Fault)>) {
    let world = Arc::new(World::running());
    let threads: Vec<_> = faults
        .into_iter()
        .map(|(which, fault)| {
            let world = world.clone();
            std::thread::spawn(move || check(&world, which, fault))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_broker_that_stalls_at_any_byte() {
    let plain = [0, 1, 3, 8, 13, 30, 90].map(|at| ("plain_port", Fault::StallsAfter(at)));
    let secured = [0, 4, 100, 700, 1200, 1400].map(|at| ("port", Fault::StallsAfter(at)));
    check_all(plain.into_iter().chain(secured));
}

#[test]
fn a_broker_that_closes_at_any_moment() {
    let plain = [0, 1, 2, 5, 9, 14, 25, 60].map(|at| ("plain_port", Fault::ClosesAfter(at)));
    let secured = [0, 2, 60, 500, 900, 1300, 1500].map(|at| ("port", Fault::ClosesAfter(at)));
    check_all(plain.into_iter().chain(secured));
}

#[test]
fn a_stalled_broker_does_not_hold_up_a_revocation_and_does_not_undo_it() {
    let mut world = World::running();
    let port = world.port("eb", "port");
    let listen = json!({"port": port, "plain_port": world.port("eb", "plain_port")});
    let mqtt = &mut world.document["environments"]["eb"]["mqtt"];
    mqtt["port"] = json!(faulty(port, Fault::StallsAfter(300)));
    mqtt["listen"] = listen;
    world.save();
    let since = Instant::now();
    let arguments = ["certs", "revoke", "eb", "--serial", "77"];
    let ran = world.run(&arguments).exits(4);
    assert!(ran.stderr().contains("does not go on"), "{}", ran.stderr());
    assert!(since.elapsed() < Duration::from_secs(35));
    let list = world.openssl(&["crl", "-noout", "-text", "-in", "eb/certs/crl.pem"]);
    assert!(list.contains("Serial Number: 4D"), "{list}");
}

#[test]
fn a_broker_that_talks_nonsense() {
    let lies = [0, 1, 2, 4, 7, 12, 20, 45].map(|at| ("plain_port", Fault::LiesAfter(at)));
    let secured = [0, 5, 300, 1100].map(|at| ("port", Fault::LiesAfter(at)));
    let says: [&'static [u8]; 9] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x20\x02\x00\x00\x20\x02\x00\x00",
        b"\x20\x03\x00\x00\x00\x40\x02\xff\xff",
        b"\x20\x03\x00\x00\x00\x90\x03\x00\x09\x00",
        b"\x20\xff\xff\xff\x7f",
        b"\x20\xff\xff\xff\xff\xff",
        b"\x20\x03\x00\x00\x00\x30\x02\xff\xff",
        b"\x20\x05\x00\x00\x02\x22\x00",
    ];
    let says = says.map(|bytes| ("plain_port", Fault::Says(bytes)));
    check_all(lies.into_iter().chain(secured).chain(says));
}
