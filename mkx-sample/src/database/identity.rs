//! What a database says it is, for the production guard; a role that can only SELECT suffices.

use mkx_contract::Result;
use postgres::Client;

use crate::database::endpoint::Endpoint;
use crate::database::mark::{Mark, Origin};

/// What a database says it is. Addresses lie (a tunnel, another host name, a pooler); these
/// come from the server itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// `pg_control_system().system_identifier`: made by initdb, shared by a cluster's standbys.
    pub system_identifier: i64,
    /// `pg_database.oid`.
    pub oid: u32,
    /// `current_database()`.
    pub name: String,
    /// How the user addressed it, for messages: "127.0.0.1:5432".
    pub address: String,
    /// True on a hot standby.
    pub in_recovery: bool,
    /// Tables, foreign tables, views and sequences outside the system's schemas.
    pub user_relations: u64,
    /// The mark in the database's comment, where there is one that is ours.
    pub mark: Option<Mark>,
}

impl Identity {
    /// What tells this database from every other.
    pub fn origin(&self) -> Origin {
        Origin {
            system_identifier: self.system_identifier,
            oid: self.oid,
        }
    }

    /// "makapix" on 127.0.0.1:5432.
    pub fn described(&self) -> String {
        format!("\"{}\" on {}", self.name, self.address)
    }
}

/// What a database has that a user made: tables, views, sequences, foreign tables, functions.
/// An extension's own do not count.
const IDENTITY: &str = "
SELECT (SELECT system_identifier FROM pg_control_system()), d.oid, d.datname::text,
       pg_is_in_recovery(), shobj_description(d.oid, 'pg_database'),
       (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
          AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
          AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_class'::regclass
                          AND x.objid = c.oid AND x.deptype = 'e'))
     + (SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
          AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_proc'::regclass
                          AND x.objid = p.oid AND x.deptype = 'e'))
     + (SELECT count(*) FROM pg_largeobject_metadata)
FROM pg_database d WHERE d.datname = current_database()";

/// Asks the database that the session is in.
///
/// # Errors
/// Exit 4.
pub fn of(endpoint: &Endpoint, client: &mut Client) -> Result<Identity> {
    let row = client
        .query_one(IDENTITY, &[])
        .map_err(|error| endpoint.cannot("identify", &error))?;
    let comment: Option<String> = row.get(4);
    let user_relations: i64 = row.get(5);
    Ok(Identity {
        system_identifier: row.get(0),
        oid: row.get(1),
        name: row.get(2),
        address: endpoint.address(),
        in_recovery: row.get(3),
        user_relations: u64::try_from(user_relations).unwrap_or(0),
        mark: comment.as_deref().and_then(Mark::parse),
    })
}

/// The identity of a database that does not exist yet: its cluster's, and nothing in it.
///
/// # Errors
/// Exit 4.
pub fn of_absent(endpoint: &Endpoint, maintenance: &mut Client) -> Result<Identity> {
    let mut identity = of(endpoint, maintenance)?;
    identity.oid = 0;
    identity.name = endpoint.database();
    identity.user_relations = 0;
    identity.mark = None;
    Ok(identity)
}
