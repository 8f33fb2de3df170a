//! `mkx-sample run`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::{output, voice};
use mkx_contract::{Answer, Failure, Result};

use crate::build::run;
use crate::command::plan::{ChoiceArguments, PlanVerb};
use crate::setting::Setting;

const EXAMPLES: &str = "\
Examples:
  mkx-sample run                                             EB holds a fresh sample, as the site says
  mkx-sample run --percent 20 --include alice > report.json  more of it, and alice in any case
  mkx-sample run --dry-run                                   which rows would come, and why
  mkx-sample run | mkx-sample files | mkx-vault sync         the files that EB refers to as well

EB's new database is built beside the old one; the application is cut off only for the moment of
the swap. Exit codes: 0 EB holds the sample · 1 it was judged and is not fit, EB is as it was ·
3 the policy does not cover production's schema · 4 a server failed, EB is as it was · 5 refused:
the target is not EB · 130 interrupted, EB is as it was.";

/// Fill EB with an anonymised sample of EA
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Run {
    #[command(flatten)]
    choice: ChoiceArguments,

    /// EA's database, a libpq URL without password [default: the site's]
    #[arg(long, value_name = "URL")]
    from: Option<String>,

    /// EB's database, a libpq URL without password [default: the site's]
    #[arg(long, value_name = "URL")]
    to: Option<String>,

    /// The sampling policy [default: the site's]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// Tables that are copied, and indexes that are built, side by side
    #[arg(long, value_name = "NUMBER", default_value_t = 2,
          value_parser = clap::value_parser!(u8).range(1..=32))]
    jobs: u8,

    /// Say what would come, as `mkx-sample plan` does, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Keep no untouched copy for `mkx-sample reset`; it takes as much disk as the sample
    #[arg(long)]
    no_pristine: bool,

    /// Warn when EA's snapshot is held longer, because EA can not clean up behind it
    #[arg(long, value_name = "MINUTES", default_value_t = 30)]
    snapshot_limit: u64,
}

impl Run {
    /// Runs, and prints the report.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        if self.dry_run {
            let plan = PlanVerb::new(&self.choice, self.from.as_deref(), self.policy.as_deref());
            return plan.run(common);
        }
        let setting = Setting::of(common)?;
        let policy = setting.policy(self.policy.as_deref())?;
        let run = run::Run {
            from: setting.from(self.from.as_deref())?,
            to: setting.to(self.to.as_deref())?,
            choice: self.choice.choice(&setting.sample)?,
            setting: &setting,
            policy: &policy,
            jobs: self.jobs.into(),
            is_pristine_kept: !self.no_pristine,
            snapshot_limit: Duration::from_secs(self.snapshot_limit.saturating_mul(60)),
        };
        let report = run.run()?;
        if !report.ok {
            voice::error(
                &Failure::no("the sample was judged and is not right; EB is as it was")
                    .hint("the findings are in the report: jq .verification.findings[]"),
            );
        }
        output::stdout().document(&report)?;
        Ok(Answer::from(report.ok))
    }
}
