//! Before anything is written: EB's database is EB's, and every name that a build needs is free.

pub mod rules;

use mkx_contract::Result;
use mkx_contract::tool::voice;
use postgres::Client;

use self::rules::{check_source, check_target};
use crate::database::endpoint::Endpoint;
use crate::database::identity;
use crate::database::mark::Origin;
use crate::database::source;
use crate::setting::Setting;
use crate::target::cluster::Cluster;

/// EB's server, which may be written to.
pub struct Target {
    /// The server.
    pub cluster: Cluster,
    /// A session in EB's own database; nothing where there is none yet.
    pub live: Option<Client>,
    /// EA, for the mark.
    pub source: Origin,
}

/// Passes where EB may be replaced by a sample of EA for the site.
///
/// # Errors
/// Exit 5 where it may not, and nothing was touched; exit 4 where a server can not be reached.
pub fn check(site: Option<&str>, from: &Endpoint, to: &Endpoint) -> Result<Target> {
    let mut source_client = from.connect(source::OPTIONS)?;
    let source = identity::of(from, &mut source_client)?;
    check_source(&source)?;
    let mut live = to.connect_if_exists(READ_ONLY)?;
    // Where the server can not even be worked on, its database may still be the wrong one.
    if let Some(live) = &mut live {
        check_target(site, &source, &identity::of(to, live)?)?;
    }
    let mut cluster = Cluster::open(to, site)?;
    if live.is_none() {
        let absent = identity::of_absent(to, &mut cluster.client)?;
        check_target(site, &source, &absent)?;
    }
    cluster.check_names()?;
    for role in cluster.unendable()? {
        voice::warn(format!(
            "sessions of \"{role}\" are in \"{}\", and the role \"{}\" can not end them: the swap will fail while they are there",
            to.database(),
            to.role()
        ));
    }
    Ok(Target {
        cluster,
        live,
        source: source.origin(),
    })
}

/// Passes where the session is in a sample of ours of the site, which may be reset. EA is only
/// asked who it is, and only where the mark does not tell.
///
/// # Errors
/// Exit 5 where it is anything else.
pub fn check_reset(setting: &Setting, to: &Endpoint, live: &mut Client) -> Result<()> {
    let identity = identity::of(to, live)?;
    rules::check_reset(setting.name(), &identity, || {
        let from = setting.from(None)?;
        let client = from.connect_if_exists(source::OPTIONS)?;
        client
            .map(|mut client| identity::of(&from, &mut client))
            .transpose()
    })
}

/// EB's own database is only looked at; names of objects come whole.
pub const READ_ONLY: &str = "-c default_transaction_read_only=on -c search_path=pg_catalog";
