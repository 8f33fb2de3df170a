//! A way to a server under another address, which can be cut.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Forwards connections on a port of its own to a server, until it is cut.
#[derive(Debug)]
pub struct Tunnel {
    port: u16,
    open: Arc<Mutex<Option<Vec<TcpStream>>>>,
    has_lost: Arc<AtomicBool>,
}

impl Tunnel {
    /// Opens a way to a port on 127.0.0.1.
    pub fn to(server: u16) -> Tunnel {
        Self::from("127.0.0.1:0", server, false)
    }

    /// Opens a way to a port on 127.0.0.1 that breaks a connection once: when the server has
    /// committed a rename and before the client hears of it.
    pub fn losing_a_rename(server: u16) -> Tunnel {
        Self::from("127.0.0.1:0", server, true)
    }

    /// Whether it broke one.
    pub fn has_lost(&self) -> bool {
        self.has_lost.load(Ordering::SeqCst)
    }

    /// Opens a way from `::1`, IPv6's loopback, to a port on 127.0.0.1.
    pub fn from_ipv6(server: u16) -> Tunnel {
        Self::from("[::1]:0", server, false)
    }

    fn from(address: &str, server: u16, loses: bool) -> Tunnel {
        let listener = TcpListener::bind(address).expect("the loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let open = Arc::new(Mutex::new(Some(Vec::new())));
        let shared = Arc::clone(&open);
        let has_lost = Arc::new(AtomicBool::new(false));
        let lost = Arc::clone(&has_lost);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let mut open = shared.lock().expect("a tunnel does not panic");
                let Some(streams) = open.as_mut() else { return };
                let Ok(far) = TcpStream::connect(("127.0.0.1", server)) else {
                    continue;
                };
                for stream in [&near, &far] {
                    streams.push(stream.try_clone().expect("a stream can be shared"));
                }
                let renames = AtomicBool::new(false);
                let is_lost = Arc::new(AtomicBool::new(false));
                let (lost, is_lost_there) = (Arc::clone(&lost), Arc::clone(&is_lost));
                forward(&near, &far, move |part| {
                    let has = |word: &[u8]| part.windows(word.len()).any(|at| at == word);
                    renames.fetch_or(has(b"RENAME TO"), Ordering::SeqCst);
                    if loses && renames.load(Ordering::SeqCst) && has(b"COMMIT") {
                        let is_first = !lost.swap(true, Ordering::SeqCst);
                        is_lost_there.store(is_first, Ordering::SeqCst);
                    }
                    true
                });
                forward(&far, &near, move |_| !is_lost.load(Ordering::SeqCst));
            }
        });
        Tunnel {
            port,
            open,
            has_lost,
        }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts every connection; new ones are taken and closed at once.
    pub fn cut(&self) {
        let streams = self.open.lock().expect("a tunnel does not panic").take();
        for stream in streams.into_iter().flatten() {
            // it may have ended by itself
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

/// Goes on while `is_passed` says so of every part.
fn forward(
    from: &TcpStream,
    to: &TcpStream,
    mut is_passed: impl FnMut(&[u8]) -> bool + Send + 'static,
) {
    let mut from = from.try_clone().expect("a stream can be shared");
    let mut to = to.try_clone().expect("a stream can be shared");
    std::thread::spawn(move || {
        let mut part = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut part) {
            if !is_passed(&part[..length]) {
                from.shutdown(Shutdown::Both).ok();
                break;
            }
            if to.write_all(&part[..length]).is_err() {
                break;
            }
        }
        to.shutdown(Shutdown::Both).ok();
    });
}
