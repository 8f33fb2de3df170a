//! The command line.

use clap::{Parser, Subcommand};
use mkx_contract::tool::about::About;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::interrupt;
use mkx_contract::{Answer, Result};

use crate::command::{files, plan, policy, reset, run, schema, verify};

/// Fill the development database with an anonymised sample of production's
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
    Run(Box<run::Run>),
    Reset(reset::Reset),
    Files(files::Files),
    #[command(subcommand)]
    Policy(policy::Policy),
    Verify(verify::Verify),
    Plan(plan::PlanVerb),
    /// Print the JSON Schema of what this tool reads and writes
    Schema,
    #[command(flatten)]
    About(About),
}

impl Arguments {
    /// Runs the verb.
    ///
    /// # Errors
    /// Whatever the verb fails with; exit 130 where a signal made it fail.
    pub fn run(self) -> Result<Answer> {
        self.common.apply();
        let answer = match self.verb {
            Verb::Run(run) => run.run(&self.common),
            Verb::Reset(reset) => reset.run(&self.common),
            Verb::Files(files) => files.run(&self.common),
            Verb::Policy(policy) => policy.run(&self.common),
            Verb::Verify(verify) => verify.run(&self.common),
            Verb::Plan(plan) => plan.run(&self.common),
            Verb::Schema => schema::run(),
            Verb::About(about) => about.run::<Arguments>(),
        };
        answer.map_err(interrupt::explain)
    }
}
