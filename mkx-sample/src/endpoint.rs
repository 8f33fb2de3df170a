//! How a database is reached: a URL, a password from its place, and what errors call it.

use std::path::PathBuf;
use std::time::Duration;

use mkx_contract::site::{Database, Environment};
use mkx_contract::{Failure, Result, Secret};
use postgres::{Client, Config, NoTls};
use url::Url;

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
    /// Exit 3 where the password's place is empty, exit 2 where `url` is none.
    pub fn of(environment: &Environment, url: Option<&str>) -> Result<Endpoint> {
        let env_files = environment.env_file_paths();
        Self::new(&environment.database, &env_files, url)
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
        endpoint.url.set_path(&format!("/{name}"));
        endpoint.client_url.set_path(&format!("/{name}"));
        endpoint
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        self.url.path().trim_start_matches('/')
    }

    /// The role.
    pub fn role(&self) -> &str {
        self.url.username()
    }

    /// `127.0.0.1:5432`, for messages.
    pub fn address(&self) -> String {
        let host = self.url.host_str().unwrap_or("local socket");
        format!("{host}:{}", self.url.port().unwrap_or(5432))
    }

    /// Connects; `options` are set from the first moment (`-c name=value`).
    ///
    /// # Errors
    /// Exit 4, with the address.
    pub fn connect(&self, options: &str) -> Result<Client> {
        let mut config: Config = self.url.as_str().parse().map_err(|error| {
            Failure::input(format!(
                "cannot use the database URL of {}: {error}",
                self.address()
            ))
        })?;
        if let Some(password) = &self.password {
            config.password(password.expose());
        }
        config
            .application_name("mkx-sample")
            .connect_timeout(Duration::from_secs(10))
            .options(options)
            .connect(NoTls)
            .map_err(|error| self.cannot("connect to", &error))
    }

    /// "cannot VERB \"makapix\" on 127.0.0.1:5432: CAUSE" with the server's own words (exit 4).
    pub fn cannot(&self, verb: &str, error: &postgres::Error) -> Failure {
        Failure::peer(format!(
            "cannot {verb} \"{}\" on {}: {}",
            self.database(),
            self.address(),
            cause(error)
        ))
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
    Url::parse(text).map_err(|error| {
        Failure::usage(format!("cannot use the database URL: {error}"))
            .hint("it looks like postgresql://ROLE@HOST:PORT/DATABASE")
    })
}
