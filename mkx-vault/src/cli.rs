//! The command line.

use clap::{Parser, Subcommand};
use mkx_contract::record::manifest as lines;
use mkx_contract::tool::about::About;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::output;
use mkx_contract::tool::schema::Schemas;
use mkx_contract::{Answer, Result};

use crate::{prune, report, sync, usage, verify};

/// Make EB's vault hold the files that a manifest names
///
/// The manifest is JSON Lines, a file a line, as mkx-sample files writes it. EA's vault is only
/// ever read; nothing outside EB's vault is written.
#[derive(Debug, Parser)]
#[command(name = "mkx-vault", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  mkx-sample run | mkx-sample files | mkx-vault sync | jq .copied
  mkx-vault plan manifest.jsonl
  mkx-sample files > manifest.jsonl && mkx-vault sync manifest.jsonl &&
    mkx-vault prune manifest.jsonl && mkx-vault verify manifest.jsonl | jq .ok
  mkx-vault usage | jq '.eb.classes.artwork'
  mkx-vault sync --from /mnt/vault-1 --to /mnt/vault-dev manifest.jsonl   # without a site

Exit codes:
  0 done · 1 files are missing or differ · 2 wrong usage · 3 wrong input or a refused path
  4 the disk failed or is full · 5 refused by the production guard · 130 interrupted";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Say what sync would copy, and whether it fits
    Plan(sync::Arguments),
    /// Copy the files that EB lacks
    Sync {
        #[command(flatten)]
        arguments: sync::Arguments,
        /// Change nothing; the same as plan
        #[arg(long)]
        dry_run: bool,
    },
    /// Say whether EB's vault holds exactly what the manifest says
    Verify(verify::Arguments),
    /// Remove from EB's vault what the manifest does not name
    Prune(prune::Arguments),
    /// Say what lies in both vaults, by kind, and what is free
    Usage(usage::Arguments),
    /// Print the JSON Schema of what this tool reads and writes
    Schema,
    #[command(flatten)]
    About(About),
}

impl Arguments {
    /// Runs the verb.
    pub fn run(&self) -> Result<Answer> {
        self.common.apply();
        match &self.verb {
            Verb::Sync { arguments, dry_run } if !dry_run => sync::sync(&self.common, arguments),
            Verb::Plan(arguments) | Verb::Sync { arguments, .. } => {
                sync::plan(&self.common, arguments)
            }
            Verb::Verify(arguments) => verify::verify(&self.common, arguments),
            Verb::Prune(arguments) => prune::prune(&self.common, arguments),
            Verb::Usage(arguments) => usage::usage(&self.common, arguments),
            Verb::Schema => schema(),
            Verb::About(about) => about.run::<Arguments>(),
        }
    }
}

fn schema() -> Result<Answer> {
    let schemas = Schemas::default()
        .reads::<lines::File>()
        .reads::<lines::End>()
        .writes::<report::Plan>()
        .writes::<report::Report>()
        .writes::<verify::Verification>()
        .writes::<prune::Pruning>()
        .writes::<usage::Usage>();
    output::stdout().json(&schemas.document())?;
    Ok(Answer::Yes)
}
