//! What the two environments are, their compose files, whether they are isolated, and running
//! them.

pub mod command;
pub mod host;
pub mod preset;
pub mod replace;
