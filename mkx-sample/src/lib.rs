//! EA's database to EB's: sample, anonymise, load, verify.

pub mod build;
pub mod choose;
pub mod cli;
mod command;
pub mod database;
pub mod judge;
pub mod policy;
pub mod sql;
pub mod target;
pub mod transform;

pub use choose::{choice, selection};
pub use database::{catalog, endpoint, source};
