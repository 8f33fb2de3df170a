//! What every mkx tool does alike.
//!
//! The normative text is `docs/contract.md`. A tool's `main` calls [`program::run`], reads its
//! input through [`input`], answers through [`output::Output`], fails with a [`Failure`], and
//! takes the [`lock::SiteLock`] and writes the [`journal::Journal`] around everything it changes.

pub mod about;
pub mod arguments;
pub mod failure;
pub mod guard;
pub mod input;
pub mod interrupt;
pub mod journal;
pub mod lock;
pub mod manifest;
pub mod output;
pub mod place;
pub mod program;
pub mod record;
pub mod schema;
pub mod secret;
pub mod site;
pub mod voice;

pub use failure::{Failure, Kind, Result};
pub use program::Answer;
pub use record::Record;
pub use secret::Secret;
pub use site::{Environment, Name as EnvironmentName, Site};
