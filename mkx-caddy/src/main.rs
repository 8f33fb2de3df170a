//! One edge for both environments: routing, access control, and whether it really behaves so.

mod caddy;
mod cli;
#[cfg(test)]
mod contract_document;
mod edge;
mod json;
mod labels;
mod matrix;
mod route;
mod rule;
mod running;
mod source;
mod verb;
#[cfg(test)]
#[path = "../tests/tool/world/mod.rs"]
#[allow(dead_code, reason = "the tests of the tool from outside use the rest")]
mod world;

#[cfg(test)]
use running::http;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    mkx_contract::tool::program::run("mkx-caddy", || arguments.run())
}
