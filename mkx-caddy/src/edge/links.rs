//! Links in a vault that lead out of it. Caddy follows links, so that what they lead to would be
//! served: production's files, the edge's own keys.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use mkx_contract::tool::voice;
use mkx_contract::{Failure, Result};
use walkdir::WalkDir;

/// Path patterns that refuse every link of the vault which leads out of it, or nowhere.
///
/// A vault that is not on this machine has none that we could know of; that is said on stderr.
pub fn leading_out(vault: &Path) -> Result<Vec<String>> {
    let Ok(root) = vault.canonicalize() else {
        voice::say(format!(
            "{} is not on this machine: links that lead out of it are not looked for",
            vault.display()
        ));
        return Ok(Vec::new());
    };
    let mut patterns = Vec::new();
    for entry in WalkDir::new(&root).sort_by_file_name() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if is_hidden(&error) => continue,
            Err(error) => {
                return Err(Failure::peer(format!(
                    "cannot look for links in {}: {error}",
                    vault.display()
                )));
            }
        };
        if !entry.path_is_symlink() {
            continue;
        }
        let leads_inside = entry
            .path()
            .canonicalize()
            .is_ok_and(|target| target.starts_with(&root));
        if !leads_inside {
            let relative = entry.path().strip_prefix(&root).unwrap_or(entry.path());
            patterns.extend(refusing(relative.as_os_str()));
        }
    }
    Ok(patterns)
}

/// A folder that only root may read (`lost+found`) is one that Caddy can not serve either, and
/// a file may go away while we look.
fn is_hidden(error: &walkdir::Error) -> bool {
    matches!(
        error.io_error().map(std::io::Error::kind),
        Some(std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::NotFound)
    )
}

/// The patterns for one path. From an odd byte on everything is refused: a pattern has no way
/// to quote one.
fn refusing(relative: &OsStr) -> Vec<String> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+@=,~".contains(byte);
    let bytes = relative.as_bytes();
    let end = bytes.iter().position(|byte| !plain(byte));
    let text = String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]);
    match end {
        Some(_) => vec![format!("/{text}*")],
        None => vec![format!("/{text}"), format!("/{text}/*")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_links_that_lead_out_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let vault = dir.path().join("vault");
        std::fs::create_dir_all(vault.join("00/01")).unwrap();
        std::fs::write(vault.join("00/01/a.png"), "a").unwrap();
        symlink("a.png", vault.join("00/01/inside.png")).unwrap();
        symlink("/etc", vault.join("00/etc")).unwrap();
        symlink("/etc/passwd", vault.join("pass word")).unwrap();
        symlink("gone", vault.join("broken")).unwrap();
        assert_eq!(
            leading_out(&vault).unwrap(),
            ["/00/etc", "/00/etc/*", "/broken", "/broken/*", "/pass*"]
        );
    }

    #[test]
    fn a_vault_that_is_not_here_has_none() {
        assert!(
            leading_out(Path::new("/nowhere/at/all"))
                .unwrap()
                .is_empty()
        );
    }
}
