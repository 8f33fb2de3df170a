//! A folder of certificates that no site document describes.

use std::fs::read_dir;
use std::path::{Path, PathBuf};

use clap::Args;
use mkx_contract::record::site::read;
use mkx_contract::tool::arguments::Common;
use mkx_contract::{EnvironmentName, Failure, Record, Result, Site};
use serde_json::json;

/// Our mark in such a folder, with the lock and the journal in it.
const MARK: &str = ".mkx-mqtt";

/// The options that do without a site document.
#[derive(Debug, Args)]
pub struct Folder {
    /// Keep the authority in this folder, without a site document
    #[arg(long, value_name = "DIR", requires = "names")]
    directory: Option<PathBuf>,
    /// With --directory: a name that devices know the broker by; the first is its domain
    #[arg(long = "name", value_name = "NAME", requires = "directory")]
    names: Vec<String>,
    /// With --directory: the port that devices are given
    #[arg(
        long,
        value_name = "PORT",
        requires = "directory",
        default_value_t = 8883
    )]
    port: u16,
}

impl Folder {
    /// The site document, or what the options say in its place.
    ///
    /// # Errors
    /// Those of reading it; exit 5 where the folder holds files and no mark of ours.
    pub fn site(&self, common: &Common, environment: EnvironmentName) -> Result<Site> {
        let (Some(directory), [first, others @ ..]) = (&self.directory, self.names.as_slice())
        else {
            return common.site();
        };
        let here = std::path::absolute(directory).map_err(|error| unread(directory, &error))?;
        check(&here)?;
        let name = first
            .to_ascii_lowercase()
            .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        // Only the one environment is ever looked at; a document has two.
        let described = |environment: EnvironmentName, folder: &Path, domain: &str| {
            let project = format!("{name}-{environment}");
            json!({"project": project, "directory": folder, "compose_files": ["compose.yml"], "domain": domain})
        };
        let (other, nowhere) = (environment.other(), Path::new("/dev/null/other"));
        let mut document = json!({
            "record": Site::RECORD, "name": name, "state_directory": here.join(MARK),
            "shared": {"network": name},
            "environments": {
                environment.to_string(): described(environment, &here, first),
                other.to_string(): described(other, nowhere, &format!("other.{first}")),
            },
        });
        document["environments"][environment.to_string()]["mqtt"] = json!({
            "host": first, "public_host": first, "names": others, "port": self.port,
            "plain_port": 1883, "certificate_directory": here, "config_directory": here,
            "service": {"user": "service", "password": {"env": "MKX_UNUSED"}},
        });
        read(&document.to_string(), "--directory and --name", &here)
    }
}

/// Without a site document, that a folder is ours has to be seen on it.
fn check(folder: &Path) -> Result<()> {
    let is_empty = match read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(unread(folder, &error)),
    };
    if is_empty || folder.join(MARK).is_dir() {
        return Ok(());
    }
    let folder = folder.display();
    Err(Failure::refused(format!(
        "cannot keep an authority in {folder}: it holds files, and no mark of ours"
    ))
    .hint(format!(
        "name an empty folder, or a site document; or, where they are an authority's: mkdir --mode=700 {folder}/{MARK}"
    )))
}

fn unread(folder: &Path, error: &std::io::Error) -> Failure {
    Failure::input(format!("cannot read {}: {error}", folder.display()))
}
