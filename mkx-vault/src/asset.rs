//! What a file of a Makapix vault is, by the form of its path.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::temporary;

/// The kinds of files in a vault.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// `24/07/UUID.png` and its variants; with three folders in the legacy scheme.
    Artwork,
    /// `24/07/UUID_upscaled.webp`.
    Upscaled,
    /// `avatar/24/07/UUID.png`.
    Avatar,
    /// `blog_image/24/07/UUID.png`.
    BlogImage,
    /// `mkpx/24/07/UUID.mkpx`: works with their layers, for their owners.
    Layers,
    /// `bdr/SQID/UUID.zip`: downloads that owners asked for.
    BatchDownload,
    /// Files that a copier or the application has not finished.
    Temporary,
    /// Everything else.
    Other,
}

impl Class {
    /// The class of a path below the vault's root.
    pub fn of(path: &str) -> Class {
        let parts: Vec<&str> = path.split('/').collect();
        let Some((name, folders)) = parts.split_last() else {
            return Class::Other;
        };
        if temporary::is_ours(name) || name.ends_with(".reshard-tmp") {
            return Class::Temporary;
        }
        match folders {
            ["avatar", shard @ ..] if is_shard(shard) => pick(
                is_image(name, &["png", "gif", "webp", "jpg"]),
                Class::Avatar,
            ),
            ["blog_image", shard @ ..] if is_shard(shard) => pick(
                is_image(
                    name,
                    &["png", "gif", "webp", "jpg", "jpeg", "bmp", "avif", "svg"],
                ),
                Class::BlogImage,
            ),
            ["mkpx", shard @ ..] if is_shard(shard) => {
                pick(is_image(name, &["mkpx"]), Class::Layers)
            }
            ["bdr", _sqid] => pick(is_image(name, &["zip"]), Class::BatchDownload),
            shard if is_shard(shard) => match name.strip_suffix("_upscaled.webp") {
                Some(key) => pick(is_uuid(key), Class::Upscaled),
                None => pick(
                    is_image(name, &["png", "gif", "webp", "bmp"]),
                    Class::Artwork,
                ),
            },
            _ => Class::Other,
        }
    }

    /// True for what a manifest may name, and so may lack: `prune` touches nothing else.
    pub fn is_sampled(self) -> bool {
        matches!(
            self,
            Class::Artwork | Class::Upscaled | Class::Avatar | Class::BlogImage
        )
    }
}

fn pick(fits: bool, class: Class) -> Class {
    if fits { class } else { Class::Other }
}

/// Two folders of `00` to `3f` (current), or three of any two digits (legacy).
fn is_shard(folders: &[&str]) -> bool {
    folders.iter().all(|folder| is_shard_folder(folder))
        && match folders.len() {
            2 => folders.iter().all(|folder| *folder < "40"),
            3 => true,
            _ => false,
        }
}

/// Two lower-case hexadecimal digits.
pub fn is_shard_folder(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(is_hex)
}

fn is_image(name: &str, extensions: &[&str]) -> bool {
    name.split_once('.')
        .is_some_and(|(key, extension)| is_uuid(key) && extensions.contains(&extension))
}

/// Lower-case, with hyphens.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => is_hex(byte),
        })
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";

    #[track_caller]
    fn check(path: &str, expected: Class) {
        assert_eq!(Class::of(&path.replace("UUID", UUID)), expected, "{path}");
    }

    #[test]
    fn each_path_of_the_application_has_its_class() {
        check("24/07/UUID.png", Class::Artwork);
        check("a4/47/ee/UUID.bmp", Class::Artwork);
        check("24/07/UUID_upscaled.webp", Class::Upscaled);
        check("avatar/24/07/UUID.jpg", Class::Avatar);
        check("avatar/a4/47/ee/UUID.gif", Class::Avatar);
        check("blog_image/24/07/UUID.png", Class::BlogImage);
        check("mkpx/24/07/UUID.mkpx", Class::Layers);
        check("bdr/Ab3xYz/UUID.zip", Class::BatchDownload);
        check("24/07/UUID.png.712.reshard-tmp", Class::Temporary);
        check("24/07/.UUID.png.mkx-0123456789abcdef.tmp", Class::Temporary);
    }

    #[test]
    fn what_only_looks_like_one_is_left_alone() {
        check("UUID.png", Class::Other);
        check("24/UUID.png", Class::Other);
        check("44/07/UUID.png", Class::Other);
        check("A4/47/ee/UUID.png", Class::Other);
        check("24/07/UUID.PNG", Class::Other);
        check("24/07/UUID.txt", Class::Other);
        check("24/07/UUID.png.bak", Class::Other);
        check("24/07/UUID_upscaled.png", Class::Other);
        check("24/07/README.png", Class::Other);
        check("avatar/UUID.png", Class::Other);
        check("other/24/07/UUID.png", Class::Other);
        check("lost+found/#1234", Class::Other);
    }
}
