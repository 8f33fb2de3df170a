//! EA's database to EB's: sample, anonymise, load, verify.
//!
//! [`policy`] says what may come over and how; [`catalog`] says what there is; the two are held
//! against each other before any row is read.

pub mod catalog;
pub mod command;
pub mod endpoint;
pub mod files;
pub mod policy;
pub mod sample;
pub mod selection;
pub mod source;
pub mod sql;
pub mod transform;
pub mod verify;
