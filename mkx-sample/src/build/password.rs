//! The one development password that every sampled account gets.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mkx_contract::tool::journal::make_state_directory;
use mkx_contract::tool::replace;
use mkx_contract::{Failure, Result, Secret};

use crate::setting::Setting;

/// As the application hashes passwords.
const BCRYPT_COST: u32 = 12;
/// bcrypt looks at no more.
const LIMIT_BYTES: usize = 72;
const FILE: &str = "development-password";
/// Without those that look alike; 20 of them are 116 bits.
const ALPHABET: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const LENGTH: usize = 20;

/// The password's hash, and where a person finds the password.
pub struct DevelopmentPassword {
    /// bcrypt; it is all that leaves this process.
    pub hash: Secret,
    /// The file that holds it, where we made it.
    pub file: Option<PathBuf>,
}

/// The site's own password, else one that is generated once and kept in a file of mode 0600 under
/// the state `directory`.
///
/// # Errors
/// Exit 3 where the site's is missing or too long; exit 4 where the file can not be written.
pub fn of(setting: &Setting, directory: &Path) -> Result<DevelopmentPassword> {
    let (password, file) = match &setting.sample.password {
        Some(source) => (setting.secret(source)?, None),
        None => {
            let path = directory.join(FILE);
            (kept(directory, &path)?, Some(path))
        }
    };
    if password.expose().len() > LIMIT_BYTES {
        return Err(Failure::input(format!(
            "cannot use the development password: it is longer than {LIMIT_BYTES} bytes, which bcrypt would cut off"
        )));
    }
    let hash = bcrypt::hash(password.expose(), BCRYPT_COST)
        .map_err(|error| Failure::peer(format!("cannot hash the development password: {error}")))?;
    Ok(DevelopmentPassword {
        hash: Secret::new(hash),
        file,
    })
}

fn kept(directory: &Path, path: &Path) -> Result<Secret> {
    let cannot = |verb: &str, error: &dyn std::fmt::Display| {
        Failure::peer(format!(
            "cannot {verb} the development password {}: {error}",
            path.display()
        ))
    };
    match std::fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => {
            let only_owner = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(path, only_owner).map_err(|error| cannot("guard", &error))?;
            return Ok(Secret::new(text.trim()));
        }
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(cannot("read", &error));
        }
        _ => {}
    }
    make_state_directory(directory)?;
    let password = generated()?;
    let text = format!("{}\n", password.expose());
    replace::file(path, text, 0o600).map_err(|error| cannot("write", &error))?;
    Ok(password)
}

fn generated() -> Result<Secret> {
    let mut text = String::with_capacity(LENGTH);
    while text.len() < LENGTH {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| Failure::peer(format!("cannot make a password: {error}")))?;
        // Bytes beyond the last whole round of the alphabet would favour its first letters.
        let whole = 256 - 256 % ALPHABET.len();
        let letters = bytes.iter().filter(|byte| usize::from(**byte) < whole);
        let letters = letters.map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
        text.extend(letters.take(LENGTH - text.len()));
    }
    Ok(Secret::new(text))
}

/// A key for one run's pseudonyms, which is not kept.
///
/// # Errors
/// Exit 4 where the system gives no randomness.
pub fn fresh_key() -> Result<Secret> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::peer(format!("cannot make a key: {error}")))?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_password_is_kept_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let path = state.join(FILE);
        let first = kept(&state, &path).unwrap();
        assert_eq!(first.expose().len(), LENGTH);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(kept(&state, &path).unwrap().expose(), first.expose());
    }
}
