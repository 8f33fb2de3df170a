//! `mkx-sample policy check`.

use std::path::PathBuf;

use clap::Args;
use mkx_contract::record::finding::Findings;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::findings;
use mkx_contract::{Answer, Record, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::database::catalog::Catalog;
use crate::policy::PolicyFile;
use crate::policy::check::{self, Problem, Rule};
use crate::setting::Setting;

const EXAMPLES: &str = "\
Examples:
  mkx-sample policy check                                    the site's policy against its EA
  mkx-sample policy check --from postgresql://ro@127.0.0.1:5432/makapix --policy policy.json
  mkx-sample policy check | jq -r '.findings[].fix'

Exit codes: 0 the policy fits; 3 it does not, with the lines to add; 4 the database failed.";

/// Hold the policy against production's catalog: every table and column, key and condition
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Check {
    /// EA's database, a libpq URL without password [default: the site's]
    #[arg(long, value_name = "URL")]
    from: Option<String>,

    /// The sampling policy; `-` is stdin [default: the site's]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    #[command(flatten)]
    findings: findings::Arguments,
}

/// What the check found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Checked {
    /// The policy's path.
    pub policy: String,
    /// Tables of the database.
    pub tables: usize,
    /// Their columns.
    pub columns: usize,
    /// True where nothing is in the way of a run.
    pub ok: bool,
    /// Everything that was found; where something is to be added, `fix` says what.
    pub findings: Findings,
}

impl Record for Checked {
    const RECORD: &'static str = "mkx.sample.policy_check/2";
}

impl Check {
    pub(super) fn run(&self, common: &Common) -> Result<Answer> {
        if let Some(answer) = self.findings.explained::<Rule>() {
            return answer;
        }
        let setting = Setting::of(common)?;
        let file = setting.policy(self.policy.as_deref())?;
        let mut source = super::open(&setting, self.from.as_deref())?;
        let catalog = Catalog::read(&mut source.client)?;
        let problems = check::all(&mut source.client, &catalog, &file.policy)?;
        let findings = findings(&setting, &file, &problems);
        let tables = catalog.tables.values();
        let checked = Checked {
            policy: file.name.clone(),
            tables: tables.len(),
            columns: tables.map(|table| table.columns.len()).sum(),
            ok: findings.ok(),
            findings,
        };
        self.findings
            .print::<Rule>(&checked, &checked.findings, &[])?;
        check::failure(&file, &problems).map_or(Ok(Answer::Yes), Err)
    }
}

/// A site may live with what is worth a look; what stops a run, it can not accept.
fn findings(setting: &Setting, file: &PolicyFile, problems: &[Problem]) -> Findings {
    let found = problems.iter().map(|problem| problem.finding(file));
    let applied = [Rule::Guess, Rule::UnusedStub];
    Findings::gather(found.collect(), setting.accepted(), &applied)
}
