//! What the flags leave open: the site document says it, or there is none, and defaults do.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mkx_contract::record::finding::Accepted;
use mkx_contract::record::secret::Source;
use mkx_contract::record::site::{Environment, Grant, Sample};
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::step::{self, Turn};
use mkx_contract::{Failure, Result, Secret, Site};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use postgres::Client;

use crate::database::endpoint::Endpoint;
use crate::database::identity;
use crate::policy::PolicyFile;
use crate::target::guard::READ_ONLY;
use crate::transform::Context;

/// How long a killed run's session may take to be gone from the server.
const PATIENCE: Duration = Duration::from_secs(10);

/// The site document, or none.
pub struct Setting {
    /// The document.
    pub site: Option<Site>,
    /// Its sample, or the defaults.
    pub sample: Sample,
}

impl Setting {
    /// Finds, reads and validates the document, where there is one.
    ///
    /// # Errors
    /// Exit 3 where one is named and missing, or where it is not right.
    pub fn of(common: &Common) -> Result<Setting> {
        let site = common.site_if_any()?;
        let sample = site.as_ref().map(|site| site.sample.clone());
        Ok(Setting {
            sample: sample.unwrap_or_default(),
            site,
        })
    }

    /// The site's name, which goes into the mark.
    pub fn name(&self) -> Option<&str> {
        self.site.as_ref().map(|site| site.name.as_str())
    }

    /// EA's database; `url` overrides the site's.
    ///
    /// # Errors
    /// Exit 2 where nothing says it; as [`Endpoint::of`].
    pub fn from(&self, url: Option<&str>) -> Result<Endpoint> {
        let ea = self.site.as_ref().map(|site| &site.environments.ea);
        endpoint(ea, url, "production", "--from")
    }

    /// EB's database; `url` overrides the site's.
    ///
    /// # Errors
    /// As [`Setting::from`].
    pub fn to(&self, url: Option<&str>) -> Result<Endpoint> {
        endpoint(self.eb(), url, "development", "--to")
    }

    /// The policy; `path` overrides the site's.
    ///
    /// # Errors
    /// Exit 3.
    pub fn policy(&self, path: Option<&Path>) -> Result<PolicyFile> {
        PolicyFile::read(path.unwrap_or(&self.sample.policy))
    }

    /// What transforms need to know.
    pub fn context(&self, email_domain: &str) -> Context {
        Context::new(self.site.as_ref(), email_domain)
    }

    /// EA's hosts, none of which may be left in a rewritten URL.
    pub fn hosts(&self) -> Vec<String> {
        let urls = self.context("").urls;
        urls.into_iter().map(|(host, _)| host).collect()
    }

    /// A secret of the sample.
    ///
    /// # Errors
    /// Exit 3 where its place is empty.
    pub fn secret(&self, source: &Source) -> Result<Secret> {
        let env_files = self.eb().map(Environment::env_file_paths);
        source.read(&env_files.unwrap_or_default())
    }

    /// Who is to own EB's tables, where the site says it.
    pub fn owner(&self) -> Option<&str> {
        self.eb()?.database.as_ref()?.owner.as_deref()
    }

    /// The findings that the site lives with.
    pub fn accepted(&self) -> &[Accepted] {
        self.site.as_ref().map_or(&[], |site| &site.accepted)
    }

    /// What the site gives to other roles in EB.
    pub fn grants(&self) -> &[Grant] {
        self.eb().map_or(&[], Environment::grants)
    }

    fn eb(&self) -> Option<&Environment> {
        self.site.as_ref().map(|site| &site.environments.eb)
    }

    /// Keeps other changing runs away; `step` tells them who does. Without a site, the lock is a
    /// session on EB's server, for two users have two state directories.
    ///
    /// # Errors
    /// Exit 5 where another run holds it.
    pub fn hold(&self, to: &Endpoint, step: &str) -> Result<Held> {
        let (directory, session) = match &self.site {
            Some(site) => (site.state_directory.clone(), None),
            None => {
                let mut session = maintenance(to)?;
                let directory = state_directory(to, &mut session)?;
                hold_on_server(to, &mut session)?;
                (directory, Some(session))
            }
        };
        let file_name = directory.file_name().unwrap_or_default();
        let label = match &self.site {
            Some(site) => site.name.clone(),
            None => plain(&file_name.to_string_lossy()),
        };
        Ok(Held {
            turn: step::lock(&directory, step)?,
            _session: session,
            label,
            directory,
        })
    }
}

/// The lock of a changing run, until it is dropped.
pub struct Held {
    /// Where the journal is, and what a run keeps.
    pub directory: PathBuf,
    /// The right to take the step.
    pub turn: Turn,
    /// What no other pair of databases has, for names of temporary files; a shell takes it as it is.
    pub label: String,
    _session: Option<Client>,
}

/// A database may be called anything.
fn plain(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    name.replace(|c| !is_plain(c), "_")
}

fn endpoint(
    environment: Option<&Environment>,
    url: Option<&str>,
    role: &str,
    flag: &str,
) -> Result<Endpoint> {
    match (environment, url) {
        (Some(environment), url) => Endpoint::of(environment, url),
        (None, Some(url)) => Endpoint::at(url),
        (None, None) => Err(Failure::usage(format!(
            "cannot tell which is {role}'s database: there is neither {flag} nor a site document"
        ))
        .hint(format!(
            "give {flag} postgresql://ROLE@HOST/DATABASE, or name the document: --site FILE"
        ))),
    }
}

/// A session that writes nothing, in a database that every cluster has.
fn maintenance(to: &Endpoint) -> Result<Client> {
    to.with_database("postgres").connect(READ_ONLY)
}

/// `~/.local/state/mkx/CLUSTER-DATABASE`: the same for every address of the database, and there
/// before it is.
fn state_directory(to: &Endpoint, session: &mut Client) -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let state = variable("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".local/state")))
        .ok_or_else(|| {
            Failure::usage(
                "cannot tell where to keep the journal: neither XDG_STATE_HOME nor HOME is set",
            )
        })?;
    let cluster = identity::of(to, session)?.system_identifier;
    let database = to.database();
    let database = utf8_percent_encode(&database, NON_ALPHANUMERIC);
    Ok(state.join("mkx").join(format!("{cluster}-{database}")))
}

fn hold_on_server(to: &Endpoint, session: &mut Client) -> Result<()> {
    let sql = "SELECT pg_try_advisory_lock(hashtextextended('mkx-sample ' || $1::text, 0))";
    let deadline = Instant::now() + PATIENCE;
    loop {
        let row = session
            .query_one(sql, &[&to.database()])
            .map_err(|error| to.cannot("lock", &error))?;
        if row.get(0) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Failure::refused(format!(
                "cannot change \"{}\" on {}: another run of mkx-sample is changing it now",
                to.database(),
                to.address()
            ))
            .hint("wait for it to end; the lock goes away with the process that holds it"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
