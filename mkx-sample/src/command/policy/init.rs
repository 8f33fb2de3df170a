//! `mkx-sample policy init`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::{output, replace, voice};
use mkx_contract::{Answer, Failure, Record, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::database::catalog::Catalog;
use crate::policy::{self, PolicyFile, draft, preset};
use crate::setting::Setting;

const EXAMPLES: &str = "\
Examples:
  mkx-sample policy init --preset makapix                    a policy that is complete
  mkx-sample policy init                                     a draft from the site's EA
  mkx-sample policy init --from postgresql://ro@127.0.0.1:5432/shop --root customers --output -

A draft lists under \"guesses\" what nobody has looked at yet; mkx-sample policy check warns of
each. An existing policy is not overwritten without --force, which keeps it as FILE.bak.";

/// Write a sampling policy: a preset, or a draft from the database with safe guesses
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Init {
    /// A policy that comes with the tool: makapix
    #[arg(long, value_name = "NAME", conflicts_with_all = ["from", "root"])]
    preset: Option<String>,

    /// The database to draft from, a libpq URL without password [default: the site's EA]
    #[arg(long, value_name = "URL")]
    from: Option<String>,

    /// The table whose rows are sampled [default: the one that looks like users]
    #[arg(long, value_name = "TABLE")]
    root: Option<String>,

    /// Where to write it; `-` is stdout [default: the site's policy, else policy.json]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Overwrite an existing policy and keep it as FILE.bak
    #[arg(long)]
    force: bool,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Written {
    /// The policy's path.
    pub policy: PathBuf,
    /// The former policy's path, where there was one.
    pub backup: Option<PathBuf>,
    /// Tables in it.
    pub tables: usize,
    /// Columns in it.
    pub columns: usize,
    /// Guesses in it.
    pub guesses: usize,
}

impl Record for Written {
    const RECORD: &'static str = "mkx.sample.policy_init/1";
}

impl Init {
    pub(super) fn run(&self, common: &Common) -> Result<Answer> {
        let path = self.path(common);
        let is_stdout = path == Path::new("-");
        if !is_stdout && !self.force && path.exists() {
            let path = path.display();
            return Err(Failure::refused(format!("cannot write {path}: it exists"))
            .hint("give another name with --output, or --force to overwrite it (it is kept as a .bak)"));
        }
        let text = self.text(common)?;
        if is_stdout {
            output::stdout().text(&text)?;
            return Ok(Answer::Yes);
        }
        let policy = PolicyFile::parse(text.as_str(), "the new policy")?.policy;
        let backup = write(&path, &text)?;
        if !policy.guesses.is_empty() {
            voice::warn(format!(
                "{} guesses: look at each, and delete its name under \"guesses\"",
                policy.guesses.len()
            ));
        }
        let tables = policy.tables.values();
        output::stdout().document(&Written {
            policy: path,
            backup,
            tables: tables.len(),
            columns: tables.map(|table| table.columns.len()).sum(),
            guesses: policy.guesses.len(),
        })?;
        Ok(Answer::Yes)
    }

    fn path(&self, common: &Common) -> PathBuf {
        match (&self.output, common.site()) {
            (Some(path), _) => path.clone(),
            (None, Ok(site)) => site.sample.policy,
            (None, Err(_)) => "policy.json".into(),
        }
    }

    fn text(&self, common: &Common) -> Result<String> {
        if let Some(name) = &self.preset {
            return preset::text(name).map(str::to_owned);
        }
        let mut source = super::open(&Setting::of(common)?, self.from.as_deref())?;
        let catalog = Catalog::read(&mut source.client)?;
        let application = match common.site() {
            Ok(site) => site.name,
            Err(_) => source.endpoint.database(),
        };
        let policy = draft::policy(&catalog, &application, self.root.as_deref())?;
        Ok(policy::text(&policy))
    }
}

/// Writes the file; what stood there is kept.
fn write(path: &Path, text: &str) -> Result<Option<PathBuf>> {
    let cannot =
        |error: std::io::Error| Failure::peer(format!("cannot write {}: {error}", path.display()));
    let backup = path.exists().then(|| backup_name(path));
    if let Some(backup) = &backup {
        fs::copy(path, backup).map_err(cannot)?;
    }
    replace::file(path, text, 0o644).map_err(cannot)?;
    Ok(backup)
}

/// The first of `FILE.bak`, `FILE.bak2`, … that is not there yet.
fn backup_name(path: &Path) -> PathBuf {
    let suffixes = (2..).map(|number| format!(".bak{number}"));
    let suffixes = std::iter::once(".bak".to_owned()).chain(suffixes);
    let names = suffixes.map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    });
    let mut free = names.filter(|backup| !backup.exists());
    free.next().expect("there are more numbers than files")
}
