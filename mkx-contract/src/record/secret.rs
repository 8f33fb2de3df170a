//! Values that can not be printed: passwords, keys, tokens.

use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::{Failure, Result};

/// What stands in the place of a secret wherever it would be printed.
pub const HIDDEN: &str = "***";

/// Words that make a name a secret's wherever they stand in it: `SECRET_KEY_BASE`.
const SECRET_WORDS: [&str; 12] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PASSCODE",
    "SECRET",
    "SECRETS",
    "TOKEN",
    "SALT",
    "DSN",
    "PEM",
    "CREDENTIALS",
    "WEBHOOK",
];

/// Words that do so as the last one, also behind others without a mark between: `DBPASS`.
const SECRET_ENDS: [&str; 10] = [
    "PASSWORD",
    "PASS",
    "PWD",
    "SECRET",
    "SECRETKEY",
    "APIKEY",
    "ACCESSKEY",
    "TOKEN",
    "HASH",
    "KEY",
];

/// Last words of what is about a secret, and is none: `TOKEN_TTL`, `PASSWORD_FILE`.
const ABOUT_SECRETS: [&str; 34] = [
    "FILE",
    "PATH",
    "DIR",
    "DIRECTORY",
    "DAYS",
    "HOURS",
    "MINUTES",
    "SECONDS",
    "TTL",
    "EXPIRE",
    "EXPIRES",
    "EXPIRY",
    "LIFETIME",
    "TIMEOUT",
    "LENGTH",
    "MIN",
    "MAX",
    "ALGORITHM",
    "ENABLED",
    "DISABLED",
    "REQUIRED",
    "ALLOWED",
    "ISSUER",
    "AUDIENCE",
    "HEADER",
    "VARIABLE",
    "ROUNDS",
    "COMMAND",
    "NAME",
    "BACKEND",
    "PROVIDER",
    "PORT",
    "TYPE",
    "POLICY",
];

/// Words in front of `KEY` that make it another kind of key.
const OTHER_KEYS: [&str; 7] = [
    "PUBLIC",
    "PUBLISHABLE",
    "PRIMARY",
    "FOREIGN",
    "SORT",
    "PARTITION",
    "SITE",
];

/// True where a variable of this name holds a secret, as far as its name tells:
/// `DB_ADMIN_PASSWORD`, `SECRET_KEY_BASE`, `PAPERLESS_DBPASS`, `SENTRY_DSN`; `DATABASE_URL` carries
/// a password. What is about a secret (`MQTT_CA_KEY_FILE`), and what is meant for everybody
/// (`STRIPE_PUBLIC_KEY`), is none.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let last = words.last().copied().unwrap_or_default();
    let is_any = |known: &[&str]| words.iter().any(|word| known.contains(word));
    if ABOUT_SECRETS.contains(&last) || is_any(&OTHER_KEYS) {
        return false;
    }
    let is_word = ["COMPASS", "BYPASS", "OVERPASS"].contains(&last);
    let is_access_key = words.windows(2).any(|two| two == ["ACCESS", "KEY"]);
    name.ends_with("DATABASE_URL")
        || is_access_key
        || is_any(&SECRET_WORDS)
        || !is_word
            && SECRET_ENDS
                .iter()
                .any(|end| last.ends_with(end) && (*end != "KEY" || last == *end))
}

/// A secret value. `Debug` and `Serialize` give `***`; there is no `Display` and no `Default`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value that came from a file, the environment or stdin.
    pub fn new(value: impl Into<String>) -> Self {
        Secret(value.into())
    }

    /// Lends the value to the one place that needs it. Never print it, log it, or put it among
    /// the arguments of a program.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// Where a secret is to be found; the site document holds this, never the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A variable of the tool's own environment.
    Env(String),
    /// A file whose first line is the secret.
    File(PathBuf),
    /// A variable in one of the environment's own env files (the last file that sets it wins).
    EnvFile(String),
}

impl Source {
    /// Reads the secret. `env_files` are the environment's env files, in order of precedence.
    ///
    /// # Errors
    /// Exit 3 where the variable or file is missing or empty; the message names it, never the value.
    pub fn read(&self, env_files: &[PathBuf]) -> Result<Secret> {
        match self {
            Source::Env(name) => match std::env::var(name) {
                Ok(value) if !value.is_empty() => Ok(Secret::new(value)),
                _ => Err(Failure::input(format!(
                    "cannot read a secret: the environment variable {name} is not set"
                ))
                .hint(format!(
                    "set it without a trace in the shell's history: read -rs {name} && export {name}"
                ))),
            },
            Source::File(path) => read_first_line(path),
            Source::EnvFile(name) => read_from_env_files(name, env_files),
        }
    }
}

fn read_first_line(path: &Path) -> Result<Secret> {
    let cannot = |cause: &dyn fmt::Display| {
        Failure::input(format!(
            "cannot read a secret from {}: {cause}",
            path.display()
        ))
        .hint("put it into the file's first line, and let nobody else read it: chmod 600")
    };
    let text = std::fs::read_to_string(path).map_err(|error| cannot(&error))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Secret::new(line)),
        _ => Err(cannot(&"its first line is empty")),
    }
}

fn read_from_env_files(name: &str, env_files: &[PathBuf]) -> Result<Secret> {
    for path in env_files.iter().rev() {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::input(format!("cannot read {}: {error}", path.display())))?;
        if let Some(value) = crate::record::site::env_file::lookup(&text, name)
            && !value.is_empty()
        {
            return Ok(Secret::new(value));
        }
    }
    Err(Failure::input(format!(
        "cannot read a secret: no env file of the environment sets {name}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_stars_wherever_it_is_printed() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
    }

    #[test]
    fn a_name_tells_whether_its_value_is_secret() {
        for name in [
            "DB_ADMIN_PASSWORD",
            "JWT_SECRET_KEY",
            "MAKAPIX_IP_HASH_SALT",
            "SENTRY_DSN",
            "DATABASE_URL",
            "PGPASSWORD",
            "jwt_secret",
            "SECRET_KEY_BASE",
            "SMTP_PASS",
            "PG_PASS",
            "PAPERLESS_DBPASS",
            "DJANGO_SECRETKEY",
            "JWT_SECRET_HS256",
            "AWS_ACCESS_KEY_ID",
            "SLACK_WEBHOOK",
            "TLS_PEM",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "DB_DATABASE",
            "MQTT_CA_KEY_FILE",
            "BASE_URL",
            "MQTT_PASSWD_FILE",
            "CERT_RENEWAL_THRESHOLD_DAYS",
            "SQIDS_ALPHABET",
            "ACCESS_TOKEN_EXPIRE_MINUTES",
            "STRIPE_PUBLIC_KEY",
            "COMPASS",
            "MONKEY",
            "BYPASS_CACHE",
            "PRIVATE_NETWORKS",
            "SORT_KEY",
            "WEBHOOK_PORT",
            "CSRF_TOKEN_HEADER_NAME",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn an_empty_file_is_not_an_empty_secret() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let failure = Source::File(file.path().into()).read(&[]).unwrap_err();
        assert_eq!(failure.kind.exit_code(), 3);
        assert!(failure.hint.unwrap().contains("chmod 600"));
    }

    #[test]
    fn the_last_env_file_that_sets_the_variable_wins() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&first, "PASSWORD=one\n").unwrap();
        std::fs::write(&second, "PASSWORD='two'\n").unwrap();
        let secret = Source::EnvFile("PASSWORD".into()).read(&[first, second]);
        assert_eq!(secret.unwrap().expose(), "two");
    }
}
