//! Passwords from libpq's password file (`PGPASSFILE`, else `~/.pgpass`).

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use mkx_contract::Secret;
use mkx_contract::tool::voice;

use super::address::Address;

/// The password of the first line that fits. As with libpq, a file that others may read is not
/// used, with a warning.
pub fn lookup(address: &Address) -> Option<Secret> {
    let path = path(address)?;
    let metadata = std::fs::metadata(&path).ok()?;
    if metadata.permissions().mode() & 0o077 != 0 {
        voice::warn(format!(
            "the password file {} is not used: others may read it (chmod 0600)",
            path.display()
        ));
        return None;
    }
    let text = std::fs::read_to_string(&path).ok()?;
    find(&text, address).map(Secret::new)
}

fn path(address: &Address) -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    address
        .passfile
        .clone()
        .or_else(|| variable("PGPASSFILE").map(PathBuf::from))
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".pgpass")))
}

fn find(text: &str, address: &Address) -> Option<String> {
    let host = if address.is_socket() {
        "localhost"
    } else {
        &address.host
    };
    let port = address.port.to_string();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(fields)
        .find(|[line_host, line_port, database, user, _]| {
            let fits = |pattern: &str, value: &str| pattern == "*" || pattern == value;
            (fits(line_host, host) || line_host == &address.host)
                && fits(line_port, &port)
                && fits(database, &address.database)
                && fits(user, &address.user)
        })
        .map(|[.., password]| password)
}

/// `host:port:database:user:password`; a backslash keeps the next character as it is.
fn fields(line: &str) -> Option<[String; 5]> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ':' if fields.len() < 5 => fields.push(String::new()),
            '\\' => fields.last_mut()?.extend(characters.next()),
            other => fields.last_mut()?.push(other),
        }
    }
    fields.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let url = super::super::address::parse_url("postgresql://a@h:7/m").unwrap();
        let address = Address::of(&url).unwrap();
        assert_eq!(find(text, &address).as_deref(), expected);
    }

    #[test]
    fn the_first_line_that_fits_gives_the_password() {
        check("h:7:m:a:secret", Some("secret"));
        check("*:*:*:*:first\nh:7:m:a:second", Some("first"));
        check("h:8:m:a:no\nh:7:*:a:yes", Some("yes"));
        check("#h:7:m:a:no", None);
        check("h:7:m:a:with\\:colon\\\\", Some("with:colon\\"));
        check("h:7:m:a:with:colon", Some("with:colon"));
        check("h:7:m", None);
    }
}
