//! The site document: the one description of both environments.
//!
//! Found by `--site`, else `MKX_SITE`, else `site.json` here or in a parent folder. Relative
//! paths are relative to the folder that holds it; environments' own paths (compose files, env
//! files, certificate directories) are relative to the environment's directory.
//!
//! The environments are `ea` and `eb`, and may be written `production` and `development`.
//!
//! `${NAME}` in an environment's text is the value that its own env files give to NAME.

mod alias;
mod claims;
pub mod env_file;
mod interpolate;
mod model;
mod mqtt;
mod problem;
mod read;
mod resolve;
mod shape;
mod validate;
mod version_1;

pub use model::*;
pub use mqtt::*;
pub use read::read;
