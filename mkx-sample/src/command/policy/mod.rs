//! `mkx-sample policy …`.

mod check;
mod init;

use clap::Subcommand;
use mkx_contract::tool::arguments::Common;
use mkx_contract::{Answer, Result};

use crate::database::source::{Settings, Source};
use crate::setting::Setting;

pub use check::Checked;
pub use init::Written;

/// Make a sampling policy, or hold one against production's database
#[derive(Debug, Subcommand)]
pub enum Policy {
    Init(init::Init),
    Check(check::Check),
}

impl Policy {
    /// Runs the verb.
    ///
    /// # Errors
    /// Whatever the verb fails with.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        match self {
            Policy::Init(init) => init.run(common),
            Policy::Check(check) => check.run(common),
        }
    }
}

/// Opens EA: the site's database, or the one that `--from` names, for which no site is needed.
fn open(setting: &Setting, from: Option<&str>) -> Result<Source> {
    Source::open(setting.from(from)?, Settings::unused())
}
