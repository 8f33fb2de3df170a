//! What a database says it is, for the production guard; a role that can only SELECT suffices.

use crate::guard::database::{Identity, Mark};
use mkx_contract::Result;
use postgres::Client;

use crate::endpoint::Endpoint;

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
