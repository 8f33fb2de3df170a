//! A file a verb.

pub mod files;
pub mod plan;
pub mod policy;
pub mod reset;
pub mod run;
pub mod schema;
pub mod verify;
