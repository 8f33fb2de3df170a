//! What vault files hold and where they lie. The bytes follow from a file's key and format alone,
//! so that a vault can be written from the rows of a database without knowing its seed.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The folder of a key in the current scheme, two levels: `1b/00`.
pub fn shard(key: Uuid) -> String {
    let digest = key_digest(key);
    format!("{:02x}/{:02x}", digest[0] & 0x3f, digest[1] & 0x3f)
}

/// The folder of a key in the legacy scheme, three levels: `db/80/55`.
pub fn legacy_shard(key: Uuid) -> String {
    let digest = key_digest(key);
    format!("{:02x}/{:02x}/{:02x}", digest[0], digest[1], digest[2])
}

fn key_digest(key: Uuid) -> [u8; 32] {
    Sha256::digest(key.as_hyphenated().to_string()).into()
}

/// The bytes of a file: a signature that fits its format, then noise that nothing compresses.
pub fn bytes(key: Uuid, format: &str, size: usize) -> Vec<u8> {
    let signature: &[u8] = match format {
        "png" => b"\x89PNG\r\n\x1a\n",
        "gif" => b"GIF89a",
        "bmp" => b"BM",
        "jpg" => b"\xff\xd8\xff\xe0",
        "mkpx" => b"\x89MKPX\r\x1a\n",
        "zip" => b"PK\x03\x04",
        _ => b"RIFF\x00\x00\x00\x00WEBP",
    };
    let (high, low) = key.as_u64_pair();
    let mut seed = high ^ low.rotate_left(29);
    for byte in format.bytes() {
        seed = seed.wrapping_mul(0x0000_0100_0000_01b3) ^ u64::from(byte);
    }
    let mut content = vec![0; size.max(signature.len())];
    fastrand::Rng::with_seed(seed).fill(&mut content);
    content[..signature.len()].copy_from_slice(signature);
    content
}

/// SHA-256 in hex, as in `posts.hash`.
pub fn digest(content: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(content) {
        write!(text, "{byte:02x}").expect("a string takes every byte");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &str, two_level: &str, legacy: &str) {
        let key = Uuid::parse_str(key).unwrap();
        assert_eq!(
            (shard(key), legacy_shard(key)),
            (two_level.into(), legacy.into())
        );
    }

    #[test]
    fn shards_are_those_of_the_application() {
        check("a1b2c3d4-e5f6-7890-abcd-ef1234567890", "24/07", "a4/47/ee");
        check("00000000-0000-4000-8000-000000000000", "1b/00", "db/80/55");
        check("ffffffff-ffff-4fff-bfff-ffffffffffff", "26/06", "66/c6/a0");
        check("ef0124df-0000-4000-8000-000000000001", "05/2c", "05/ec/13");
        check("7c9e6679-7425-40de-944b-e07fc1f90ae7", "23/16", "63/16/e0");
    }
}
