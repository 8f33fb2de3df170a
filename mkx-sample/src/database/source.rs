//! EA: opened read only, one snapshot for everything that is read.

use mkx_contract::{Result, Secret};
use postgres::Client;

use crate::database::endpoint::Endpoint;

/// Every session on EA starts like this; the transaction is read only as well. Sets of keys are
/// hashed, which needs memory, and compiling a statement that runs once is never worth it.
pub const OPTIONS: &str = "-c default_transaction_read_only=on -c idle_in_transaction_session_timeout=0 \
                       -c statement_timeout=0 -c lock_timeout=30s -c row_security=off -c DateStyle=ISO \
                       -c standard_conforming_strings=on -c search_path=pg_catalog,public \
                       -c work_mem=32MB -c jit=off";

/// What the SELECTs refer to by `current_setting('mkx.…')`, so that it is never in a statement's
/// text, where a server log or `pg_stat_activity` would show it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `mkx.key`: the key of pseudonyms and hashes.
    pub key: Secret,
    /// `mkx.password_hash`: the bcrypt hash of the development password.
    pub password_hash: Secret,
}

impl Settings {
    /// For SELECTs that hide nothing.
    pub fn unused() -> Settings {
        Settings {
            key: Secret::new(""),
            password_hash: Secret::new(""),
        }
    }
}

/// EA in one snapshot.
pub struct Source {
    /// How it is reached.
    pub endpoint: Endpoint,
    /// The session that holds the snapshot, inside its transaction.
    pub client: Client,
    /// The exported snapshot, for other sessions and `pg_dump --snapshot`.
    pub snapshot: String,
    settings: Settings,
}

impl Source {
    /// Opens EA and exports a snapshot; works for a role that can only SELECT and on a standby.
    ///
    /// # Errors
    /// Exit 4 where the server can not be reached or refuses.
    pub fn open(endpoint: Endpoint, settings: Settings) -> Result<Source> {
        let mut client = endpoint.connect(OPTIONS)?;
        begin(&endpoint, &mut client, &settings)?;
        let snapshot = client
            .query_one("SELECT pg_catalog.pg_export_snapshot()", &[])
            .map_err(|error| endpoint.cannot("take a snapshot of", &error))?
            .get(0);
        Ok(Source {
            endpoint,
            client,
            snapshot,
            settings,
        })
    }

    /// Another session in the same snapshot.
    ///
    /// # Errors
    /// Exit 4.
    pub fn another_session(&self) -> Result<Client> {
        self.shared().session()
    }

    /// What other threads need to open sessions in the same snapshot.
    pub fn shared(&self) -> SharedSnapshot {
        SharedSnapshot {
            endpoint: self.endpoint.clone(),
            snapshot: self.snapshot.clone(),
            settings: self.settings.clone(),
        }
    }

    /// Gives the snapshot up, so that EA can clean up behind it; nothing can be read any more.
    pub fn release(&mut self) {
        // A server that has gone holds no snapshot either.
        let _ = self.client.batch_execute("ROLLBACK");
    }
}

/// The way into a snapshot that another session holds.
#[derive(Debug, Clone)]
pub struct SharedSnapshot {
    /// How EA is reached.
    pub endpoint: Endpoint,
    snapshot: String,
    settings: Settings,
}

impl SharedSnapshot {
    /// A session in it.
    ///
    /// # Errors
    /// Exit 4.
    pub fn session(&self) -> Result<Client> {
        let mut client = self.endpoint.connect(OPTIONS)?;
        begin(&self.endpoint, &mut client, &self.settings)?;
        client
            .batch_execute(&format!("SET TRANSACTION SNAPSHOT '{}'", self.snapshot))
            .map_err(|error| self.endpoint.cannot("share the snapshot of", &error))?;
        Ok(client)
    }
}

/// The snapshot must be taken or set by the first query of the transaction, so the settings are
/// made before it, for the session.
fn begin(endpoint: &Endpoint, client: &mut Client, settings: &Settings) -> Result<()> {
    for (name, value) in [
        ("mkx.key", &settings.key),
        ("mkx.password_hash", &settings.password_hash),
    ] {
        client
            .execute(
                "SELECT pg_catalog.set_config($1, $2, false)",
                &[&name, &value.expose()],
            )
            .map_err(|error| endpoint.cannot("open", &error))?;
    }
    client
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .map_err(|error| endpoint.cannot("open", &error))
}
