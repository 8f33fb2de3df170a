//! The command line; a file a verb.

use clap::{Parser, Subcommand};
use mkx_contract::arguments::Common;
use mkx_contract::{Answer, Result};

mod render;
mod schema;
mod users;

/// One edge for both environments: routing, access control, and whether it really behaves so
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
    /// Write the whole edge: as a Caddyfile, as JSON, or as labels
    Render(render::Render),
    /// Who may pass Basic Auth
    Users(users::Users),
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
            Verb::Render(verb) => verb.run(&self.common),
            Verb::Users(verb) => verb.run(&self.common),
            Verb::Schema => schema::run(),
        }
    }
}

/// Which caddy adapts configurations.
#[derive(Debug, clap::Args)]
pub struct Program {
    /// The caddy to adapt with, or a command that runs it
    /// (`docker exec --interactive makapix-prod-caddy caddy`)
    #[arg(
        long,
        default_value = "caddy",
        value_name = "COMMAND",
        env = "MKX_CADDY"
    )]
    caddy: String,
}

impl Program {
    /// The program.
    pub fn get(&self) -> crate::caddy::Caddy {
        crate::caddy::Caddy::new(&self.caddy)
    }
}
