//! What a libpq URL says: where the server is, as whom, and how the connection is protected.
//!
//! The parameters and their defaults are libpq's (PostgreSQL manual, "Connection Strings" and
//! "SSL Support"), as far as a URL of one host goes.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use percent_encoding::percent_decode_str;
use url::Url;

/// Debian's place for sockets, and libpq's as Debian builds it.
const SOCKET_DIRECTORY: &str = "/var/run/postgresql";

/// How much is asked of TLS (libpq's `sslmode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TlsMode {
    /// Never.
    Disable,
    /// Only where the server refuses without.
    Allow,
    /// Where the server has it.
    Prefer,
    /// Always; the certificate is checked only where there is a root certificate.
    Require,
    /// Always, and the certificate is signed by a root.
    VerifyCa,
    /// Always, signed by a root, and made out to the host.
    VerifyFull,
}

/// A libpq URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A host name, an IP address, or the directory of a socket (starts with `/`).
    pub host: String,
    /// Where to connect instead of resolving `host`.
    pub hostaddr: Option<std::net::IpAddr>,
    /// The port.
    pub port: u16,
    /// The role.
    pub user: String,
    /// The database.
    pub database: String,
    /// `sslmode`.
    pub tls: TlsMode,
    /// `sslrootcert`: a file, or `system`.
    pub root_certificate: Option<PathBuf>,
    /// `sslcert` and `sslkey`.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// `connect_timeout`.
    pub connect_timeout: Duration,
    /// `passfile`.
    pub passfile: Option<PathBuf>,
}

/// Parses the URL; a socket's URL may leave the host out (`postgresql://role@/db?host=/run`).
pub fn parse_url(text: &str) -> Result<Url, String> {
    let with_host = text.replacen("@/", "@localhost/", 1);
    let rest = text.split_once("://").map(|(_, rest)| rest);
    let authority = rest.and_then(|rest| rest.split_once('/'));
    let text = match authority {
        Some((authority, _)) if authority.ends_with('@') => &with_host,
        _ => text,
    };
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "postgresql" | "postgres") {
        let scheme = url.scheme();
        return Err(format!("its scheme is {scheme:?}, expected \"postgresql\""));
    }
    if url.password().is_some() {
        return Err("it must not hold the password, which others could see".into());
    }
    if url.path().trim_matches('/').is_empty() {
        return Err("it names no database".into());
    }
    Address::of(&url)?;
    Ok(url)
}

impl Address {
    /// Takes a URL apart.
    pub fn of(url: &Url) -> Result<Address, String> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());

        let mut address = Address {
            host: match url.host_str() {
                Some(host) if !host.is_empty() => decode(host.trim_matches(['[', ']'])),
                _ => variable("PGHOST").unwrap_or_else(|| SOCKET_DIRECTORY.into()),
            },
            hostaddr: None,
            port: url.port().unwrap_or(5432),
            user: Some(decode(url.username()))
                .filter(|user| !user.is_empty())
                .or_else(|| variable("PGUSER"))
                .or_else(|| variable("USER"))
                .unwrap_or_default(),
            database: decode(url.path().trim_start_matches('/')),
            tls: match variable("PGSSLMODE") {
                Some(mode) => tls_mode(&mode)?,
                None => TlsMode::Prefer,
            },
            root_certificate: variable("PGSSLROOTCERT").map(PathBuf::from),
            client_certificate: None,
            connect_timeout: Duration::from_secs(10),
            passfile: None,
        };
        let (mut certificate, mut key) = (variable("PGSSLCERT"), variable("PGSSLKEY"));
        let pairs = url.query().unwrap_or_default().split('&');
        for pair in pairs.filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value);
            match name {
                "host" => address.host = value,
                "hostaddr" => address.hostaddr = Some(parsed(&value, "hostaddr", "IP address")?),
                "port" => address.port = parsed(&value, "port", "port")?,
                "user" => address.user = value,
                "sslmode" => address.tls = tls_mode(&value)?,
                "sslrootcert" => address.root_certificate = Some(value.into()),
                "sslcert" => certificate = Some(value),
                "sslkey" => key = Some(value),
                "connect_timeout" => {
                    let seconds = parsed(&value, "connect_timeout", "number")?;
                    address.connect_timeout = Duration::from_secs(seconds);
                }
                "passfile" => address.passfile = Some(value.into()),
                "application_name" | "fallback_application_name" | "channel_binding" => {}
                "password" => {
                    return Err("it must not hold the password, which others could see".into());
                }
                other => return Err(format!("the parameter {other:?} is not known here")),
            }
        }
        let pair = certificate.zip(key);
        address.client_certificate = pair.map(|(file, key)| (file.into(), key.into()));
        Ok(address)
    }

    /// True where the server is reached through a socket of this machine.
    pub fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }
}

fn parsed<T: FromStr>(value: &str, name: &str, what: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{name}={value} is no {what}"))
}

fn tls_mode(text: &str) -> Result<TlsMode, String> {
    let known = "disable, allow, prefer, require, verify-ca, verify-full";
    TlsMode::from_str(text, false).map_err(|_| format!("sslmode={text} is none of {known}"))
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, host: &str, port: u16, user: &str, database: &str) {
        let url = parse_url(text).unwrap();
        let address = Address::of(&url).unwrap();
        assert_eq!(address.host, host);
        assert_eq!(address.port, port);
        assert_eq!(address.user, user);
        assert_eq!(address.database, database);
    }

    #[test]
    fn a_url_is_read_as_libpq_reads_it() {
        check("postgresql://a@db.example/m", "db.example", 5432, "a", "m");
        check("postgres://a@[::1]:7/m", "::1", 7, "a", "m");
        check(
            "postgresql://a@/m?host=/run/pg&port=6",
            "/run/pg",
            6,
            "a",
            "m",
        );
        check(
            "postgresql:///m?host=/run/pg&user=b",
            "/run/pg",
            5432,
            "b",
            "m",
        );
        check("postgresql://a@%2Frun%2Fpg/m", "/run/pg", 5432, "a", "m");
        check("postgresql://a%20b@h/x%2Fy", "h", 5432, "a b", "x/y");
    }

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let message = parse_url(text).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn what_is_not_understood_is_refused_rather_than_ignored() {
        check_refused("postgresql://a:secret@h/m", "must not hold the password");
        check_refused(
            "postgresql://a@h/m?password=x",
            "must not hold the password",
        );
        check_refused(
            "postgresql://a@h/m?sslmode=verify",
            "sslmode=verify is none of",
        );
        check_refused(
            "postgresql://a@h/m?target_session_attrs=any",
            "target_session_attrs",
        );
        check_refused("postgresql://a@h", "names no database");
        check_refused("mysql://a@h/m", "scheme");
    }

    #[test]
    fn tls_parameters_are_kept() {
        let url = parse_url("postgresql://a@h/m?sslmode=verify-full&sslrootcert=/ca.pem").unwrap();
        let address = Address::of(&url).unwrap();
        assert_eq!(address.tls, TlsMode::VerifyFull);
        assert_eq!(address.root_certificate, Some("/ca.pem".into()));
    }
}
