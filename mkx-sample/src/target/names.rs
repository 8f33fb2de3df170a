//! What the databases of a build are called, beside EB's own.

use sha2::{Digest, Sha256};

/// PostgreSQL cuts longer names off without a word (`NAMEDATALEN - 1`).
const LIMIT_BYTES: usize = 63;

/// EB's database and those around it. Only `live` is ever used by the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// EB's own.
    pub live: String,
    /// Where the next one is built.
    pub build: String,
    /// An untouched copy of the one that is being built.
    pub next: String,
    /// An untouched copy of the live one's beginning, for `reset`.
    pub pristine: String,
    /// What `live` was, between the swap and its removal.
    pub old: String,
    /// What `pristine` was, between the swap and its removal.
    pub stale: String,
}

impl Names {
    /// The names around a live database.
    pub fn of(live: &str) -> Names {
        Names {
            live: live.to_owned(),
            build: beside(live, "_mkx_build"),
            next: beside(live, "_mkx_next"),
            pristine: beside(live, "_mkx_pristine"),
            old: beside(live, "_mkx_old"),
            stale: beside(live, "_mkx_stale"),
        }
    }

    /// What a killed run may leave behind.
    pub fn leftovers(&self) -> [&str; 4] {
        [&self.build, &self.next, &self.old, &self.stale]
    }
}

/// A name that does not fit is cut, and told apart by a hash of the whole.
fn beside(live: &str, suffix: &str) -> String {
    if live.len() + suffix.len() <= LIMIT_BYTES {
        return format!("{live}{suffix}");
    }
    let digest = Sha256::digest(live.as_bytes());
    let hash: String = digest[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let limit = LIMIT_BYTES - suffix.len() - hash.len() - 1;
    let end = (0..=limit)
        .rev()
        .find(|end| live.is_char_boundary(*end))
        .unwrap_or(0);
    format!("{}_{hash}{suffix}", &live[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_beside_the_live_one() {
        let names = Names::of("makapix");
        assert_eq!(names.build, "makapix_mkx_build");
        assert_eq!(names.pristine, "makapix_mkx_pristine");
    }

    #[test]
    fn long_names_fit_and_stay_different() {
        let (one, other) = ("é".repeat(30) + "one", "é".repeat(30) + "two");
        let (one, other) = (Names::of(&one), Names::of(&other));
        let mut all = std::collections::BTreeSet::new();
        for names in [&one, &other] {
            for name in names
                .leftovers()
                .into_iter()
                .chain([names.pristine.as_str()])
            {
                assert!(name.len() <= LIMIT_BYTES, "{name}");
                all.insert(name.to_owned());
            }
        }
        assert_eq!(all.len(), 10);
    }
}
