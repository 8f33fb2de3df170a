//! The Caddy that runs: what it serves now, and how it is changed.

pub mod admin;
pub mod apply;
pub mod http;
pub mod newcomers;
pub mod share;
