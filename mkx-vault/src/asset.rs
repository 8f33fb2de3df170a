//! What a file of a vault is, by its path and what the site says of such paths.

use mkx_contract::record::site::FileKind;
use mkx_contract::{EnvironmentName, Failure, Result, Site};
use regex::RegexSet;

use crate::temporary;

/// The class of files that a copier or the application has not finished.
const TEMPORARY: &str = "temporary";
/// The class of what no kind fits.
const OTHER: &str = "other";

/// The kinds of files of one vault.
pub struct Kinds<'a> {
    kinds: &'a [FileKind],
    patterns: RegexSet,
}

impl Kinds<'_> {
    /// Those that the site names for an environment; without any, every file counts.
    pub fn of(site: Option<&Site>, environment: EnvironmentName) -> Result<Kinds<'_>> {
        let vault = site.and_then(|site| site.environment(environment).vault.as_ref());
        Kinds::new(vault.map_or(&[], |vault| &vault.files))
    }

    fn new(kinds: &[FileKind]) -> Result<Kinds<'_>> {
        let whole = kinds.iter().map(|kind| format!("^(?:{})$", kind.pattern));
        let patterns = RegexSet::new(whole).map_err(|error| {
            Failure::input(format!("cannot use the patterns of vault.files: {error}"))
        })?;
        Ok(Kinds { kinds, patterns })
    }

    /// The class of a path below the vault's root.
    pub fn class(&self, path: &str) -> &str {
        if is_ours(path) {
            return TEMPORARY;
        }
        match self.kind(path) {
            Some(kind) => &kind.class,
            None if self.kinds.is_empty() && !is_hidden(path) => "file",
            None => OTHER,
        }
    }

    /// True for what a manifest may name, and so may lack: `prune` touches nothing else.
    pub fn is_sampled(&self, path: &str) -> bool {
        match self.kind(path) {
            Some(kind) => kind.sampled && !is_ours(path),
            None => self.kinds.is_empty() && !is_hidden(path),
        }
    }

    /// True for what is there although nobody has finished it.
    pub fn is_temporary(&self, path: &str) -> bool {
        self.class(path) == TEMPORARY
    }

    fn kind(&self, path: &str) -> Option<&FileKind> {
        let first = self.patterns.matches(path).iter().next()?;
        self.kinds.get(first)
    }
}

fn is_ours(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(temporary::is_ours)
}

/// True for what an application does not show: hidden names, and those of temporary files.
fn is_hidden(path: &str) -> bool {
    path.starts_with("lost+found/")
        || path.ends_with(".tmp")
        || path.split('/').any(|name| name.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";

    #[track_caller]
    fn check(path: &str, class: &str, is_sampled: bool) {
        let preset = include_str!("../../mkx-compose/presets/makapix.json");
        let preset: serde_json::Value = serde_json::from_str(preset).unwrap();
        let files = preset["environments"]["eb"]["vault"]["files"].clone();
        let kinds: Vec<FileKind> = serde_json::from_value(files).unwrap();
        let kinds = Kinds::new(&kinds).unwrap();
        let path = path.replace("UUID", UUID);
        assert_eq!(kinds.class(&path), class, "{path}");
        assert_eq!(kinds.is_sampled(&path), is_sampled, "{path}");
    }

    #[test]
    fn each_path_of_the_preset_has_its_class() {
        check("24/07/UUID.png", "artwork", true);
        check("a4/47/ee/UUID.bmp", "artwork", true);
        check("24/07/UUID_upscaled.webp", "upscaled", true);
        check("avatar/24/07/UUID.jpg", "avatar", true);
        check("avatar/a4/47/ee/UUID.gif", "avatar", true);
        check("blog_image/24/07/UUID.png", "blog_image", true);
        check("mkpx/24/07/UUID.mkpx", "layers", false);
        check("bdr/Ab3xYz/UUID.zip", "batch_download", false);
        check("24/07/UUID.png.712.reshard-tmp", "temporary", false);
        check(
            "24/07/.UUID.png.mkx-0123456789abcdef.tmp",
            "temporary",
            false,
        );
    }

    #[test]
    fn what_only_looks_like_one_is_left_alone() {
        for path in [
            "UUID.png",
            "24/UUID.png",
            "44/07/UUID.png",
            "A4/47/ee/UUID.png",
            "24/07/UUID.PNG",
            "24/07/UUID.txt",
            "24/07/UUID.png.bak",
            "24/07/UUID_upscaled.png",
            "24/07/README.png",
            "avatar/UUID.png",
            "other/24/07/UUID.png",
            "lost+found/#1234",
        ] {
            check(path, OTHER, false);
        }
    }

    #[test]
    fn without_kinds_every_file_counts_that_is_not_hidden_or_temporary() {
        let kinds = Kinds::new(&[]).unwrap();
        for path in ["a.jpg", "2024/05/a b.pdf", "mkpx/x"] {
            assert!(kinds.is_sampled(path), "{path}");
            assert_eq!(kinds.class(path), "file");
        }
        for path in [
            ".a",
            "a/.b/c",
            "a.tmp",
            "lost+found/#1",
            ".a.png.mkx-0123456789abcdef.tmp",
        ] {
            assert!(!kinds.is_sampled(path), "{path}");
        }
    }
}
