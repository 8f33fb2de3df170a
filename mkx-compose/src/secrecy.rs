//! What may be shown of a variable.
//!
//! Three answers, since two would each be wrong somewhere: what is *known to be public* may be
//! printed; what is *a secret* by its name or its value is a finding where it does not belong; what
//! is neither is kept back like a secret, and nobody is accused of it.

use mkx_contract::Site;
use mkx_contract::record::secret;
use url::Url;

/// What a variable's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// It may be printed.
    Public,
    /// It is kept back: nothing tells that it is public.
    Unknown,
    /// Its name or its value says that it is a secret.
    Secret,
}

/// Judges by the site's own word, else by name and value.
pub fn of(site: &Site, name: &str, value: &str) -> Secrecy {
    let own = site.variables.get(name);
    match own.and_then(|variable| variable.secret) {
        Some(false) => Secrecy::Public,
        Some(true) => Secrecy::Secret,
        // What the site document itself says of it is no secret.
        None if own.is_some_and(|own| says(own, value)) => Secrecy::Public,
        None => judge(name, value),
    }
}

fn says(own: &mkx_contract::record::site::Variable, value: &str) -> bool {
    let said = [&own.ea, &own.eb];
    said.iter().any(|text| text.as_deref() == Some(value))
}

/// True where the variable's value is a secret.
pub fn is_secret(site: &Site, name: &str, value: &str) -> bool {
    of(site, name, value) == Secrecy::Secret
}

/// True where the variable's name alone says that its value is a secret.
pub fn is_secret_name(site: &Site, name: &str) -> bool {
    let own = site
        .variables
        .get(name)
        .and_then(|variable| variable.secret);
    own.unwrap_or_else(|| secret::is_secret_name(name))
}

/// True where the variable's value may be printed.
pub fn is_public(site: &Site, name: &str, value: &str) -> bool {
    of(site, name, value) == Secrecy::Public
}

fn judge(name: &str, value: &str) -> Secrecy {
    // An address is a secret by the password in it alone, unless it is what opens (a webhook).
    let upper = name.to_ascii_uppercase();
    let is_address = upper.ends_with("URL") && !upper.contains("WEBHOOK") && is_place(value);
    let is_named = secret::is_secret_name(name) && !is_switch(value) && !is_address;
    let is_host = is_domain(value) && has_public_name(name);
    // `STRIPE_PUBLISHABLE_KEY` looks generated, and is meant for everybody.
    let is_meant_for_all = upper.contains("PUBLIC") || upper.contains("PUBLISHABLE");
    if opens(value) || is_named || (is_secret_value(value) && !is_meant_for_all) {
        Secrecy::Secret
    } else if is_amount(value) || is_place(value) || is_host || is_said(name, value) {
        Secrecy::Public
    } else {
        Secrecy::Unknown
    }
}

/// True for what is a secret whatever it is called: a URL with a password, a private key, a text
/// that only a random generator writes, a password's hash.
pub fn is_secret_value(value: &str) -> bool {
    is_password_hash(value) || opens(value) || value.split([',', ' ', '=', '/', '@']).any(is_random)
}

/// True for what opens something, in a text of any kind: a hash is made to be kept where it is
/// seen, and what looks random may be a name.
pub fn opens(value: &str) -> bool {
    let url = Url::parse(value.trim()).ok().filter(Url::has_host);
    // `…?user=a&password=b`, `--password=b`
    let is_given = |part: &str| {
        part.split_once('=').is_some_and(|(name, value)| {
            let name = name.trim_start_matches('-').to_ascii_uppercase();
            let is_text = value.len() > 3 && !value.contains('$') && !is_place(value);
            secret::is_secret_name(&name) && is_text && !is_amount(value)
        })
    };
    value.contains("PRIVATE KEY-----")
        || value.split(['?', '&', ';', ' ']).any(is_given)
        || url.is_some_and(|url| url.password().is_some() || is_random(url.username()))
}

/// True for what is made of a password, and made to be kept where it is seen.
pub fn is_password_hash(value: &str) -> bool {
    let value = value.replace("$$", "$");
    let mut marks = HASHES.iter().chain(&["$6$", "$pbkdf2"]);
    marks.any(|mark| value.contains(mark))
}

/// How the hashes begin that a proxy takes for Basic Auth.
pub const HASHES: [&str; 5] = ["$2a$", "$2b$", "$2y$", "$apr1$", "$argon2"];

/// True for a secret that is a word as people write them: `paperless` is in what is called so too.
pub fn is_common_word(secret: &str) -> bool {
    secret.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

/// True for 24 and more characters of letters and digits mixed as nobody writes them by hand.
/// Digests, commits and UUIDs name things, they open nothing.
fn is_random(text: &str) -> bool {
    let is_of_keys = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    let is_hex = text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let count = |is: fn(&char) -> bool| text.chars().filter(is).count();
    let digits = count(char::is_ascii_digit);
    let bytes = text.as_bytes();
    // `shop2024-worker` changes once from letters to digits and back, a token all the time.
    let changes = bytes
        .windows(2)
        .filter(|two| two[0].is_ascii_digit() != two[1].is_ascii_digit())
        .count();
    text.len() >= 24
        && text.chars().all(is_of_keys)
        && !(is_hex && matches!(text.len(), 32 | 36 | 40 | 64))
        && !text.starts_with("sha256")
        && digits * 10 >= text.len()
        && changes >= 4
        && entropy(text) >= 3.5
}

/// Shannon's entropy in bits a character.
fn entropy(text: &str) -> f64 {
    let mut counts = [0u32; 128];
    for byte in text.bytes().filter(u8::is_ascii) {
        counts[usize::from(byte)] += 1;
    }
    let length = text.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / length)
        .map(|share| -share * share.log2())
        .sum()
}

/// What a variable that is only about a secret may hold: nothing, or whether.
fn is_switch(value: &str) -> bool {
    let words = [
        "", "true", "false", "yes", "no", "on", "off", "none", "null",
    ];
    words.contains(&value.to_ascii_lowercase().as_str())
}

/// A switch, a number, a number with its unit.
fn is_amount(value: &str) -> bool {
    if is_switch(value) {
        return true;
    }
    let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    let unit = &value[number.len()..];
    number.len() <= 10 && unit.len() <= 3 && number.parse::<f64>().is_ok()
}

/// An address, a path, a URL without a user, parameters, or a part that looks made up.
fn is_place(value: &str) -> bool {
    let is_plain = |text: &str| {
        let is_of_names = |c: char| c.is_ascii_alphanumeric() || "._-:/".contains(c);
        !text.is_empty() && text.chars().all(is_of_names) && !text.split(['/', ':']).any(is_made_up)
    };
    if let Ok(url) = Url::parse(value)
        && url.has_host()
    {
        let is_bare = url.username().is_empty() && url.password().is_none();
        return is_bare && url.query().is_none() && url.fragment().is_none() && is_plain(value);
    }
    let is_path = value.starts_with('/') || value.starts_with("./") || value.starts_with("../");
    let is_address = value.parse::<std::net::IpAddr>().is_ok();
    is_address || (is_path && is_plain(value))
}

/// `db.example.org`, `10.0.0.1`, `db.example.org:5432`.
fn is_domain(value: &str) -> bool {
    let host = value.rsplit_once(':').map_or(value, |(host, port)| {
        if port.parse::<u16>().is_ok() {
            host
        } else {
            value
        }
    });
    let is_label = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    let is_top_level = last.len() >= 2 && last.chars().all(|c| c.is_ascii_alphabetic());
    (is_address || is_top_level) && host.split('.').all(is_label)
}

/// A part of a path that may be a token: long, of letters and digits.
fn is_made_up(part: &str) -> bool {
    part.len() >= 16
        && part.contains(|c: char| c.is_ascii_digit())
        && part.contains(|c: char| c.is_ascii_alphabetic())
}

/// Words as people write them, in a variable that says what runs, where, and how. A colon stands in
/// front of a port and an image's tag only, an `@` in an e-mail address.
fn is_said(name: &str, value: &str) -> bool {
    let is_of_words = |c: char| c.is_ascii_alphanumeric() || " ._-/,+".contains(c);
    let is_plain = |text: &str| {
        text.len() <= 64
            && text.chars().all(is_of_words)
            && !text.split([' ', ',', '/']).any(is_made_up)
    };
    let last = last_word(name);
    let (text, rest) = match last.as_str() {
        "EMAIL" | "FROM" | "SENDER" => value.split_once('@').unwrap_or((value, "")),
        "IMAGE" => value.split_once(':').unwrap_or((value, "")),
        "HOST" | "SERVER" | "HOSTS" | "SERVERS" => match value.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => (host, port),
            _ => (value, ""),
        },
        _ => (value, ""),
    };
    has_public_name(name) && is_plain(text) && is_plain(rest)
}

fn last_word(name: &str) -> String {
    let name = name.to_ascii_uppercase();
    name.rsplit('_').next().unwrap_or_default().to_owned()
}

/// The last words of names that say what is running, where, and how; never what opens it.
fn has_public_name(name: &str) -> bool {
    const WORDS: [&str; 64] = [
        "HOST",
        "HOSTNAME",
        "HOSTS",
        "SERVER",
        "PORT",
        "PORTS",
        "DOMAIN",
        "DOMAINS",
        "URL",
        "URI",
        "ORIGIN",
        "ORIGINS",
        "PATH",
        "DIR",
        "DIRECTORY",
        "FILE",
        "ROOT",
        "PREFIX",
        "BUCKET",
        "REGION",
        "ZONE",
        "TZ",
        "TIMEZONE",
        "LANG",
        "LANGUAGE",
        "LOCALE",
        "ENV",
        "ENVIRONMENT",
        "MODE",
        "LEVEL",
        "FORMAT",
        "DRIVER",
        "BACKEND",
        "ENGINE",
        "ADAPTER",
        "PROVIDER",
        "TYPE",
        "VERSION",
        "TAG",
        "IMAGE",
        "RELEASE",
        "BRANCH",
        "NAME",
        "DB",
        "DATABASE",
        "SCHEMA",
        "USER",
        "USERNAME",
        "ROLE",
        "EMAIL",
        "FROM",
        "QUEUE",
        "QUEUES",
        "TOPIC",
        "SERVICE",
        "NETWORK",
        "PROJECT",
        "POLICY",
        "VOLUME",
        "VOLUMES",
        "CONTAINER",
        "LIST",
        "COUNT",
        "SIZE",
    ];
    WORDS.contains(&last_word(name).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Secrecy::{Public, Secret, Unknown};

    #[track_caller]
    fn check(name: &str, value: &str, expected: Secrecy) {
        assert_eq!(judge(name, value), expected, "{name}={value}");
    }

    #[test]
    fn a_secret_is_one_whatever_it_is_called() {
        check("REDIS_URL", "redis://:word@cache:6379/0", Secret);
        check("MONGO_URI", "mongodb://root:word@db/admin", Secret);
        check("QUEUE", "amqp://user:word@queue:5672/", Secret);
        check("SPARE", "-----BEGIN RSA PRIVATE KEY-----\nabc", Secret);
        check("ADMIN", "developer:$2b$12$abcdefghijklmnopqrstuv", Secret);
        check("GLUE", "tok_9f8Ab7Qz61LmPq40XyZw83Kd", Secret);
        check("SMTP_PASS", "x", Secret);
        check(
            "JDBC",
            "jdbc:postgresql://db/x?user=a&password=letmein",
            Secret,
        );
    }

    #[test]
    fn what_is_not_known_to_be_public_is_kept_back() {
        check("AUTH_USERS", "admin:leak-users-0123456789", Unknown);
        check("PIN", "hunter", Unknown);
        check(
            "GIT_URL",
            "https://letmeinnow@github.example/x/y.git",
            Unknown,
        );
        check("AUTH_USER", "admin:letmeinnow", Unknown);
        check("ADMIN_LOGIN", "letmein.now", Unknown);
        check(
            "HOOK",
            "https://hooks.example/services/T0/B0/abcdef0123456789x",
            Unknown,
        );
        check("LINK", "https://x.example/?key=abc", Unknown);
        check("SPARE", "tr0ub4dor&3", Unknown);
        check(
            "COMMIT",
            "9f7b69d2c1a04e5f8b7a6c5d4e3f2a1b0c9d8e7f",
            Unknown,
        );
    }

    #[test]
    fn what_everybody_may_know_stays_readable() {
        check("LOG_LEVEL", "info", Public);
        check("WORKERS", "4", Public);
        check("LIMIT", "256mb", Public);
        check("DEBUG", "False", Public);
        check("BASE", "https://example.org/api", Public);
        check("CACHE", "redis://cache:6379/1", Public);
        check("SITE_DOMAIN", "example.org", Public);
        check("MAIL_FROM", "hello@example.org", Public);
        check("DB_HOST", "db:5432", Public);
        check("TOKEN_URL", "https://login.example/token", Public);
        check("DATA", "/srv/data", Public);
        check("TZ", "Europe/Berlin", Public);
        check("POSTGRES_USER", "paperless", Public);
        check("SMTP_PASS", "", Public);
        check("EVENTS_DATABASE_URL", "http://events:8123/all", Public);
        check("RANDOM_ROOT_PASSWORD", "true", Public);
    }
}
