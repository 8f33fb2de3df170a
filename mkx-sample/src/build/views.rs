//! Materialized views: filled again from the sampled rows, where they are filled in EA.

use mkx_contract::Result;
use postgres::Client;

use crate::database::catalog::TableName;
use crate::database::endpoint::Endpoint;

/// In the order in which they were made: each after those that it reads.
const FILLED: &str = "
SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND c.relispopulated AND n.nspname NOT LIKE 'pg\\_%' ORDER BY c.oid";

/// Names, as SQL, of the materialized views that are filled.
///
/// # Errors
/// Exit 4.
pub fn filled(client: &mut Client, source: &Endpoint) -> Result<Vec<String>> {
    let rows = client
        .query(FILLED, &[])
        .map_err(|error| source.cannot("read the views of", &error))?;
    Ok(rows.iter().map(|row| TableName::at(row, 0).sql()).collect())
}

/// Fills them in EB's new database.
///
/// # Errors
/// Exit 4.
pub fn refresh(views: &[String], client: &mut Client, target: &Endpoint) -> Result<()> {
    for view in views {
        client
            .batch_execute(&format!("REFRESH MATERIALIZED VIEW {view}"))
            .map_err(|error| target.cannot(&format!("fill the view {view} of"), &error))?;
    }
    Ok(())
}
