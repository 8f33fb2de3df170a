//! `mkx-sample plan`.

use std::path::{Path, PathBuf};

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::{output, voice};
use mkx_contract::{Answer, Result};

use crate::choose::choice::Choice;
use crate::choose::plan::Plan;
use crate::choose::selection::select;
use crate::database::catalog::Catalog;
use crate::database::source::{Settings, Source};
use crate::policy::check;
use crate::setting::Setting;

const EXAMPLES: &str = "\
Examples:
  mkx-sample plan                                     what `run` would bring, and why it is that much
  mkx-sample plan --percent 5 --seed spring           a smaller sample, other users
  mkx-sample plan --include alice --include bob       these two come in any case
  mkx-sample plan --quiet | jq '.tables | sort_by(-.rows) | .[:5]'
  mkx-sample plan --quiet | jq '.edges[] | select(.policy == \"include\" and .rows > 1000)'

Nothing is copied and nothing is written, in neither database. The same percent and seed choose the
same users as `run`; the plan and the run differ by what production writes in between.";

/// Say which rows a run would bring, and which edge of the policy brings them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PlanVerb {
    #[command(flatten)]
    choice: ChoiceArguments,

    /// EA's database, a libpq URL without password [default: the site's]
    #[arg(long, value_name = "URL")]
    from: Option<String>,

    /// The sampling policy [default: the site's]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// Which users come; `plan` and `run` take the same.
#[derive(Debug, Clone, Args)]
pub struct ChoiceArguments {
    /// Per cent of the users, above 0, at most 100 [default: the site's]
    #[arg(long)]
    percent: Option<f64>,

    /// The same seed chooses the same users [default: the site's]
    #[arg(long)]
    seed: Option<String>,

    /// A user who comes in any case, by handle; may be repeated
    #[arg(long, value_name = "HANDLE")]
    include: Vec<String>,

    /// At most the newest N rows for each owner, in the tables that the policy caps
    #[arg(long, value_name = "N")]
    cap: Option<u64>,
}

impl ChoiceArguments {
    /// What is asked for, with the site's defaults.
    ///
    /// # Errors
    /// Exit 2.
    pub fn choice(&self, sample: &mkx_contract::record::site::Sample) -> Result<Choice> {
        let choice = Choice {
            percent: self.percent.unwrap_or(sample.percent),
            seed: self.seed.clone().unwrap_or_else(|| sample.seed.clone()),
            include: self.include.clone(),
            cap: self.cap,
        };
        choice.check()?;
        Ok(choice)
    }
}

impl PlanVerb {
    /// The plan of a run with these arguments.
    pub fn new(choice: &ChoiceArguments, from: Option<&str>, policy: Option<&Path>) -> PlanVerb {
        PlanVerb {
            choice: choice.clone(),
            from: from.map(str::to_owned),
            policy: policy.map(Path::to_owned),
        }
    }

    /// Writes the plan to stdout and its table to stderr.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let setting = Setting::of(common)?;
        let choice = self.choice.choice(&setting.sample)?;
        let policy = setting.policy(self.policy.as_deref())?;
        let endpoint = setting.from(self.from.as_deref())?;
        // Nothing is anonymised here: what the SELECTs would use is not needed.
        let mut source = Source::open(endpoint, Settings::unused())?;
        let catalog = Catalog::read(&mut source.client)?;
        check::ensure(&mut source.client, &catalog, &policy)?;
        let context = setting.context(&policy.email_domain);
        let selection = select(&mut source, &catalog, &policy, &choice, &context)?;
        let plan = Plan::new(&choice, &selection);
        for line in plan.table() {
            voice::say(line);
        }
        output::stdout().document(&plan)?;
        Ok(Answer::Yes)
    }
}
