//! Who may read what, and to whom it belongs.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Look;
use crate::rule::Rule;

/// Finds a secret that others may read, or that belongs to somebody else than its folder does.
pub fn secret(look: &mut Look, file: &Path) {
    let (Ok(metadata), Some(Ok(folder))) = (file.metadata(), file.parent().map(Path::metadata))
    else {
        return;
    };
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        let message = format!("others may read it: its mode is {mode:04o}");
        look.find(Rule::Readable, file, message).fix = format!("chmod 600 {}", file.display());
    }
    let (own, its) = (metadata.uid(), folder.uid());
    if !is_owner_right(own, its) {
        let message = format!("it belongs to user {own}, its folder to user {its}");
        look.find(Rule::Owner, file, message).fix = format!("chown {its} {}", file.display());
    }
}

/// Finds a file or folder that others may change.
pub fn writable(look: &mut Look, path: &Path) {
    if let Ok(metadata) = path.metadata()
        && metadata.mode() & 0o022 != 0
    {
        look.find(Rule::Writable, path, "others may change it").fix =
            format!("chmod go-w {}", path.display());
    }
}

/// Root may own everything.
fn is_owner_right(owner: u32, folder: u32) -> bool {
    owner == folder || owner == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_belongs_to_root_or_to_whom_its_folder_belongs() {
        assert!(is_owner_right(0, 1000));
        assert!(is_owner_right(1000, 1000));
        assert!(!is_owner_right(1000, 0));
        assert!(!is_owner_right(1001, 1000));
    }
}
