//! `mkx-caddy users`: who may pass Basic Auth.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mkx_contract::record::site::{Access, Name};
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::input::Input;
use mkx_contract::tool::{output, step, voice};
use mkx_contract::{Answer, Failure, Record, Result, Secret, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::edge::users::{self, Users as File};

/// `users`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mkx-caddy users add developer --generate       # the password goes into a file, mode 0600
  pass show example/dev | mkx-caddy users add developer
  mkx-caddy users list | jq -r .users[]
  mkx-caddy users remove developer && mkx-caddy apply")]
pub struct Users {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add an account, or give it a new password (the first line of stdin)
    Add {
        /// Letters, digits and -
        name: String,
        /// Make a password and keep it in NAME.password beside the users file
        #[arg(long)]
        generate: bool,
        /// How often bcrypt doubles its work
        #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(10..=16))]
        cost: u32,
    },
    /// Remove an account
    Remove {
        /// The account
        name: String,
    },
    /// List the accounts' names
    List,
}

/// What the users file holds now.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// The file.
    pub file: PathBuf,
    /// The accounts' names, in the file's order.
    pub users: Vec<String>,
    /// The account that is new.
    pub added: Option<String>,
    /// The account whose password is new.
    pub changed: Option<String>,
    /// The account that is gone.
    pub removed: Option<String>,
    /// Where a generated password is.
    pub password_file: Option<PathBuf>,
}

impl Record for Change {
    const RECORD: &'static str = "mkx.caddy.users/1";
}

impl Users {
    /// Changes or lists the accounts.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let site = common.site()?;
        let path = users_file(&site)?;
        let mut change = Change {
            file: path.clone(),
            ..Change::default()
        };
        match &self.verb {
            Verb::List => {}
            Verb::Add {
                name,
                generate,
                cost,
            } => {
                let password = match generate {
                    true => users::generated_password()?,
                    false => first_line_of_stdin()?,
                };
                let is_new = step(&site, "add", name, || {
                    let is_new = File::change(&path, |users| users.add(name, &password, *cost))?;
                    if *generate {
                        change.password_file = Some(users::keep_password(&path, name, &password)?);
                    }
                    Ok(is_new)
                })?;
                match is_new {
                    true => change.added = Some(name.clone()),
                    false => change.changed = Some(name.clone()),
                }
            }
            Verb::Remove { name } => {
                step(&site, "remove", name, || {
                    File::change(&path, |users| users.remove(name))
                })?;
                change.removed = Some(name.clone());
            }
        }
        if !matches!(self.verb, Verb::List) {
            voice::say("to make it so at the edge: mkx-caddy apply");
        }
        let users = File::read(&path)?;
        change.users = users.iter().map(|user| user.name.clone()).collect();
        output::stdout().document(&change)?;
        Ok(Answer::Yes)
    }
}

fn users_file(site: &Site) -> Result<PathBuf> {
    match &site.environments.eb.access {
        Access::BasicAuth { users_file, .. } => Ok(users_file.clone()),
        Access::Public => Err(Failure::input(
            "cannot tell who may log in: environments.eb.access is public",
        )
        .hint("set it to {\"kind\": \"basic_auth\", \"users_file\": \"secrets/eb-users\"}")),
    }
}

fn first_line_of_stdin() -> Result<Secret> {
    let text = Input::open("-".as_ref())
        .map_err(|failure| failure.hint("pipe the password in, or let it be made: --generate"))?
        .text()?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Secret::new(line)),
        _ => Err(Failure::input(
            "cannot read the password from stdin: its first line is empty",
        )),
    }
}

fn step<T>(site: &Site, verb: &str, name: &str, change: impl FnOnce() -> Result<T>) -> Result<T> {
    let turn = step::lock(&site.state_directory, &format!("mkx-caddy users {verb}"))?;
    turn.run_plain(Name::Eb, json!({ "user": name }), change)
}
