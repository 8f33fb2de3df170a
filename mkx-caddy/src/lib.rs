//! One edge for both environments: routing, access control, and whether it really behaves so.

pub mod caddy;
pub mod command;
pub mod compose;
pub mod directive;
pub mod docker_proxy;
pub mod edge;
pub mod http;
pub mod labels;
pub mod links;
pub mod users;
