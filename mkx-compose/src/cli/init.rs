//! `mkx-compose init`: a site document for this machine: of a known application, or of one that is
//! looked at.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use mkx_contract::record::site::{self, Host};
use mkx_contract::tool::compose::Compose;
use mkx_contract::tool::replace::PUBLIC;
use mkx_contract::tool::{output, step, voice};
use mkx_contract::{Answer, EnvironmentName, Failure, Result};
use serde_json::{Value, json};

use crate::model::Model;
use crate::preset::Preset;
use crate::proposal::Found;
use crate::replace::{self, Files};
use crate::{docker, proposal};

/// `init`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-compose init --from docker-compose.yml --domain shop.example
  mkx-compose init --from compose.yml compose.prod.yml --env-file .env.prod --output - | jq .guesses
  mkx-compose init --preset makapix
  mkx-compose init --preset makapix --force      # the former site.json is kept beside it

--from reads the files, and asks the engine what runs of them; it changes neither. What it had to
guess is listed under `guesses` in the document: look at each, and remove it from the list.")]
#[command(group = ArgGroup::new("origin").required(true).args(["preset", "from"]))]
pub struct Init {
    /// A known application
    #[arg(long)]
    preset: Option<Preset>,
    /// Production's compose files, base first
    #[arg(long, num_args = 1.., value_name = "FILE")]
    from: Vec<PathBuf>,
    /// What fills ${…} in them; may be given more than once [default: .env.prod, else .env beside]
    #[arg(long, value_name = "FILE", requires = "from")]
    env_file: Vec<PathBuf>,
    /// Production's host name [default: what labels and variables say]
    #[arg(long, requires = "from")]
    domain: Option<String>,
    /// Development's host name [default: dev.DOMAIN]
    #[arg(long, value_name = "DOMAIN", requires = "from")]
    development_domain: Option<String>,
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
        let (site, next) = match self.preset {
            Some(preset) => {
                let next = preset.next_steps().iter().map(|step| (*step).to_owned());
                (preset.site(&Host::here()), next.collect::<Vec<_>>())
            }
            None => self.propose()?,
        };
        let mut text = serde_json::to_string_pretty(&site).expect("JSON is writable");
        text.push('\n');
        // What was proposed must be a site document; what it was made from is what was given.
        let state_directory = self.state_directory(&text).map_err(|failure| {
            Failure::usage(format!(
                "cannot propose a site document: {}",
                failure.message
            ))
            .hint("look at --domain, --development-domain and the files")
        })?;
        if self.output == Path::new("-") {
            if self.preset.is_none() {
                next.iter().for_each(voice::say);
            }
            output::stdout().json(&site)?;
            return Ok(Answer::Yes);
        }
        let turn = step::noted(&state_directory, "mkx-compose init")?;
        let detail = json!({ "file": self.output });
        let file = turn.run_plain(EnvironmentName::Eb, detail, || {
            replace::write(&self.output, &text, PUBLIC, self.force)
        })?;
        voice::say(format!("wrote {}", self.output.display()));
        for step in next {
            voice::say(step);
        }
        output::stdout().document(&Files { files: vec![file] })?;
        Ok(Answer::Yes)
    }

    /// The document of the application in the files, and what a person should know.
    fn propose(&self) -> Result<(Value, Vec<String>)> {
        let absolute = |path: &PathBuf| {
            let path = std::path::absolute(path);
            path.map_err(|error| Failure::input(format!("cannot resolve a path: {error}")))
        };
        let mut files: Vec<PathBuf> = self.from.iter().map(absolute).collect::<Result<_>>()?;
        // A base that was split says nothing without its override.
        if let [base] = files.as_slice()
            && let Some([production, _]) = proposal::present_overrides(base)
        {
            files.push(production);
        }
        let beside = |name: &str| Some(files[0].with_file_name(name)).filter(|path| path.is_file());
        let env_files = match self.env_file.is_empty() {
            true => Vec::from_iter(beside(".env.prod").or_else(|| beside(".env"))),
            false => self.env_file.iter().map(absolute).collect::<Result<_>>()?,
        };
        let compose = Compose::find()?;
        let model = Model::parse(compose.config_of_files(None, &files, &env_files)?)?;
        let texts: Vec<String> = env_files
            .iter()
            .map(|file| {
                std::fs::read_to_string(file).map_err(|error| {
                    Failure::input(format!("cannot read {}: {error}", file.display()))
                })
            })
            .collect::<Result<_>>()?;
        let mut notes = Vec::new();
        let running = docker::project_in(files[0].parent().unwrap_or(Path::new("/")))
            .unwrap_or_else(|failure| {
                notes.push(format!("what runs was not looked at: {failure}"));
                None
            });
        let found = Found {
            files: &files,
            env_files: &env_files,
            model: &model,
            variables: &proposal::variables(&texts),
            running: running.as_deref(),
            domain: self.domain.as_deref(),
            development_domain: self.development_domain.as_deref(),
        };
        let Some(made) = proposal::propose(&found, &Host::here()) else {
            return Err(Failure::usage(
                "cannot tell production's host name: no label and no variable names it",
            )
            .hint("give it: --domain shop.example"));
        };
        notes.extend(made.notes);
        let guesses = made.site["guesses"].as_array().map_or(0, Vec::len);
        let eb = &made.site["environments"]["eb"]["directory"];
        notes.push(format!(
            "{guesses} fields are guessed; they are listed under `guesses` in the document"
        ));
        notes.push(format!(
            "next: a checkout for development in {}, then mkx-compose audit says what both would share; mkx-compose split {} keeps them apart",
            eb.as_str().unwrap_or_default(),
            self.from[0].display()
        ));
        Ok((made.site, notes))
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
