//! `mkx-sample files`.

use std::path::{Path, PathBuf};

use crate::database::mark::Mark;
use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::input::Input;
use mkx_contract::tool::output;
use mkx_contract::{Answer, Failure, Record, Result};
use rustix::fs::FileType;
use serde::{Deserialize, Serialize};

use crate::database::endpoint::Endpoint;
use crate::setting::Setting;
use crate::target::{files, sample};

const EXAMPLES: &str = "\
Examples:
  mkx-sample files > manifest.jsonl                          what EB refers to now
  mkx-sample run | mkx-sample files | mkx-vault sync         only if the run went well
  mkx-sample files --no-report | mkx-vault plan              in cron or over ssh, where stdin is a pipe

When stdin is a pipe or a file, it must hold the report of `mkx-sample run`: an empty one means
that the run failed, and nothing is written (exit 3). A terminal or /dev/null is not read.";

/// Write the manifest of vault files that EB's rows refer to
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Files {
    /// EB's database, a libpq URL without password [default: the site's]
    #[arg(long, value_name = "URL")]
    to: Option<String>,

    /// The sampling policy [default: the site's]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// Do not read a report from stdin, even if it is a pipe
    #[arg(long)]
    no_report: bool,
}

/// What matters here of the report of `mkx-sample run`.
#[derive(Serialize, Deserialize)]
struct Report {
    ok: bool,
    site: Option<String>,
    snapshot_at: String,
    target: Target,
}

#[derive(Serialize, Deserialize)]
struct Target {
    address: String,
    database: String,
}

impl Record for Report {
    const RECORD: &'static str = "mkx.sample.report/2";
}

impl Files {
    /// Writes the manifest to stdout.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let report = match !self.no_report && stdin_brings_a_report() {
            true => Some(read_report()?),
            false => None,
        };
        let setting = Setting::of(common)?;
        let policy = setting.policy(self.policy.as_deref())?;
        let endpoint = setting.to(self.to.as_deref())?;
        let (mut client, mark) = sample::open(&endpoint, setting.name())?;
        if let Some(report) = report {
            report.is_about(&endpoint, &mark)?;
        }
        files::write(&mut client, &policy.files, &mut output::stdout())?;
        Ok(Answer::Yes)
    }
}

/// True for a pipe, a socket or a file: something stands in front. A terminal and /dev/null are
/// character devices, and a closed stdin is nothing.
fn stdin_brings_a_report() -> bool {
    let stdin = rustix::fs::fstat(std::io::stdin());
    stdin.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) != FileType::CharacterDevice)
}

fn read_report() -> Result<Report> {
    let report: Report = Input::open(Path::new("-"))?.document()?;
    if report.ok {
        Ok(report)
    } else {
        Err(Failure::input(
            "cannot write the manifest: the report on stdin says that the run failed",
        )
        .hint("mkx-sample run said why; EB still holds the sample that it held before"))
    }
}

impl Report {
    /// The sample that it reports is the one that EB holds.
    fn is_about(&self, endpoint: &Endpoint, mark: &Mark) -> Result<()> {
        let other = |what: String| {
            Err(Failure::input(format!(
                "cannot write the manifest: the report on stdin is about {what}"
            ))
            .hint("give both commands the same --site and --to"))
        };
        if self.site != mark.site {
            let name = |site: &Option<String>| site.clone().unwrap_or_else(|| "none".into());
            let (theirs, ours) = (name(&self.site), name(&mark.site));
            return other(format!("the site \"{theirs}\", not \"{ours}\""));
        }
        let (there, here) = (&self.target, (endpoint.address(), endpoint.database()));
        if (&there.address, &there.database) != (&here.0, &here.1) {
            return other(format!(
                "\"{}\" on {}, not \"{}\" on {}",
                there.database, there.address, here.1, here.0
            ));
        }
        if self.snapshot_at != mark.created_at {
            return other(format!(
                "the sample of {}; EB holds that of {}",
                self.snapshot_at, mark.created_at
            ));
        }
        Ok(())
    }
}
