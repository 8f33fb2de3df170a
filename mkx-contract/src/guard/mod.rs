//! The production guard: what may be written to is proven to be development first.

pub mod confirm;
pub mod database;
mod mounts;
pub mod vault;
