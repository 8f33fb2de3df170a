//! mkx-mqtt: two brokers that are provably apart.

mod account;
mod authority;
mod broker;
mod certificate;
mod certs;
mod changing;
mod check;
mod cli;
mod config;
#[cfg(test)]
mod contract_document;
mod key;
mod passwd;
mod place;
mod probe;
mod proof;
mod reload;
mod render;
mod revocation;
mod rule;
mod settings;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    mkx_contract::tool::program::run("mkx-mqtt", || arguments.run())
}
