//! `mkx-compose`: what the two environments are, their compose files, whether they are isolated,
//! and running them.

mod appetite;
mod audit;
mod change;
mod cli;
mod containers;
#[cfg(test)]
mod contract_document;
mod difference;
mod docker;
mod emit;
mod engine;
mod env;
mod graph;
mod interpolation;
mod limits;
mod model;
mod names;
mod preset;
mod proposal;
mod render;
mod replace;
mod rules;
mod secrecy;
mod split;
mod yaml;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    mkx_contract::tool::program::run("mkx-compose", || arguments.run())
}
