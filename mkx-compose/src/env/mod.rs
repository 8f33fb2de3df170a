//! Env files: what they set, whether the two environments' fit each other, and new ones.
//!
//! Nothing here prints a value.

pub mod check;
pub mod diff;
pub mod fresh;
mod values;

pub use values::Values;
