//! The sampling policy: what comes over from EA, and how it is anonymised.

mod model;

pub use model::*;

use std::path::Path;

use mkx_contract::Result;
use mkx_contract::input::Input;

/// Reads a policy document; `-` is stdin.
///
/// # Errors
/// Exit 3, with the place.
pub fn read(path: &Path) -> Result<Policy> {
    Input::open(path)?.document()
}
