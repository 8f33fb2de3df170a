//! The file that says who may pass Basic Auth: `NAME:BCRYPT` a line, as htpasswd writes it.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mkx_contract::tool::voice;
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
    path: PathBuf,
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
            return Err(Failure::refused(format!(
                "cannot use {}: others may read it",
                path.display()
            ))
            .hint(format!("chmod 600 {}", path.display())));
        }
        let mut users: Vec<User> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |cause: &str| {
                Failure::input(format!(
                    "cannot use {}:{}: {cause}",
                    path.display(),
                    index + 1
                ))
            };
            let (name, hash) = line
                .split_once(':')
                .ok_or_else(|| wrong("it is not NAME:HASH"))?;
            check_name(name).map_err(|failure| wrong(&failure.message))?;
            if !is_bcrypt(hash) {
                return Err(
                    wrong("the hash is not bcrypt's").hint(format!("mkx-caddy users add {name}"))
                );
            }
            if users.iter().any(|user| user.name == name) {
                return Err(wrong("the name is there twice"));
            }
            users.push(User {
                name: name.to_owned(),
                hash: hash.to_owned(),
            });
        }
        Ok(Users {
            path: path.to_owned(),
            users,
        })
    }

    /// Reads, changes and replaces the file; the caller holds the site's lock.
    pub fn change<T>(path: &Path, change: impl FnOnce(&mut Users) -> Result<T>) -> Result<T> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)
            .map_err(|error| cannot("make the folder of", path, &error))?;
        let mut users = Users::read(path)?;
        let done = change(&mut users)?;
        users.write()?;
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
        match self.users.iter_mut().find(|user| user.name == name) {
            Some(user) => user.hash = hash,
            None => {
                self.users.push(User {
                    name: name.to_owned(),
                    hash,
                });
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes an account; true where there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.users.len();
        self.users.retain(|user| user.name != name);
        self.users.len() < before
    }

    /// True where nobody could log in.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// The accounts, in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = &User> {
        self.users.iter()
    }

    /// The new file takes the old one's place at once, and nobody else can ever read either.
    fn write(&self) -> Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let text: String = self
            .users
            .iter()
            .map(|user| format!("{}:{}\n", user.name, user.hash))
            .collect();
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::Builder::new()
                .permissions(std::fs::Permissions::from_mode(0o600))
                .tempfile_in(folder)?;
            if let Ok(old) = self.path.metadata() {
                // Run by root on a file of somebody else's, it stays theirs.
                let _ = std::os::unix::fs::fchown(file.as_file(), Some(old.uid()), Some(old.gid()));
            }
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&self.path).map_err(|error| error.error)?;
            std::fs::File::open(folder)?.sync_all()
        };
        write().map_err(|error| cannot("write", &self.path, &error))
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
    let folder = users_file.parent().unwrap_or(Path::new("."));
    let path = folder.join(format!("{name}.password"));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::Builder::new()
            .permissions(std::fs::Permissions::from_mode(0o600))
            .tempfile_in(folder)?;
        writeln!(file, "{}", password.expose())?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error| cannot("write", &path, &error))?;
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
