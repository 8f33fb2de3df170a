//! Where a broker's files are, on this host and as the broker sees them.

use std::path::{Path, PathBuf};

use mkx_contract::tool::replace::Pair;
use mkx_contract::{EnvironmentName, Result, Site};

/// What the configuration is called.
pub const CONFIGURATION: &str = "mosquitto.conf";

/// The files of one environment's broker.
#[derive(Debug, Clone)]
pub struct Files {
    /// The authority.
    pub authority: Pair,
    /// The broker's own certificate.
    pub server: Pair,
    /// The revocation list.
    pub revocations: PathBuf,
    /// `mosquitto.conf`.
    pub configuration: PathBuf,
    /// Who may do what.
    pub acl: PathBuf,
    /// The accounts of the plain listener.
    pub passwords: PathBuf,
    folders: [(PathBuf, PathBuf); 2],
}

impl Files {
    /// Those that the site document names.
    ///
    /// # Errors
    /// Exit 3 where the environment has no broker.
    pub fn of(site: &Site, environment: EnvironmentName) -> Result<Files> {
        let mqtt = site.environment(environment).mqtt()?;
        let certificates = mqtt.certificate_directory.clone();
        let config = mqtt.config_directory.clone();
        let pair = |name| Pair {
            name,
            folder: certificates.clone(),
        };
        Ok(Files {
            authority: pair("ca"),
            server: pair("server"),
            revocations: certificates.join("crl.pem"),
            configuration: config.join(CONFIGURATION),
            acl: config.join(&mqtt.acl_file),
            passwords: config.join("passwords"),
            folders: [
                (mqtt.broker_certificates().into(), certificates),
                (mqtt.broker_config().into(), config),
            ],
        })
    }

    /// The folders of this host.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(|(_, here)| here.as_path())
    }

    /// What the broker calls a file of this host.
    pub fn in_broker(&self, file: &Path) -> PathBuf {
        self.folders
            .iter()
            .find_map(|(inside, here)| Some(inside.join(file.strip_prefix(here).ok()?)))
            .unwrap_or_else(|| file.to_owned())
    }

    /// The file of this host that the broker calls so; a file of the broker alone has none.
    pub fn on_host(&self, file: &Path) -> Option<PathBuf> {
        self.folders
            .iter()
            .find_map(|(inside, here)| Some(here.join(file.strip_prefix(inside).ok()?)))
            .or_else(|| file.exists().then(|| file.to_owned()))
    }
}
