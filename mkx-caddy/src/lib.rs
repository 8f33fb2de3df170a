//! One edge for both environments: routing, access control, and whether it really behaves so.

pub mod admin;
pub mod apply;
pub mod caddy;
pub mod check;
pub mod command;
pub mod compose;
pub mod directive;
pub mod docker_proxy;
pub mod edge;
pub mod http;
pub mod labels;
pub mod links;
pub mod matrix;
pub mod newcomers;
pub mod patterns;
pub mod probe;
pub mod route;
pub mod share;
pub mod users;
