//! `mkx-sample policy check`.

use std::path::PathBuf;

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::{output, voice};
use mkx_contract::{Answer, Record, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::database::catalog::Catalog;
use crate::policy::PolicyFile;
use crate::policy::check::{self, Problem, Severity};
use crate::setting::Setting;

const EXAMPLES: &str = "\
Examples:
  mkx-sample policy check                                    the site's policy against its EA
  mkx-sample policy check --from postgresql://ro@127.0.0.1:5432/makapix --policy policy.json
  mkx-sample policy check | jq -r '.findings[] | select(.add) | .add'

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
    /// Everything that was found.
    pub findings: Vec<Finding>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule's name: `unclassified_column`.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// The names that lead to the place, with dots between.
    pub path: String,
    /// Line in the policy.
    pub line: usize,
    /// Column in the line.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
    /// Lines to add there, ready to paste, as a guess.
    pub add: Option<String>,
}

impl Record for Checked {
    const RECORD: &'static str = "mkx.sample.policy_check/1";
}

impl Check {
    pub(super) fn run(&self, common: &Common) -> Result<Answer> {
        let file = Setting::of(common)?.policy(self.policy.as_deref())?;
        let mut source = super::open(common, self.from.as_deref())?;
        let catalog = Catalog::read(&mut source.client)?;
        let problems = check::all(&mut source.client, &catalog, &file.policy)?;
        let failure = check::failure(&file, &problems);
        let checked = Checked {
            policy: file.name.clone(),
            tables: catalog.tables.len(),
            columns: catalog
                .tables
                .values()
                .map(|table| table.columns.len())
                .sum(),
            ok: failure.is_none(),
            findings: problems
                .iter()
                .map(|problem| finding(&file, problem))
                .collect(),
        };
        output::stdout().document(&checked)?;
        for problem in problems.iter().filter(|p| p.severity == Severity::Warning) {
            voice::warn(problem.text(&file));
        }
        match failure {
            Some(failure) => Err(failure),
            None => Ok(Answer::Yes),
        }
    }
}

fn finding(file: &PolicyFile, problem: &Problem) -> Finding {
    let (line, column) = file.line_and_column(&problem.pointer);
    Finding {
        rule: problem.rule.to_owned(),
        severity: problem.severity,
        path: problem.pointer.join("."),
        line,
        column,
        message: problem.message.clone(),
        add: problem.add.clone(),
    }
}
