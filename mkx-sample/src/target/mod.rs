//! EB's server: proven to be EB's, the databases around EB's own, and the swap.

pub mod cluster;
pub mod files;
pub mod grants;
pub mod guard;
pub mod names;
pub mod reset;
pub mod sample;
pub mod swap;
