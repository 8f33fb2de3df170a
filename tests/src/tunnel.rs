//! A way to a server under another address, which can be cut.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Forwards connections on a port of its own to a server, until it is cut.
#[derive(Debug)]
pub struct Tunnel {
    port: u16,
    open: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Tunnel {
    /// Opens a way to a port on 127.0.0.1.
    pub fn to(server: u16) -> Tunnel {
        Self::from("127.0.0.1:0", server)
    }

    /// Opens a way from `::1`, IPv6's loopback, to a port on 127.0.0.1.
    pub fn from_ipv6(server: u16) -> Tunnel {
        Self::from("[::1]:0", server)
    }

    fn from(address: &str, server: u16) -> Tunnel {
        let listener = TcpListener::bind(address).expect("the loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let open = Arc::new(Mutex::new(Some(Vec::new())));
        let shared = Arc::clone(&open);
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
                forward(&near, &far);
                forward(&far, &near);
            }
        });
        Tunnel { port, open }
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

fn forward(from: &TcpStream, to: &TcpStream) {
    let mut from = from.try_clone().expect("a stream can be shared");
    let mut to = to.try_clone().expect("a stream can be shared");
    std::thread::spawn(move || {
        let mut part = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut part) {
            if to.write_all(&part[..length]).is_err() {
                break;
            }
        }
        to.shutdown(Shutdown::Both).ok();
    });
}
