//! `mkx-compose split`: from a compose file for one environment to a base and two overrides.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use mkx_contract::record::secret::HIDDEN;
use mkx_contract::record::site::env_file;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::compose::Compose;
use mkx_contract::tool::replace::PUBLIC;
use mkx_contract::tool::{output, step, voice};
use mkx_contract::{Answer, EnvironmentName, Failure, Result, Site};
use serde_json::json;
use similar::TextDiff;

use crate::env::check::PLACEHOLDER;
use crate::replace::{self, Files, Present};
use crate::secrecy;
use crate::split::{self, Request};

/// `split`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-compose split deploy/stack/compose.yml --dry-run | less
  mkx-compose split deploy/stack/docker-compose.yml --env-file deploy/stack/.env

The files are written beside FILE: a base and an override for each environment, called as the site's
compose_files are (docker-compose.yml, docker-compose.prod.yml and docker-compose.dev.yml where it
does not name two each), .env.prod.example and .env.dev.example. Where FILE is the base itself, it is
kept beside the new one. Nothing is written unless production's result resolves to what FILE resolves
to. What is renamed is followed; where a former name is left, a line on stderr says the place.")]
pub struct Split {
    /// The compose file, written for production
    file: PathBuf,
    /// What fills ${…} in it; may be given more than once [default: .env beside it]
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Print a diff and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Replace files that are there beside FILE, and keep them beside the new ones
    #[arg(long)]
    force: bool,
}

impl Split {
    /// Splits, proves and writes.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let site = common.site()?;
        let absolute = |path: &PathBuf| {
            std::path::absolute(path).map_err(|error| {
                Failure::input(format!("cannot resolve {}: {error}", path.display()))
            })
        };
        let file = absolute(&self.file)?;
        let beside = file.with_file_name(".env");
        let env_files = match self.env_file.is_empty() {
            true if beside.exists() => vec![beside],
            _ => self.env_file.iter().map(absolute).collect::<Result<_>>()?,
        };
        let request = Request {
            site: &site,
            file,
            env_files,
        };
        let parts = split::split(&request, &Compose::find()?)?;
        for note in &parts.notes {
            voice::say(note);
        }
        if parts.already {
            voice::say(format!("{} is split already", self.file.display()));
        }
        // FILE is what is split: where it is the base itself, it is kept beside the new one.
        let may_replace = |path: &Path| self.force || path == request.file;
        let checked = parts.files.iter().map(|(path, text)| {
            let present = replace::check(path, text, may_replace(path))?;
            Ok((path, present))
        });
        let checked = checked.collect::<Result<Vec<_>>>();
        if self.dry_run {
            return dry_run(&site, &parts.files, checked);
        }
        checked?;
        let turn = step::noted(&site.state_directory, "mkx-compose split")?;
        let detail = json!({ "file": request.file });
        let files = turn.run_plain(EnvironmentName::Ea, detail, || {
            // The base comes last: until it is there, FILE is as it was, and can be split again.
            let written = parts.files.iter().rev();
            let written =
                written.map(|(path, text)| replace::write(path, text, PUBLIC, may_replace(path)));
            let mut files = written.collect::<Result<Vec<_>>>()?;
            files.reverse();
            Ok(files)
        })?;
        next_steps(&site, &parts.files);
        output::stdout().document(&Files { files })?;
        Ok(Answer::Yes)
    }
}

/// What a person does before the new files can be used.
fn next_steps(site: &Site, files: &[(PathBuf, String)]) {
    let [(base, _), (production, _), _, (template, _), _] = files else {
        return;
    };
    voice::say(format!(
        "next: .env.prod (mode 0600) with what {} names, all files in development's checkout too, then mkx-compose env new eb",
        template.display()
    ));
    let mut named = site.environments.ea.compose_files.iter();
    if !named.any(|file| file.file_name() == production.file_name()) {
        voice::say(format!(
            "next: mkx-compose init --from {} --force takes the new files into the site document",
            base.display()
        ));
    }
}

fn dry_run(
    site: &Site,
    files: &[(PathBuf, String)],
    checked: Result<Vec<(&PathBuf, Present)>>,
) -> Result<Answer> {
    let mut stdout = output::stdout();
    match checked {
        Ok(checked) => {
            let replaced = checked.iter().filter(|(_, one)| *one == Present::Other);
            for (path, _) in replaced {
                voice::say(format!(
                    "{} would be kept beside the new one",
                    path.display()
                ));
            }
        }
        Err(refusal) => {
            voice::say(format!(
                "without --dry-run this is refused: {}",
                refusal.message
            ));
            if let Some(hint) = refusal.hint {
                voice::say(hint);
            }
        }
    }
    for (path, text) in files {
        let (old, header) = match std::fs::read_to_string(path) {
            Ok(old) => (shown(site, path, old), path.display().to_string()),
            Err(_) => (String::new(), "/dev/null".to_owned()),
        };
        let diff = TextDiff::from_lines(&old, text);
        let mut unified = diff.unified_diff();
        unified.header(&header, &path.display().to_string());
        stdout.text(&unified.to_string())?;
    }
    stdout.flush()?;
    Ok(Answer::Yes)
}

/// A file that is there, without what a former template may have let through.
fn shown(site: &Site, path: &Path, text: String) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if !name.starts_with(".env") {
        return text;
    }
    let mut result = String::new();
    for entry in env_file::entries(&text) {
        let (name, value) = (entry.name, entry.value.as_str());
        let is_shown = value == PLACEHOLDER || secrecy::is_public(site, name, value);
        let value = if is_shown { value } else { HIDDEN };
        let _ = writeln!(result, "{name}={value}");
    }
    result
}
