//! The site document: the one description of both environments.
//!
//! Found by `--site`, else `MKX_SITE`, else `site.json` here or in a parent folder. Relative
//! paths are relative to the folder that holds it; environments' own paths (compose files, env
//! files, certificate directories) are relative to the environment's directory.

pub mod env_file;
mod find;
mod model;
mod place;
mod resolve;
mod validate;

pub use find::{find, read};
pub use model::*;
