//! Mosquitto's password file: `NAME:$7$ITERATIONS$SALT$HASH` a line, PBKDF2 with SHA-512.

use std::fmt;
use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mkx_contract::{Failure, Result, Secret};
use ring::pbkdf2;

const ALGORITHM: pbkdf2::Algorithm = pbkdf2::PBKDF2_HMAC_SHA512;
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
        pbkdf2::derive(ALGORITHM, iterations, &salt, bytes, &mut hash);
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
        pbkdf2::verify(ALGORITHM, self.iterations, &self.salt, bytes, &self.hash).is_ok()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (salt, hash) = (STANDARD.encode(&self.salt), STANDARD.encode(&self.hash));
        write!(f, "$7${}${salt}${hash}", self.iterations)
    }
}

/// The accounts of a password file: each name, and its hash as it stands there.
pub fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(':'))
}

/// The password file with an account set, and whether it is new.
pub fn set(text: &str, name: &str, hash: &Hash) -> (String, bool) {
    let (others, was_there) = without(text, name);
    (format!("{others}{name}:{hash}\n"), !was_there)
}

/// The password file without an account, and whether it was there.
pub fn without(text: &str, name: &str) -> (String, bool) {
    let is_it = |line: &&str| line.split_once(':').is_some_and(|(n, _)| n.trim() == name);
    let (own, others): (Vec<&str>, Vec<&str>) = text.lines().partition(is_it);
    let others = others.iter().map(|line| format!("{line}\n"));
    (others.collect(), !own.is_empty())
}

/// A name that a password file, an ACL and a topic can hold.
pub fn check_name(name: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if (1..=64).contains(&name.len()) && name.chars().all(is_plain) {
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
