//! `mkx-compose init`: the site document of a known application, for this machine.

use std::path::{Path, PathBuf};

use clap::Args;
use mkx_contract::record::site::{self, Host};
use mkx_contract::tool::replace::PUBLIC;
use mkx_contract::tool::{output, step, voice};
use mkx_contract::{Answer, EnvironmentName, Failure, Result};
use serde_json::json;

use crate::preset::Preset;
use crate::replace::{self, Files};

/// `init`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-compose init --preset makapix
  mkx-compose init --preset makapix --output - | jq .environments.ea
  mkx-compose init --preset makapix --force      # the former site.json is kept beside it")]
pub struct Init {
    /// The application
    #[arg(long)]
    preset: Preset,
    /// Where to write; `-` is stdout
    #[arg(long, short, default_value = "site.json", value_name = "FILE")]
    output: PathBuf,
    /// Replace a file that is there, and keep it beside the new one
    #[arg(long)]
    force: bool,
}

impl Init {
    /// Writes the document and says what to do next.
    pub fn run(&self) -> Result<Answer> {
        let site = self.preset.site(&Host::here());
        if self.output == Path::new("-") {
            output::stdout().json(&site)?;
            return Ok(Answer::Yes);
        }
        let mut text = serde_json::to_string_pretty(&site).expect("JSON is writable");
        text.push('\n');
        let turn = step::noted(&self.state_directory(&text)?, "mkx-compose init")?;
        let detail = json!({ "file": self.output });
        let file = turn.run_plain(EnvironmentName::Eb, detail, || {
            replace::write(&self.output, &text, PUBLIC, self.force)
        })?;
        voice::say(format!("wrote {}", self.output.display()));
        for step in self.preset.next_steps() {
            voice::say(step);
        }
        output::stdout().document(&Files { files: vec![file] })?;
        Ok(Answer::Yes)
    }

    /// Where the document's own journal is.
    fn state_directory(&self, text: &str) -> Result<PathBuf> {
        let name = self.output.display().to_string();
        let path = std::path::absolute(&self.output)
            .map_err(|error| Failure::input(format!("cannot resolve {name}: {error}")))?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        Ok(site::read(text, &name, folder)?.state_directory)
    }
}
