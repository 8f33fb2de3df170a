//! `mkx-sample`: parse the arguments, run the verb, exit with the contract's code.

use std::process::ExitCode;

use clap::Parser;
use mkx_sample::cli::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    mkx_contract::tool::program::run("mkx-sample", || arguments.run())
}
