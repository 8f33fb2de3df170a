//! An upstream that says who it is. It answers every request with what it was asked, keeps
//! connections open, and speaks enough of WebSocket to hold a stream.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub struct Upstream {
    pub name: &'static str,
    pub port: u16,
    stopped: Arc<AtomicBool>,
}

impl Upstream {
    pub fn start(name: &'static str) -> Upstream {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let stopped = Arc::new(AtomicBool::new(false));
        let flag = stopped.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if flag.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(stream) = stream {
                    std::thread::spawn(move || serve(name, stream));
                }
            }
        });
        Upstream {
            name,
            port,
            stopped,
        }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn serve(name: &str, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    let environment = &name[..2];
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut words = line.split_whitespace();
        let (method, path) = (
            words.next().unwrap_or_default().to_owned(),
            words.next().unwrap_or_default().to_owned(),
        );
        let (mut length, mut upgrade, mut host) = (0, false, String::new());
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header).unwrap_or(0) == 0 {
                return;
            }
            let Some((field, value)) = header.trim_end().split_once(':') else {
                break;
            };
            match field.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap_or(0),
                "upgrade" => upgrade = value.trim().eq_ignore_ascii_case("websocket"),
                "host" => host = value.trim().to_owned(),
                _ => {}
            }
        }
        if let Some(delay) = path.strip_prefix("/load/") {
            std::thread::sleep(Duration::from_micros(delay.parse().unwrap()));
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        if upgrade {
            let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
            if stream.write_all(head.as_bytes()).is_err() {
                return;
            }
            // Whatever comes is sent back, until the other side has enough.
            let mut bytes = [0; 256];
            while let Ok(count) = reader.read(&mut bytes) {
                if count == 0 || stream.write_all(&bytes[..count]).is_err() {
                    return;
                }
            }
            return;
        }
        let location = if path.starts_with("/auth/github/login") {
            let domain = if environment == "ea" {
                "makapix.club"
            } else {
                "development.makapix.club"
            };
            format!(
                "Location: https://github.com/login/oauth/authorize?client_id={environment}&redirect_uri=https%3A%2F%2F{domain}%2Fapi%2Fauth%2Fgithub%2Fcallback\r\n"
            )
        } else {
            String::new()
        };
        let status = match path.as_str() {
            // An API that is asked with its prefix has no such route.
            path if path.starts_with("/api/") => "404 Not Found",
            _ if location.is_empty() => "200 OK",
            _ => "307 Temporary Redirect",
        };
        let content = format!(
            "{{\"upstream\":\"{name}\",\"method\":\"{method}\",\"path\":\"{path}\",\"host\":\"{host}\",\"body_bytes\":{length}}}\n"
        );
        let sent = if method == "HEAD" {
            ""
        } else {
            content.as_str()
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Robots-Tag: all\r\nX-Upstream: {name}\r\nX-Mkx-Environment: {environment}\r\n{location}Content-Length: {}\r\n\r\n{sent}",
            content.len()
        );
        if stream.write_all(head.as_bytes()).is_err() {
            return;
        }
    }
}
