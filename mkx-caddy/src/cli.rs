//! The command line.

use clap::{Parser, Subcommand};
use mkx_contract::tool::about::About;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::output;
use mkx_contract::tool::schema::Schemas;
use mkx_contract::{Answer, Result, Site};

use crate::caddy::Caddy;
use crate::edge::Version;
use crate::matrix::{check, probe};
use crate::running::apply;
use crate::{route, verb};

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
    Render(verb::render::Render),
    /// What a configuration does with requests, without a server
    Route(verb::route::Route),
    /// Whether a configuration that is there keeps what the site promises
    Check(verb::check::Check),
    /// Whether the running edge keeps what the site promises
    Probe(verb::probe::Probe),
    /// Make the running edge that of the site, and take it back where it does not work
    Apply(verb::apply::Apply),
    /// Who may pass Basic Auth
    Users(verb::users::Users),
    /// Print the JSON Schema of what this tool reads and writes
    Schema,
    #[command(flatten)]
    About(About),
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
            Verb::Route(verb) => verb.run(&self.common),
            Verb::Check(verb) => verb.run(&self.common),
            Verb::Probe(verb) => verb.run(&self.common),
            Verb::Apply(verb) => verb.run(&self.common),
            Verb::Users(verb) => verb.run(&self.common),
            Verb::Schema => schema(),
            Verb::About(about) => about.run::<Arguments>(),
        }
    }
}

fn schema() -> Result<Answer> {
    let schemas = Schemas::default()
        .reads::<Site>()
        .reads::<route::Request>()
        .writes::<route::Answer>()
        .writes::<route::Summary>()
        .writes::<apply::Report>()
        .writes::<check::Report>()
        .writes::<probe::Probe>()
        .writes::<probe::Summary>()
        .writes::<verb::users::Change>();
    output::stdout().json(&schemas.document())?;
    Ok(Answer::Yes)
}

/// Which caddy adapts configurations, and which one they are for.
#[derive(Debug, clap::Args)]
pub struct Program {
    /// The caddy to adapt with, or a command that runs it
    /// (`docker exec --interactive CONTAINER caddy`)
    #[arg(
        long,
        default_value = "caddy",
        value_name = "COMMAND",
        env = "MKX_CADDY"
    )]
    caddy: String,
    /// The Caddy that the configuration is for [default: the one of --caddy, else 2.8]
    #[arg(long, value_name = "VERSION")]
    caddy_version: Option<Version>,
}

impl Program {
    /// The program.
    pub fn get(&self) -> Caddy {
        Caddy::new(&self.caddy)
    }

    /// The version that the configuration is for.
    pub fn version(&self) -> Version {
        self.caddy_version
            .or_else(|| self.get().version())
            .unwrap_or(Version::V2_8)
    }
}
