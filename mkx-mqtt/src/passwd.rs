//! `mkx-mqtt passwd`: the accounts of a broker's plain listener.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::input::Input;
use mkx_contract::tool::{confirm, output, voice};
use mkx_contract::{Answer, EnvironmentName, Failure, Record, Result, Secret, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::account::{self, Hash};
use crate::changing::{self, unwritten};
use crate::place::Files;
use mkx_contract::tool::replace;

/// The arguments of `passwd`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The environment
    environment: EnvironmentName,
    /// The account [default: the application's own]
    user: Option<String>,
    /// Take the password from where the site document says, not from stdin
    #[arg(long, conflicts_with_all = ["user", "delete"])]
    from_site: bool,
    /// Remove the account
    #[arg(long, requires = "user")]
    delete: bool,
    /// Rounds of PBKDF2
    #[arg(long, value_name = "NUMBER", default_value_t = account::ITERATIONS)]
    iterations: NonZeroU32,
    /// Production's domain, to change an account of production
    #[arg(long, value_name = "DOMAIN")]
    confirm: Option<String>,
}

/// What became of an account.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// Whose broker.
    pub environment: EnvironmentName,
    /// The account.
    pub user: String,
    /// The password file.
    pub file: PathBuf,
    /// `added`, `changed` or `deleted`.
    pub change: String,
}

impl Record for Account {
    const RECORD: &'static str = "mkx.mqtt.account/1";
}

impl Arguments {
    /// Runs the verb.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let site = common.site()?;
        let service = &site.environment(self.environment).mqtt()?.service;
        let user = self.user.as_deref().unwrap_or(&service.user);
        account::check_name(user)?;
        let doing = format!("change {user} on the broker");
        confirm::change(&site, self.environment, self.confirm.as_deref(), &doing)?;
        let hash = match self.delete {
            true => None,
            false => Some(Hash::new(&self.password(&site)?, self.iterations)?),
        };
        let path = Files::of(&site, self.environment)?.passwords;
        let change = changing::step(&site, self.environment, "mkx-mqtt passwd", || {
            let change = change(&path, user, hash.as_ref())?;
            Ok((change, json!({ "user": user, "change": change })))
        })?;
        voice::say(format!(
            "{change} {user}; the broker reads its password file again on SIGHUP"
        ));
        output::stdout().document(&Account {
            environment: self.environment,
            user: user.into(),
            file: path,
            change: change.into(),
        })?;
        Ok(Answer::Yes)
    }

    fn password(&self, site: &Site) -> Result<Secret> {
        if self.from_site {
            let environment = site.environment(self.environment);
            let source = &environment.mqtt()?.service.password;
            return source.read(&environment.env_file_paths());
        }
        let text = Input::open("-".as_ref())?.text()?;
        let password = text.lines().next().unwrap_or_default();
        if password.is_empty() {
            return Err(Failure::input(
                "cannot use the password: the first line of stdin is empty",
            ));
        }
        Ok(Secret::new(password))
    }
}

fn change(path: &std::path::Path, user: &str, hash: Option<&Hash>) -> Result<&'static str> {
    let file = path.display();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::peer(format!("cannot read {file}: {error}"))),
    };
    let (text, change) = match hash {
        Some(hash) => match account::set(&text, user, hash) {
            (text, true) => (text, "added"),
            (text, false) => (text, "changed"),
        },
        None => match account::without(&text, user) {
            (text, true) => (text, "deleted"),
            (_, false) => {
                let cause = format!("{file} has no such account");
                return Err(Failure::input(format!("cannot delete {user:?}: {cause}")));
            }
        },
    };
    replace::file(path, &text, replace::PRIVATE).map_err(unwritten(path))?;
    Ok(change)
}
