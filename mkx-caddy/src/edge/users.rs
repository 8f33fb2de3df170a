//! The file that says who may pass Basic Auth: `NAME:BCRYPT` a line, as htpasswd writes it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use mkx_contract::tool::{replace, voice};
use mkx_contract::{Failure, Result, Secret};

/// Bcrypt takes no more; what is longer would be cut without a word.
const LONGEST_PASSWORD_BYTES: usize = 72;

/// One account.
#[derive(Clone)]
pub struct User {
    /// The name.
    pub name: String,
    /// The bcrypt hash.
    pub hash: String,
}

/// The accounts of one users file.
pub struct Users {
    users: Vec<User>,
}

impl Users {
    /// Reads the file; one that is not there has no accounts.
    ///
    /// # Errors
    /// Exit 3 for a line that is not an account, and exit 5 where others may read the file.
    pub fn read(path: &Path) -> Result<Users> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(cannot("read", path, &error)),
        };
        if let Ok(metadata) = path.metadata()
            && metadata.mode() & 0o077 != 0
        {
            let file = path.display();
            let refused = Failure::refused(format!("cannot use {file}: others may read it"));
            return Err(refused.hint(format!("chmod 600 {file}")));
        }
        let mut users: Vec<User> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = format!("{}:{}", path.display(), index + 1);
            let wrong = |cause: &str| Failure::input(format!("cannot use {place}: {cause}"));
            let account = line.split_once(':');
            let (name, hash) = account.ok_or_else(|| wrong("it is not NAME:HASH"))?;
            check_name(name).map_err(|failure| wrong(&failure.message))?;
            if !is_bcrypt(hash) {
                let hint = format!("mkx-caddy users add {name}");
                return Err(wrong("the hash is not bcrypt's").hint(hint));
            }
            if users.iter().any(|user| user.name == name) {
                return Err(wrong("the name is there twice"));
            }
            users.push(User {
                name: name.to_owned(),
                hash: hash.to_owned(),
            });
        }
        Ok(Users { users })
    }

    /// Reads, changes and replaces the file; the caller holds the site's lock.
    pub fn change<T>(path: &Path, change: impl FnOnce(&mut Users) -> Result<T>) -> Result<T> {
        if let Some(folder) = path.parent().filter(|folder| folder.is_dir()) {
            replace::sweep(folder).map_err(|error| cannot("tidy the folder of", path, &error))?;
        }
        let mut users = Users::read(path)?;
        let done = change(&mut users)?;
        let users = users.iter();
        let lines: String = users
            .map(|user| format!("{}:{}\n", user.name, user.hash))
            .collect();
        replace::file(path, lines, replace::PRIVATE)
            .map_err(|error| cannot("write", path, &error))?;
        Ok(done)
    }

    /// Sets an account's password; true where the account is new.
    pub fn add(&mut self, name: &str, password: &Secret, cost: u32) -> Result<bool> {
        check_name(name)?;
        if password.expose().is_empty() || password.expose().len() > LONGEST_PASSWORD_BYTES {
            return Err(Failure::input(format!(
                "cannot use the password: it must have 1 to {LONGEST_PASSWORD_BYTES} bytes"
            )));
        }
        let hash = bcrypt::hash(password.expose(), cost)
            .map_err(|error| Failure::input(format!("cannot hash the password: {error}")))?;
        if let Some(user) = self.users.iter_mut().find(|user| user.name == name) {
            user.hash = hash;
            return Ok(false);
        }
        let name = name.to_owned();
        self.users.push(User { name, hash });
        Ok(true)
    }

    /// Removes an account.
    ///
    /// # Errors
    /// Exit 1 where there is none of that name.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        let at = self.users.iter().position(|user| user.name == name);
        let missing = || Failure::no(format!("cannot remove {name}: there is no such account"));
        self.users.remove(at.ok_or_else(missing)?);
        Ok(())
    }

    /// True where nobody could log in.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// The accounts, in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = &User> {
        self.users.iter()
    }
}

/// A password of 24 letters and digits, from the kernel's random numbers.
pub fn generated_password() -> Result<Secret> {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
    let mut password = String::new();
    while password.len() < 24 {
        let mut byte = [0];
        getrandom::fill(&mut byte)
            .map_err(|error| Failure::peer(format!("cannot make a password: {error}")))?;
        // Bytes above the last whole multiple would favour the first letters.
        let whole = 256 - 256 % LETTERS.len();
        if usize::from(byte[0]) < whole {
            password.push(LETTERS[usize::from(byte[0]) % LETTERS.len()].into());
        }
    }
    Ok(Secret::new(password))
}

/// A generated password goes into a file of its own, never to a terminal or a log.
pub fn keep_password(users_file: &Path, name: &str, password: &Secret) -> Result<PathBuf> {
    let path = users_file.with_file_name(format!("{name}.password"));
    let line = format!("{}\n", password.expose());
    replace::file(&path, line, replace::PRIVATE).map_err(|error| cannot("write", &path, &error))?;
    voice::say(format!("the password is in {}", path.display()));
    Ok(path)
}

/// Names are labels' and directives' words too: no dot, and no number at the end after `_`.
fn check_name(name: &str) -> Result<()> {
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if is_plain {
        return Ok(());
    }
    Err(Failure::input(format!(
        "cannot use the name {name:?}: a name begins with a letter and has letters, digits and - only"
    )))
}

/// True for a hash that Caddy takes.
pub fn is_bcrypt(hash: &str) -> bool {
    hash.starts_with("$2") && hash.parse::<bcrypt::HashParts>().is_ok()
}

fn cannot(verb: &str, path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::peer(format!("cannot {verb} {}: {error}", path.display()))
}
