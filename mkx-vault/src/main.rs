//! mkx-vault: EA's artwork files to EB's, from a manifest.

mod asset;
mod batch;
mod cli;
mod content;
mod copy;
mod fault;
mod guard;
mod manifest;
mod meeting;
mod mounts;
mod prune;
mod report;
mod survey;
mod sync;
mod temporary;
mod tree;
mod unfinished;
mod usage;
mod vaults;
mod verify;
mod workers;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    mkx_contract::tool::program::run("mkx-vault", || arguments.run())
}
