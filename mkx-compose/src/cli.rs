//! The command line; a file a verb.

use clap::{Parser, Subcommand};
use mkx_contract::tool::about::About;
use mkx_contract::tool::arguments::Common;
use mkx_contract::{Answer, Result};

mod audit;
mod change;
mod drift;
mod env;
mod init;
mod pass;
mod picture;
mod render;
mod running;
mod schema;
mod site;
mod split;

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
    /// Split a compose file for one environment into a base and two overrides
    Split(split::Split),
    /// Print an environment as one resolved compose file without secrets
    Render(render::Render),
    /// Prove that the environments are isolated; exit 1 where they are not
    Audit(audit::Audit),
    /// Compare what runs with what the files say; exit 1 where it differs
    Drift(drift::Drift),
    /// Check, compare or make the env files
    Env(env::Env),
    /// Propose limits within an environment's share of the host
    Limits(picture::Limits),
    /// Draw both environments and what they share
    Graph(picture::Graph),
    /// Make and start an environment's containers
    #[command(after_help = change::UP_EXAMPLES)]
    Up(change::Target),
    /// Stop and remove an environment's containers
    Down(change::Target),
    /// Build an environment's images
    Build(change::Target),
    /// Restart an environment's containers
    Restart(change::Target),
    /// List an environment's containers
    Ps(running::Ps),
    /// Show what an environment's containers print
    Logs(pass::Logs),
    /// Run a command in an environment's container
    Exec(pass::Exec),
    /// Show what both environments use of their shares
    Stats,
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
            Verb::Init(init) => init.run(),
            Verb::Site => site::run(&self.common),
            Verb::Split(split) => split.run(&self.common),
            Verb::Render(render) => render.run(&self.common),
            Verb::Audit(audit) => audit.run(&self.common),
            Verb::Drift(drift) => drift.run(&self.common),
            Verb::Env(env) => env.run(&self.common),
            Verb::Limits(limits) => limits.run(&self.common),
            Verb::Graph(graph) => graph.run(&self.common),
            Verb::Up(target) => target.run(change::Verb::Up, &self.common),
            Verb::Down(target) => target.run(change::Verb::Down, &self.common),
            Verb::Build(target) => target.run(change::Verb::Build, &self.common),
            Verb::Restart(target) => target.run(change::Verb::Restart, &self.common),
            Verb::Ps(ps) => ps.run(&self.common),
            Verb::Logs(logs) => logs.run(&self.common),
            Verb::Exec(exec) => exec.run(&self.common),
            Verb::Stats => running::stats(&self.common),
            Verb::Schema => schema::run(),
            Verb::About(about) => about.run::<Arguments>(),
        }
    }
}
