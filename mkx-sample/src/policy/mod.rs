//! The sampling policy: what comes over from EA, and how it is anonymised.

mod model;

pub use model::*;
