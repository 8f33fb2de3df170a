//! How every tool begins and ends: run, say what failed, exit with the code of the contract.

use std::process::ExitCode;

use crate::Result;
use crate::tool::{interrupt, voice};

/// What a tool that ran to its end says about the question it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Done, or yes (exit 0).
    Yes,
    /// It ran and the answer is no (exit 1); the record on stdout says why.
    No,
}

impl From<bool> for Answer {
    fn from(yes: bool) -> Self {
        if yes { Answer::Yes } else { Answer::No }
    }
}

/// Runs a tool: installs the interrupt flag, calls `body`, prints the error and its hint to
/// stderr, and returns the exit code.
///
/// `tool` is the binary's name as users type it.
pub fn run(tool: &'static str, body: impl FnOnce() -> Result<Answer>) -> ExitCode {
    voice::name(tool);
    interrupt::install();
    match body() {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(failure) => {
            voice::error(&failure);
            ExitCode::from(failure.kind.exit_code())
        }
    }
}
