//! The command line; a file a verb.

use clap::{Parser, Subcommand};
use mkx_contract::arguments::Common;
use mkx_contract::{Answer, Result};

mod init;
mod schema;
mod site;

/// What the two environments are, their compose files, and running them
#[derive(Debug, Parser)]
#[command(version)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write the site document of a known application
    Init(init::Init),
    /// Validate the site document and print it with defaults and env files resolved
    #[command(after_help = site::EXAMPLES)]
    Site,
    /// Print the JSON Schema of what this tool reads and writes
    Schema,
}

impl Arguments {
    /// Runs the verb.
    ///
    /// # Errors
    /// Whatever the verb fails with.
    pub fn run(self) -> Result<Answer> {
        self.common.apply();
        match self.verb {
            Verb::Init(init) => init.run(),
            Verb::Site => site::run(&self.common),
            Verb::Schema => schema::run(),
        }
    }
}
