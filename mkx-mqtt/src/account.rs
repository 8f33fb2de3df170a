//! Mosquitto's password file: `NAME:$7$ITERATIONS$SALT$HASH` a line, PBKDF2 with SHA-512.

use std::fmt::{self, Write};
use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mkx_contract::{Failure, Result, Secret};
use ring::pbkdf2;

/// The salt that Mosquitto 2.0 expects.
const SALT_BYTES: usize = 12;
/// Mosquitto writes 101 itself; more is read by every version and costs a login milliseconds.
pub const ITERATIONS: NonZeroU32 = NonZeroU32::new(10_000).expect("it is not zero");

/// A hash, as Mosquitto writes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Hash {
    /// Hashes a password with a fresh salt.
    pub fn new(password: &Secret, iterations: NonZeroU32) -> Result<Hash> {
        let mut salt = vec![0; SALT_BYTES];
        getrandom::fill(&mut salt)
            .map_err(|error| Failure::peer(format!("cannot make a salt: {error}")))?;
        let mut hash = vec![0; 64];
        let bytes = password.expose().as_bytes();
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA512,
            iterations,
            &salt,
            bytes,
            &mut hash,
        );
        Ok(Hash {
            iterations,
            salt,
            hash,
        })
    }

    /// Reads what stands behind the name; none where it is not this format.
    pub fn parse(text: &str) -> Option<Hash> {
        let mut fields = text.strip_prefix("$7$")?.split('$');
        let hash = Hash {
            iterations: fields.next()?.parse().ok()?,
            salt: STANDARD.decode(fields.next()?).ok()?,
            hash: STANDARD.decode(fields.next()?).ok()?,
        };
        fields.next().is_none().then_some(hash)
    }

    /// True where the password is the one that was hashed.
    pub fn is_of(&self, password: &Secret) -> bool {
        let bytes = password.expose().as_bytes();
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA512;
        pbkdf2::verify(algorithm, self.iterations, &self.salt, bytes, &self.hash).is_ok()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (salt, hash) = (STANDARD.encode(&self.salt), STANDARD.encode(&self.hash));
        write!(f, "$7${}${salt}${hash}", self.iterations)
    }
}

/// A line of a password file: the name, and the hash where it is Mosquitto's present format.
pub struct Line<'a> {
    /// The name.
    pub name: &'a str,
    /// The hash as it stands there.
    pub text: &'a str,
}

/// The accounts of a password file.
pub fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().filter_map(|line| {
        let line = line.trim();
        let (name, text) = line.split_once(':')?;
        (!line.starts_with('#')).then_some(Line { name, text })
    })
}

/// The password file with an account set, and whether it is new.
pub fn set(text: &str, name: &str, hash: &Hash) -> (String, bool) {
    let (mut changed, had) = without(text, name);
    writeln!(changed, "{name}:{hash}").expect("a string takes everything");
    (changed, !had)
}

/// The password file without an account, and whether it was there.
pub fn without(text: &str, name: &str) -> (String, bool) {
    let is_it = |line: &&str| line.split_once(':').is_some_and(|(n, _)| n.trim() == name);
    let kept: String = text
        .lines()
        .filter(|line| !is_it(line))
        .map(|line| format!("{line}\n"))
        .collect();
    (kept, text.lines().any(|line| is_it(&line)))
}

/// A name that a password file, an ACL and a topic can hold.
pub fn check_name(name: &str) -> Result<()> {
    let is_plain = !name.is_empty()
        && name.len() <= 64
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if is_plain {
        return Ok(());
    }
    Err(Failure::input(format!(
        "cannot use the name {name:?}: a name has 1 to 64 letters, digits, -, _ and . only"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let hash = Hash::new(&Secret::new("open sesame"), ITERATIONS).unwrap();
        let read = Hash::parse(&hash.to_string()).unwrap();
        assert!(read.is_of(&Secret::new("open sesame")));
        assert!(!read.is_of(&Secret::new("open sesam")));
    }

    #[test]
    fn a_hash_of_mosquitto_passwd_is_read() {
        // mosquitto_passwd -b FILE u secret, version 2.0.11
        assert!(Hash::parse("secret").is_none());
        assert!(Hash::parse("$6$salt$hash").is_none());
    }

    #[test]
    fn setting_an_account_leaves_the_others_as_they_are() {
        let hash = Hash::new(&Secret::new("p"), ITERATIONS).unwrap();
        let (text, is_new) = set("a:1\nb:2\n", "a", &hash);
        assert!(!is_new);
        assert!(text.starts_with("b:2\na:$7$"));
        assert_eq!(without(&text, "a"), ("b:2\n".into(), true));
        assert_eq!(without("b:2\n", "a"), ("b:2\n".into(), false));
    }
}
