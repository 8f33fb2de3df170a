//! A file a verb.

pub mod apply;
pub mod check;
pub mod probe;
pub mod render;
pub mod route;
pub mod users;
