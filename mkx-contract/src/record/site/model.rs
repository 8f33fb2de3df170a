//! What the site document holds.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Mqtt;
use crate::record::finding::Accepted;
use crate::record::secret::Source;
use crate::{Failure, Record, Result};

/// Which of the two environments.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Name {
    /// Production.
    #[serde(alias = "production")]
    #[value(alias = "production")]
    Ea,
    /// Development.
    #[serde(alias = "development")]
    #[value(alias = "development")]
    Eb,
}

impl Name {
    /// The other environment.
    pub fn other(self) -> Name {
        match self {
            Name::Ea => Name::Eb,
            Name::Eb => Name::Ea,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Name::Ea => "ea",
            Name::Eb => "eb",
        })
    }
}

/// `site.json`: both environments, and what they may share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The site's name; it names the state directory and marks EB's database.
    pub name: String,
    /// Where the journal, the lock and generated files live.
    #[serde(default)]
    pub state_directory: PathBuf,
    /// The machine; absent: this one.
    #[serde(default)]
    pub host: Option<Host>,
    /// What both environments may share; nothing else.
    pub shared: Shared,
    /// The two environments.
    pub environments: Environments,
    /// How EB is filled.
    #[serde(default)]
    pub sample: Sample,
    /// What the application's variables may be in each environment.
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    /// Findings that the site lives with, of any tool.
    #[serde(default)]
    pub accepted: Vec<Accepted>,
    /// What a proposal guessed and nobody has looked at yet: `environments.eb.domain`.
    #[serde(default)]
    pub guesses: Vec<String>,
}

impl Record for Site {
    const RECORD: &'static str = "mkx.site/2";
}

impl Site {
    /// Both environments, production first.
    pub fn both(&self) -> [(Name, &Environment); 2] {
        [Name::Ea, Name::Eb].map(|name| (name, self.environment(name)))
    }

    /// The machine.
    pub fn host(&self) -> Host {
        self.host.clone().unwrap_or_else(Host::here)
    }

    /// One environment.
    pub fn environment(&self, name: Name) -> &Environment {
        match name {
            Name::Ea => &self.environments.ea,
            Name::Eb => &self.environments.eb,
        }
    }
}

/// The machine that both environments run on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Processors.
    pub cpus: f64,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

impl Host {
    /// This machine: the processors that this process may use, and all of the memory.
    pub fn here() -> Host {
        let memory = rustix::system::sysinfo();
        Host {
            cpus: std::thread::available_parallelism().map_or(1, usize::from) as f64,
            memory_bytes: memory.totalram * u64::from(memory.mem_unit),
        }
    }
}

/// What both environments may share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shared {
    /// The external Docker network that the edge reaches both through.
    pub network: String,
    /// Named volumes that belong to neither alone (the edge's TLS keys).
    #[serde(default)]
    pub volumes: Vec<String>,
    /// The one edge.
    #[serde(default)]
    pub edge: Edge,
}

/// The shared Caddy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Edge {
    /// Its compose service, in production's project.
    pub service: String,
    /// Its admin API.
    pub admin_url: String,
    /// The address that the admin API listens on; absent: Caddy's default, or `CADDY_ADMIN`.
    pub admin_listen: Option<String>,
    /// Its base configuration file, where it has one.
    pub caddyfile: Option<PathBuf>,
    /// A Caddyfile with sites that belong to neither environment (links into an app, say); it is
    /// kept as it is behind the sites of both. Relative to the folder of the site document.
    pub extra_sites: Option<PathBuf>,
    /// The address that it listens on; absent: all.
    pub bind: Option<String>,
    /// The port for plain HTTP.
    pub http_port: u16,
    /// The port for HTTPS.
    pub https_port: u16,
    /// Who signs the certificates.
    pub certificates: Certificates,
    /// The address that the certificate authority writes to.
    pub email: Option<String>,
    /// The folder of the access logs, as Caddy sees it.
    pub log_directory: PathBuf,
    /// An answer's header that names the environment which made it (`ea` or `eb`, or the
    /// project), where the application sends one.
    pub identity_header: String,
}

/// Who signs the edge's certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Certificates {
    /// A public authority, by ACME.
    #[default]
    Acme,
    /// Caddy's own authority: for machines without a public name.
    Internal,
}

impl Default for Edge {
    fn default() -> Self {
        Edge {
            service: "caddy".into(),
            admin_url: "http://127.0.0.1:2019".into(),
            admin_listen: None,
            caddyfile: None,
            extra_sites: None,
            bind: None,
            http_port: 80,
            https_port: 443,
            certificates: Certificates::Acme,
            email: None,
            log_directory: "/var/log/caddy".into(),
            identity_header: "X-Mkx-Environment".into(),
        }
    }
}

/// The two environments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environments {
    /// Production.
    pub ea: Environment,
    /// Development.
    pub eb: Environment,
}

/// What an environment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The real thing.
    #[default]
    Production,
    /// A sample of it, to try things in.
    Development,
}

/// One environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Production for `ea`, development for `eb`, also where it is absent.
    #[serde(default)]
    pub role: Role,
    /// Docker Compose project; containers are called `PROJECT-SERVICE`.
    pub project: String,
    /// The checkout; relative paths of this environment start here.
    pub directory: PathBuf,
    /// Compose files, base first.
    pub compose_files: Vec<PathBuf>,
    /// Env files that fill `${…}` in the compose files, in order of precedence (the last wins).
    #[serde(default)]
    pub env_files: Vec<PathBuf>,
    /// Git branch of the checkout.
    #[serde(default)]
    pub branch: Option<String>,
    /// The site's host name.
    pub domain: String,
    /// The database.
    #[serde(default)]
    pub database: Option<Database>,
    /// The site and its API, behind the edge.
    #[serde(default)]
    pub web: Web,
    /// The artwork files.
    #[serde(default)]
    pub vault: Option<Vault>,
    /// The broker.
    #[serde(default)]
    pub mqtt: Option<Mqtt>,
    /// The login with another service.
    #[serde(default)]
    pub oauth: Option<OAuth>,
    /// Who may see the site.
    #[serde(default)]
    pub access: Access,
    /// The most that the environment may take of the host.
    #[serde(default)]
    pub share: Share,
    /// Answers 200 when the environment is well.
    #[serde(default)]
    pub health_url: Option<String>,
    /// What the application brings.
    #[serde(default)]
    pub commands: Commands,
}

/// An environment's database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// libpq URL without password: `postgresql://owner@127.0.0.1:5432/makapix`.
    pub url: String,
    /// Where the password is; absent: `PGPASSFILE` or `~/.pgpass`.
    #[serde(default)]
    pub password: Option<Source>,
    /// The role that owns the tables (development only); absent: the role of the URL.
    #[serde(default)]
    pub owner: Option<String>,
    /// What the application's other roles may do (development only).
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// A command in front of `pg_dump` and `pg_restore`, where they are not run on the host:
    /// `["docker", "exec", "--interactive", "makapix-prod-db"]`.
    #[serde(default)]
    pub client_command: Vec<String>,
    /// The database's URL as that command sees it; absent: `url`.
    #[serde(default)]
    pub client_url: Option<String>,
}

/// What one role may do in EB's database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// An existing role.
    pub role: String,
    /// Table privileges: `SELECT`, `INSERT`, `UPDATE`, `DELETE`, …; sequences follow.
    pub tables: Vec<String>,
}

/// An environment's artwork files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vault {
    /// The directory on the host.
    pub path: PathBuf,
    /// The host name that serves it.
    pub domain: String,
    /// The compose service whose labels carry that host, where the edge is made of labels.
    #[serde(default = "vault_service")]
    pub service: String,
    /// The directory as Caddy sees it; absent: `path`.
    #[serde(default)]
    pub edge_path: Option<PathBuf>,
    /// What is never served, as Caddy's path patterns.
    #[serde(default)]
    pub restricted: Vec<String>,
    /// How URLs of a former layout lead to files; absent: there was none.
    #[serde(default)]
    pub legacy_paths: Option<LegacyPaths>,
    /// The name of its access log; absent: none is kept.
    #[serde(default)]
    pub access_log: Option<PathBuf>,
    /// The kinds of files, the first that fits counts; none: a manifest may name every file that
    /// is neither hidden nor temporary.
    #[serde(default)]
    pub files: Vec<FileKind>,
    /// What must stay free when files are copied here; absent: 500 MiB.
    #[serde(default)]
    pub min_free_bytes: Option<u64>,
}

fn vault_service() -> String {
    "vault".into()
}

/// Both ways between a former layout and the present one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LegacyPaths {
    /// From the path that is asked for to the file's, where the former has no file.
    pub rewrite: Rewrite,
    /// From a file's path to one that it may have had: what the probe asks for.
    pub example: Rewrite,
}

/// A path made of another one's parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rewrite {
    /// A regular expression for the whole path, with a group for each part; it begins with `/`.
    pub path: String,
    /// The path made of it: `/{1}/{2}`.
    pub to: String,
    /// Groups of one character, by number, of which other characters are made: `["abc", "xyz"]`.
    #[serde(default)]
    pub translate: BTreeMap<String, [String; 2]>,
}

/// A kind of a vault's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileKind {
    /// What reports call it; `temporary` is what the application has not finished.
    pub class: String,
    /// A regular expression for the whole path below the vault.
    pub pattern: String,
    /// True where a manifest may name such files: `prune` removes those that it does not name.
    #[serde(default)]
    pub sampled: bool,
}

/// How an environment's site is reached by the edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Web {
    /// What stands in front of every path of the API, and is removed on the way; empty: there is
    /// no API.
    pub api_prefix: String,
    /// Where the API listens, `HOST:PORT`; the first that answers is used.
    pub api_upstreams: Vec<String>,
    /// Where the site listens; none: the edge serves no site.
    pub web_upstreams: Vec<String>,
    /// The largest request that the API is handed.
    pub body_limit_bytes: u64,
    /// Hosts that only redirect to the site's domain.
    pub redirect_from: Vec<String>,
    /// Security headers that replace the defaults.
    pub headers: Option<BTreeMap<String, String>>,
    /// The name of the access log; absent: none is kept.
    pub access_log: Option<PathBuf>,
    /// The compose service whose labels carry the site, where the edge is made of labels.
    pub service: String,
}

impl Default for Web {
    fn default() -> Self {
        Web {
            api_prefix: String::new(),
            api_upstreams: Vec::new(),
            web_upstreams: Vec::new(),
            body_limit_bytes: 64_000_000,
            redirect_from: Vec::new(),
            headers: None,
            access_log: None,
            service: "web".into(),
        }
    }
}

/// An environment's OAuth application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth {
    /// The variable in the env file that holds the client id.
    pub client_id_variable: String,
    /// The variable that holds the client secret.
    pub client_secret_variable: String,
    /// The variable that holds the callback.
    pub callback_variable: String,
    /// What the callback must be.
    pub callback: String,
    /// The path that starts a login, on the environment's domain.
    pub login_path: String,
}

/// Who may see the site.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "kind")]
pub enum Access {
    /// Everyone.
    #[default]
    Public,
    /// Those with a password.
    BasicAuth {
        /// Names and bcrypt hashes, mode 0600; relative to the folder of the site document.
        users_file: PathBuf,
        /// Paths that need no password.
        #[serde(default)]
        public_paths: Vec<String>,
    },
}

/// The most that an environment may take of the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Share {
    /// Per cent of processors and memory.
    pub percent: f64,
    /// How services split it; a service that is not named has weight 1.
    pub weights: BTreeMap<String, f64>,
}

impl Default for Share {
    fn default() -> Self {
        Share {
            percent: 100.0,
            weights: BTreeMap::new(),
        }
    }
}

/// Commands that the application brings, each as a list of arguments, run in the environment's
/// directory.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Commands {
    /// Runs the application's tests.
    pub test: Vec<String>,
    /// Migrates the database to the checkout's head.
    pub migrate: Vec<String>,
    /// Prints the database's present revision.
    pub revision: Vec<String>,
    /// Migrates back; the revision is appended.
    pub downgrade: Vec<String>,
}

/// How EB is filled from EA.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sample {
    /// The sampling policy.
    pub policy: PathBuf,
    /// Per cent of users.
    pub percent: f64,
    /// The same seed chooses the same users.
    pub seed: String,
    /// The key of pseudonyms; absent: a fresh one for each run, which is not kept.
    pub key: Option<Source>,
    /// The development password of every sampled account; absent: generated into a file.
    pub password: Option<Source>,
}

impl Default for Sample {
    fn default() -> Self {
        Sample {
            policy: "policy.json".into(),
            percent: 10.0,
            seed: "mkx".into(),
            key: None,
            password: None,
        }
    }
}

impl Web {
    /// What stands in front of the API's paths, where there is an API.
    pub fn api_prefix(&self) -> Option<&str> {
        let prefix = self.api_prefix.trim_end_matches('/');
        (!self.api_upstreams.is_empty()).then_some(prefix)
    }
}

impl Vault {
    /// The directory as Caddy sees it.
    pub fn edge_path(&self) -> &Path {
        self.edge_path.as_deref().unwrap_or(&self.path)
    }
}

/// What one variable of the env files may be.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Variable {
    /// How the two environments' values relate.
    pub rule: Rule,
    /// True where the value is secret; absent: as the name tells.
    pub secret: Option<bool>,
    /// True where both environments must set it.
    pub required: bool,
    /// What EA's value must be.
    pub ea: Option<String>,
    /// What EB's value must be; it may be empty.
    pub eb: Option<String>,
    /// Why only a person can provide EB's value, and how.
    pub ask: Option<String>,
}

/// How the two environments' values of a variable relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// They must differ.
    Differ,
    /// They must be equal.
    Equal,
    /// Either will do.
    #[default]
    Free,
}

impl Environment {
    /// Its database.
    ///
    /// # Errors
    /// As for every section that an application may lack: exit 3 where the site has none.
    pub fn database(&self) -> Result<&Database> {
        self.section("database", self.database.as_ref())
    }

    /// Its vault.
    pub fn vault(&self) -> Result<&Vault> {
        self.section("vault", self.vault.as_ref())
    }

    /// Its broker.
    pub fn mqtt(&self) -> Result<&Mqtt> {
        self.section("mqtt", self.mqtt.as_ref())
    }

    /// What the application's other roles may do in its database.
    pub fn grants(&self) -> &[Grant] {
        let database = self.database.as_ref();
        database.map_or(&[], |database| &database.grants)
    }

    fn section<'a, T>(&self, name: &str, section: Option<&'a T>) -> Result<&'a T> {
        section.ok_or_else(|| {
            Failure::input(format!("the site has no section environments.{}.{name}", self.name()))
                .hint("mkx-compose schema has its fields, and mkx-compose init --preset makapix --output - shows an example")
        })
    }

    /// Which of the two it is.
    pub fn name(&self) -> Name {
        match self.role {
            Role::Production => Name::Ea,
            Role::Development => Name::Eb,
        }
    }

    /// A path of this environment, made absolute by its directory.
    pub fn path(&self, relative: &Path) -> PathBuf {
        self.directory.join(relative)
    }

    /// Its env files as absolute paths.
    pub fn env_file_paths(&self) -> Vec<PathBuf> {
        // Docker Compose takes this one where none is named.
        let base = self.compose_files.first().map(|file| self.path(file));
        let beside = base.map(|file| file.with_file_name(".env"));
        match self.env_files.is_empty() {
            true => beside.into_iter().filter(|file| file.is_file()).collect(),
            false => self.env_files.iter().map(|file| self.path(file)).collect(),
        }
    }
}
