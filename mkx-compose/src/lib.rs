//! What the two environments are, their compose files, whether they are isolated, and running
//! them.

pub mod audit;
pub mod change;
pub mod command;
pub mod containers;
pub mod docker;
pub mod emit;
pub mod env;
pub mod finding;
pub mod graph;
pub mod limits;
pub mod model;
pub mod names;
pub mod preset;
pub mod render;
pub mod replace;
pub mod rules;
pub mod split;
pub mod yaml;
