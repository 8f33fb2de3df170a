//! How a database is reached: a URL, a password from its place, and what errors call it.

mod address;
mod passfile;
mod tls;

use std::path::PathBuf;
use std::time::Duration;

use mkx_contract::record::site::{Database, Environment};
use mkx_contract::{Failure, Result, Secret};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use postgres::config::SslMode;
use postgres::error::SqlState;
use postgres::{CancelToken, Client, Config};
use url::Url;

use address::{Address, TlsMode};

/// A database and how to reach it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// libpq URL, without password.
    pub url: Url,
    /// The password, where it does not come from `PGPASSFILE`.
    pub password: Option<Secret>,
    /// The command in front of `pg_dump` and `pg_restore`; empty: they are on the host.
    pub client_command: Vec<String>,
    /// The URL as that command sees it.
    pub client_url: Url,
}

impl Endpoint {
    /// The endpoint of an environment; `url` overrides the site's (`--from`, `--to`).
    ///
    /// # Errors
    /// Exit 3 where neither names a database or the password's place is empty, exit 2 where
    /// `url` is none.
    pub fn of(environment: &Environment, url: Option<&str>) -> Result<Endpoint> {
        match (&environment.database, url) {
            (None, Some(url)) => Self::at(url),
            _ => Self::new(environment.database()?, &environment.env_file_paths(), url),
        }
    }

    /// The endpoint that a URL names, where there is no site; the password by `PGPASSFILE`.
    ///
    /// # Errors
    /// Exit 2 where it is no URL.
    pub fn at(url: &str) -> Result<Endpoint> {
        let url = parse(url)?;
        Ok(Endpoint {
            client_url: url.clone(),
            url,
            password: None,
            client_command: Vec::new(),
        })
    }

    fn new(database: &Database, env_files: &[PathBuf], url: Option<&str>) -> Result<Endpoint> {
        let text = url.unwrap_or(&database.url);
        let parsed = parse(text)?;
        let client_url = match (&database.client_url, url) {
            (Some(client_url), None) => parse(client_url)?,
            _ => parsed.clone(),
        };
        let password = match &database.password {
            Some(source) => Some(source.read(env_files)?),
            None => None,
        };
        Ok(Endpoint {
            url: parsed,
            password,
            client_command: database.client_command.clone(),
            client_url,
        })
    }

    /// The same server, another database.
    pub fn with_database(&self, name: &str) -> Endpoint {
        let mut endpoint = self.clone();
        let path = format!("/{}", utf8_percent_encode(name, NON_ALPHANUMERIC));
        endpoint.url.set_path(&path);
        endpoint.client_url.set_path(&path);
        endpoint
    }

    fn parts(&self) -> Result<Address> {
        Address::of(&self.url)
            .map_err(|cause| Failure::input(format!("cannot use the database URL: {cause}")))
    }

    /// The database's name.
    pub fn database(&self) -> String {
        self.parts().map(|parts| parts.database).unwrap_or_default()
    }

    /// The role.
    pub fn role(&self) -> String {
        self.parts().map(|parts| parts.user).unwrap_or_default()
    }

    /// `127.0.0.1:5432`, for messages.
    pub fn address(&self) -> String {
        match self.parts() {
            Ok(parts) if parts.is_socket() => format!("{}/.s.PGSQL.{}", parts.host, parts.port),
            Ok(parts) if parts.host.contains(':') => format!("[{}]:{}", parts.host, parts.port),
            Ok(parts) => format!("{}:{}", parts.host, parts.port),
            Err(_) => "an unusable address".into(),
        }
    }

    /// Connects; `options` are set from the first moment (`-c name=value`).
    ///
    /// # Errors
    /// Exit 4, with the address; exit 3 where a certificate file is not right.
    pub fn connect(&self, options: &str) -> Result<Client> {
        self.try_connect(options)?
            .map_err(|error| self.cannot("connect to", &error))
    }

    /// Connects, or nothing where the server has no database of that name.
    ///
    /// # Errors
    /// As [`Endpoint::connect`].
    pub fn connect_if_exists(&self, options: &str) -> Result<Option<Client>> {
        match self.try_connect(options)? {
            Ok(client) => Ok(Some(client)),
            Err(error) if error.code() == Some(&SqlState::INVALID_CATALOG_NAME) => Ok(None),
            Err(error) => Err(self.cannot("connect to", &error)),
        }
    }

    fn try_connect(&self, options: &str) -> Result<Result<Client, postgres::Error>> {
        let parts = self.parts()?;
        let connector = self.connector(&parts)?;
        let config = self.config(&parts, options);
        let attempt = |mode| config.clone().ssl_mode(mode).connect(connector.clone());
        let (first, second) = match parts.tls {
            _ if parts.is_socket() => (SslMode::Disable, None),
            TlsMode::Disable => (SslMode::Disable, None),
            TlsMode::Allow => (SslMode::Disable, Some(SslMode::Require)),
            TlsMode::Prefer => (SslMode::Prefer, Some(SslMode::Disable)),
            _ => (SslMode::Require, None),
        };
        Ok(match (attempt(first), second) {
            (Err(error), Some(second)) if is_worth_another_try(&error) => {
                attempt(second).map_err(|_| error)
            }
            (answer, _) => answer,
        })
    }

    fn config(&self, parts: &Address, options: &str) -> Config {
        let mut config = Config::new();
        config
            .host(&parts.host)
            .port(parts.port)
            .user(&parts.user)
            .dbname(&parts.database)
            .application_name("mkx-sample")
            .connect_timeout(parts.connect_timeout)
            .options(options)
            .keepalives_idle(Duration::from_secs(30))
            .keepalives_interval(Duration::from_secs(10))
            .keepalives_retries(3);
        if let Some(hostaddr) = parts.hostaddr {
            config.hostaddr(hostaddr);
        }
        if let Some(password) = self.password_for(parts) {
            config.password(password.expose());
        }
        config
    }

    fn password_for(&self, parts: &Address) -> Option<Secret> {
        let variable = || {
            std::env::var("PGPASSWORD")
                .ok()
                .filter(|value| !value.is_empty())
        };
        let own = self.password.clone();
        own.or_else(|| variable().map(Secret::new))
            .or_else(|| passfile::lookup(parts))
    }

    /// The password that our own sessions have, for a client program: behind a command it sees
    /// neither our password file nor the URL that the file has a line for.
    pub fn program_password(&self) -> Option<Secret> {
        self.password_for(&self.parts().ok()?)
    }

    fn connector(&self, parts: &Address) -> Result<tokio_postgres_rustls::MakeRustlsConnect> {
        tls::connector(parts).map_err(|cause| {
            Failure::input(format!(
                "cannot connect to \"{}\" on {}: {cause}",
                parts.database,
                self.address()
            ))
        })
    }

    /// Asks the server to end what a session is doing; best effort.
    pub fn cancel(&self, token: &CancelToken) {
        if let Ok(connector) = self.parts().and_then(|parts| self.connector(&parts)) {
            let _ = token.cancel_query(connector);
        }
    }

    /// The URL for a client program, with `options` for its sessions.
    pub fn program_url(&self, options: &str) -> String {
        let options = utf8_percent_encode(options, NON_ALPHANUMERIC);
        let separator = match self.client_url.query() {
            None => "?",
            Some("") => "",
            Some(_) => "&",
        };
        let url = &self.client_url;
        format!("{url}{separator}options={options}&application_name=mkx-sample")
    }

    /// "cannot VERB \"makapix\" on 127.0.0.1:5432: CAUSE" with the server's own words (exit 4).
    pub fn cannot(&self, verb: &str, error: &postgres::Error) -> Failure {
        let failure = Failure::peer(format!(
            "cannot {verb} \"{}\" on {}: {}",
            self.database(),
            self.address(),
            cause(error)
        ));
        advised(failure, error)
    }
}

/// True where the server may answer otherwise with or without TLS: the handshake failed, or its
/// host-based authentication has no line for it.
fn is_worth_another_try(error: &postgres::Error) -> bool {
    match error.code() {
        Some(code) => code == &SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        None => true,
    }
}

/// Adds what the user can do: make room where the disk is full, else the server's own hint.
pub fn advised(failure: Failure, error: &postgres::Error) -> Failure {
    match error.as_db_error() {
        Some(db) if db.code() == &SqlState::DISK_FULL => {
            failure.hint("make room on that server's disk, then run it again")
        }
        Some(db) if db.hint().is_some() => failure.hint(format!(
            "the server says: {}",
            db.hint().unwrap_or_default()
        )),
        _ => failure,
    }
}

/// The server's own words, or the client's cause.
pub fn cause(error: &postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        return db.message().to_owned();
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

fn parse(text: &str) -> Result<Url> {
    address::parse_url(text).map_err(|cause| {
        Failure::usage(format!("cannot use the database URL: {cause}"))
            .hint("it looks like postgresql://ROLE@HOST:PORT/DATABASE")
    })
}
