//! The sampling policy: what comes over from EA, and how it is anonymised.

#[cfg(test)]
mod canaries;
pub mod check;
#[cfg(test)]
mod document;
pub mod draft;
mod file;
mod layout;
mod model;
pub mod preset;

pub use file::PolicyFile;
pub use layout::text;
pub use model::*;
