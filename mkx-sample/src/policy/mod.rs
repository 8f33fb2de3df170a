//! The sampling policy: what comes over from EA, and how it is anonymised.

pub mod check;
pub mod draft;
mod file;
mod layout;
mod model;
pub mod preset;

pub use file::PolicyFile;
pub use layout::text;
pub use model::*;

use std::path::Path;

use mkx_contract::Result;

/// Reads a policy document; `-` is stdin.
///
/// # Errors
/// Exit 3, with the place.
pub fn read(path: &Path) -> Result<Policy> {
    PolicyFile::read(path).map(|file| file.policy)
}
