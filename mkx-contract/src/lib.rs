//! What the tools hand each other, and how every tool behaves.
//!
//! [`record`] is the first: records, failures and their exit codes, the site document, findings,
//! manifests, the journal's entries, secrets. [`tool`] is the second: a tool's `main` calls
//! [`tool::program::run`], reads through [`tool::input`], answers through
//! [`tool::output`], and wraps whatever it changes in a [`tool::step`]. The normative text is
//! `docs/contract.md`.

pub mod record;
pub mod tool;

pub use record::Record;
pub use record::failure::{Failure, Kind, Result};
pub use record::secret::Secret;
pub use record::site::{Environment, Name as EnvironmentName, Site};
pub use tool::program::Answer;
