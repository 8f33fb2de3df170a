//! What the tests of whole pipelines stand on: private servers, a production database of true
//! Makapix shape, its vault, and the built tools as a person would start them.

pub mod document;
pub mod fingerprint;
pub mod generate;
pub mod kept;
pub mod postgres_server;
pub mod shop;
pub mod site;
pub mod studio;
pub mod tool;
pub mod tunnel;
