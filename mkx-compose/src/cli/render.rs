//! `mkx-compose render`: one compose file for an environment, without a secret in it.

use std::os::unix::fs::DirBuilderExt;

use clap::{Args, ValueEnum};
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::compose::{Compose, Fill, Profiles};
use mkx_contract::tool::{output, replace};
use mkx_contract::{Answer, EnvironmentName, Failure, Result};

use crate::{emit, render};

/// `render`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-compose render eb | docker compose --project-name makapix-dev --file - up --detach
  mkx-compose render ea | jq .services.db
  mkx-compose render ea --format yaml | less

Values of secret variables go into env files of mode 0600 under the state directory, which the
printed file refers to.")]
pub struct Render {
    /// The environment
    environment: EnvironmentName,
    /// What to print; Docker Compose reads both
    #[arg(long, default_value = "json")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Yaml,
}

impl Render {
    /// Prints what Docker Compose resolves the environment to.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let site = common.site()?;
        let environment = site.environment(self.environment);
        let compose = Compose::find()?;
        let folder = site
            .state_directory
            .join("render")
            .join(self.environment.to_string());
        let rendered = render::render(
            compose.config(environment, Fill::Variables, Profiles::Chosen)?,
            &compose.config(environment, Fill::Nothing, Profiles::Chosen)?,
            &render::secrecy(&site),
            &folder,
        )?;
        if !rendered.secret_files.is_empty() {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .map_err(|error| {
                    Failure::peer(format!("cannot make {}: {error}", folder.display()))
                })?;
        }
        for (path, text) in &rendered.secret_files {
            replace::file(path, text, replace::PRIVATE).map_err(|error| {
                Failure::peer(format!("cannot write {}: {error}", path.display()))
            })?;
        }
        let mut stdout = output::stdout();
        match self.format {
            Format::Json => stdout.json(&rendered.model)?,
            Format::Yaml => stdout.text(&emit::yaml(&rendered.model))?,
        }
        stdout.flush()?;
        Ok(Answer::Yes)
    }
}
