//! `mkx-mqtt render`: a broker's configuration and ACL from the site document.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::{confirm, output, voice};
use mkx_contract::{Answer, EnvironmentName, Failure, Record, Result, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::changing::unwritten;
use crate::place::{CONFIGURATION, Files};
use crate::{changing, config};
use mkx_contract::tool::replace;

/// What to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Both, as one record
    Json,
    /// mosquitto.conf alone
    Conf,
    /// The ACL alone
    Acl,
}

/// The arguments of `render`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The environment
    environment: EnvironmentName,
    /// What to print
    #[arg(long, value_enum, default_value = "json", conflicts_with = "output")]
    format: Format,
    /// Write both files here instead of printing them [default: the site's folder]
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    output: Option<Option<PathBuf>>,
    /// Production's domain, to write files of production
    #[arg(long, value_name = "DOMAIN", requires = "output")]
    confirm: Option<String>,
}

/// A broker's configuration.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Broker {
    /// Whose broker.
    pub environment: EnvironmentName,
    /// The files, or where they were written to.
    pub files: Vec<Text>,
}

impl Record for Broker {
    const RECORD: &'static str = "mkx.mqtt.broker/1";
}

/// A file of the broker.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Text {
    /// Its name: `mosquitto.conf`, or what the site document calls the ACL.
    pub name: String,
    /// Where it was written to; null: it was not.
    pub path: Option<PathBuf>,
    /// What is in it.
    pub text: String,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        let site = common.site()?;
        let mut broker = render(&site, self.environment)?;
        if let Some(output) = &self.output {
            self.write(&site, &mut broker, output.as_deref())?;
        }
        let mut stdout = output::stdout();
        match self.format {
            Format::Json => stdout.document(&broker)?,
            // The ACL is first in the record, as it is written first.
            Format::Acl => stdout.text(&broker.files[0].text)?,
            Format::Conf => stdout.text(&broker.files[1].text)?,
        }
        stdout.flush()?;
        Ok(Answer::Yes)
    }

    /// The ACL first: a configuration never names one that is not there.
    fn write(&self, site: &Site, broker: &mut Broker, given: Option<&Path>) -> Result<()> {
        let files = Files::of(site, self.environment)?;
        let folder = match given {
            Some(folder) => std::path::absolute(folder).map_err(|error| {
                Failure::input(format!("cannot resolve {}: {error}", folder.display()))
            })?,
            None => files.configuration.with_file_name(""),
        };
        let production = &site.environments.ea.directory;
        let into = std::fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone());
        let is_production = into.starts_with(production)
            || std::fs::canonicalize(production).is_ok_and(|real| into.starts_with(real))
            || given.is_none() && self.environment == EnvironmentName::Ea;
        let whose = match is_production {
            true => EnvironmentName::Ea,
            false => EnvironmentName::Eb,
        };
        let doing = format!("write the broker's configuration in {}", folder.display());
        confirm::change(site, whose, self.confirm.as_deref(), &doing)?;
        changing::step(site, self.environment, "mkx-mqtt render", || {
            for file in &mut broker.files {
                let path = folder.join(&file.name);
                let mode = match file.name.as_str() {
                    CONFIGURATION => replace::PUBLIC,
                    _ => mode_of_acl(&path),
                };
                replace::file(&path, &file.text, mode).map_err(unwritten(&path))?;
                file.path = Some(path);
            }
            Ok(((), json!({ "directory": folder })))
        })?;
        voice::say(format!(
            "wrote {CONFIGURATION} and {} in {}; the broker reads the ACL again on SIGHUP, and listeners when it starts",
            broker.files[0].name,
            folder.display()
        ));
        Ok(())
    }
}

/// Mosquitto 2.0.21 warns of an ACL that others may read; later ones refuse it. But where one is
/// there, the broker may be one of these others: it gave up root before it reads the ACL, and does
/// not start without it.
fn mode_of_acl(path: &Path) -> u32 {
    path.metadata().map_or(replace::PRIVATE, |there| {
        replace::PRIVATE | (there.mode() & replace::PUBLIC)
    })
}

/// Both files of a broker.
pub fn render(site: &Site, environment: EnvironmentName) -> Result<Broker> {
    let text = |name: &str, text| Text {
        name: name.into(),
        path: None,
        text,
    };
    let acl = &site.environment(environment).mqtt()?.acl_file;
    let files = vec![
        text(acl, config::acl(site, environment)?),
        text(CONFIGURATION, config::configuration(site, environment)?),
    ];
    Ok(Broker { environment, files })
}
