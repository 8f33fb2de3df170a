//! Fills the development database with an anonymised sample of production's.

mod build;
mod choose;
mod cli;
mod command;
mod database;
mod judge;
mod policy;
mod setting;
mod sql;
mod target;
mod transform;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    mkx_contract::tool::program::run("mkx-sample", || arguments.run())
}
