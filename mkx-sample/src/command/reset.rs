//! `mkx-sample reset`.

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::output;
use mkx_contract::{Answer, Result};

use crate::setting::Setting;
use crate::target::reset;

const EXAMPLES: &str = "\
Examples:
  mkx-sample reset                       EB is as it was when it was filled; EA is not asked
  mkx-sample reset | jq .created_at      when that was";

/// Give EB its sample back as it was when it was filled
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Reset {
    /// EB's database, a libpq URL without password [default: the site's]
    #[arg(long, value_name = "URL")]
    to: Option<String>,
}

impl Reset {
    /// Resets, and prints what EB holds now.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let setting = Setting::of(common)?;
        let to = setting.to(self.to.as_deref())?;
        let report = reset::run(&setting, &to)?;
        output::stdout().document(&report)?;
        Ok(Answer::Yes)
    }
}
