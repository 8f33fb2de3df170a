//! How a tool shows what it found: a table to a person, records to a pipe, SARIF to a review tool.

mod sarif;
mod table;

use std::io::IsTerminal;

use clap::{Args, ValueEnum};

use crate::record::Record;
use crate::record::finding::{Explanation, Findings, Rule, explanations};
use crate::tool::{output, voice};
use crate::{Answer, Failure, Result};

/// `--format` and `--explain`, flattened into each verb that finds something.
// Verbs call their own arguments so too, and clap makes a group of each name.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct Arguments {
    /// What to print [default: a table on a terminal, one line of JSON in a pipe]
    #[arg(long)]
    format: Option<Format>,
    /// Say what a rule is about, without RULE what each one is; do nothing else
    #[arg(long, value_name = "RULE", num_args = 0..=1, default_missing_value = "")]
    explain: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs
    Json,
    /// SARIF 2.1.0, for tools of code review
    Sarif,
}

impl Arguments {
    /// Where `--explain` was given, prints what was asked for.
    ///
    /// # Errors
    /// Exit 2 for a rule that the tool does not have.
    pub fn explained<R: Rule>(&self) -> Option<Result<Answer>> {
        let asked = self.explain.as_deref()?;
        Some(self.explain::<R>(asked).map(|()| Answer::Yes))
    }

    fn explain<R: Rule>(&self, asked: &str) -> Result<()> {
        let mut rules = explanations::<R>();
        if !asked.is_empty() {
            let ids: Vec<String> = rules.iter().map(|one| one.rule.clone()).collect();
            rules.retain(|one| one.rule == asked);
            if rules.is_empty() {
                return Err(Failure::usage(format!(
                    "cannot explain {asked:?}: there is no such rule"
                ))
                .hint(format!("the rules are {}", ids.join(", "))));
            }
        }
        let mut stdout = output::stdout();
        match self.format() {
            Format::Table => stdout.text(&table::rules(&rules))?,
            Format::Json | Format::Sarif => {
                for rule in &rules {
                    stdout.line::<Explanation>(rule)?;
                }
            }
        }
        stdout.flush()
    }

    /// Prints a report and what it found. `unseen` is what could not be looked at.
    ///
    /// # Errors
    /// As writing to stdout.
    pub fn print<R: Rule>(
        &self,
        report: &impl Record,
        findings: &Findings,
        unseen: &[String],
    ) -> Result<()> {
        let mut stdout = output::stdout();
        match self.format() {
            Format::Table => stdout.text(&table::findings(findings, unseen))?,
            Format::Json => stdout.document(report)?,
            Format::Sarif => stdout.json(&sarif::log(&explanations::<R>(), findings))?,
        }
        stdout.flush()?;
        if self.format() != Format::Table {
            tell(findings, unseen);
        }
        Ok(())
    }

    /// True where a verb that streams hands its rows on as they come, and ends by [`tell`].
    pub fn is_stream(&self) -> bool {
        self.format() == Format::Json
    }

    fn format(&self) -> Format {
        self.format.unwrap_or(if std::io::stdout().is_terminal() {
            Format::Table
        } else {
            Format::Json
        })
    }
}

/// Sums up for people what stdout says in full.
pub fn tell(findings: &Findings, unseen: &[String]) {
    voice::say(table::summary(findings));
    for one in unseen {
        voice::warn(format!("could not look: {one}"));
    }
}
