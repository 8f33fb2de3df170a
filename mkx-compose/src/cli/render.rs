//! `mkx-compose render`: one compose file for an environment, without a secret in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::compose::{Compose, Profiles};
use mkx_contract::tool::{output, replace, voice};
use mkx_contract::{Answer, Environment, EnvironmentName, Failure, Result, Site};
use serde_json::Value;

use crate::env::Values;
use crate::interpolation::references;
use crate::render::{Marks, Rendered};
use crate::{audit, emit, render, secrecy};

/// `render`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-compose render eb | docker compose --project-name shop-dev --file - up --detach
  mkx-compose render ea | jq .services.db
  mkx-compose render ea --format yaml | less

Values that are not known to be public go into env files of mode 0600 under the state directory,
which the printed file refers to. What is printed is resolved again first, and must be what Docker
Compose resolves the environment to. Where a secret stands in a label or a command, a line on stderr
says which --env-file the printed file needs.")]
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
        let values = Values::read(environment)?;
        let resolved = compose.config(environment, Profiles::Chosen)?;
        let variables: BTreeMap<String, String> = (values.variables.iter())
            .map(|(name, one)| (name.clone(), one.value.expose().to_owned()))
            .collect();
        let (marked, marks) = marked(&site, environment, &values, &compose, &resolved)?;
        let rendered = render::render(
            &site,
            resolved.clone(),
            &marked,
            &marks,
            &variables,
            &folder,
        )?;
        write_secrets(&rendered, &folder)?;
        prove(&rendered, self.format, &resolved, environment, &compose)?;
        if let Some(file) = &rendered.fills {
            voice::say(format!(
                "secrets stand outside the services' variables: docker compose needs --env-file {}",
                file.display()
            ));
        }
        let mut stdout = output::stdout();
        match self.format {
            Format::Json => stdout.text(&format!("{}\n", emit::json(&rendered.model)))?,
            Format::Yaml => stdout.text(&emit::yaml(&rendered.model))?,
        }
        stdout.flush()?;
        Ok(Answer::Yes)
    }
}

/// The environment resolved with a mark in the place of each value that may not be shown.
fn marked(
    site: &Site,
    environment: &Environment,
    values: &Values,
    compose: &Compose,
    resolved: &Value,
) -> Result<(Value, Marks)> {
    let is_secret = |name: &str| match values.get(name) {
        Some(value) => secrecy::is_secret(site, name, value),
        // A default, or an included file's own env file, stands in its place.
        None => secrecy::is_secret_name(site, name),
    };
    let documents = audit::documents(environment, values)?;
    let named = documents
        .iter()
        .flat_map(|(_, document)| references(&document.text));
    let set = values.variables.keys().map(String::as_str);
    let secrets: BTreeSet<&str> = named.chain(set).filter(|name| is_secret(name)).collect();
    let marks: Marks = secrets
        .into_iter()
        .enumerate()
        .map(|(index, name)| (name.to_owned(), format!("mkxmark{index}x")))
        .collect();
    if marks.is_empty() {
        return Ok((resolved.clone(), marks));
    }
    let file = temporary("env", &render::env_text(&marks))?;
    compose
        .config_with(environment, Profiles::Chosen, &[file.path().to_owned()])
        .map(|model| (model, marks))
        .map_err(|failure| failure.context("cannot tell where secrets stand"))
}

fn temporary(kind: &str, text: &str) -> Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    let made = builder.suffix(&format!(".{kind}")).tempfile();
    made.and_then(|mut file| file.write_all(text.as_bytes()).map(|()| file))
        .map_err(|error| Failure::peer(format!("cannot make a temporary file: {error}")))
}

fn write_secrets(rendered: &Rendered, folder: &Path) -> Result<()> {
    // What a former rendering kept is nobody's any more.
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_former = !rendered.secret_files.iter().any(|(own, _)| *own == path);
        if is_former && path.extension().is_none_or(|kind| kind == "env") {
            std::fs::remove_file(&path).map_err(|error| {
                Failure::peer(format!("cannot remove {}: {error}", path.display()))
            })?;
        }
    }
    if rendered.secret_files.is_empty() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| Failure::peer(format!("cannot make {}: {error}", folder.display())))?;
    for (path, text) in &rendered.secret_files {
        replace::file(path, text, replace::PRIVATE)
            .map_err(|error| Failure::peer(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(())
}

/// What is printed must resolve to what the files resolve to.
fn prove(
    rendered: &Rendered,
    format: Format,
    resolved: &Value,
    environment: &Environment,
    compose: &Compose,
) -> Result<()> {
    let text = match format {
        Format::Json => emit::json(&rendered.model),
        Format::Yaml => emit::yaml(&rendered.model),
    };
    let file = temporary("yml", &text)?;
    let env_files: Vec<PathBuf> = rendered.fills.iter().cloned().collect();
    let project = environment.project.as_str();
    let again = compose.config_of_files(Some(project), &[file.path().to_owned()], &env_files)?;
    match render::difference(resolved, &again) {
        None => Ok(()),
        Some(place) => Err(Failure::input(format!(
            "cannot render {project}: what would be printed resolves to another {place}"
        ))
        .hint("nothing was printed; docker compose itself reads the files as they are: mkx-compose up")),
    }
}
