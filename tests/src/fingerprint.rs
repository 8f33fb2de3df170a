//! The content of a database as one number a table, to show that it was not changed.

use postgres::{Client, Error};
use std::collections::BTreeMap;

/// Rows and the sum of their hashes, by table; the order of rows plays no part.
pub type Fingerprint = BTreeMap<String, (i64, String)>;

/// The fingerprint of every table of the schemas that are not PostgreSQL's own, and of where every
/// sequence stands.
pub fn fingerprint(client: &mut Client) -> Result<Fingerprint, Error> {
    let tables = client.query(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables \
         WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
        &[],
    )?;
    let mut found = Fingerprint::new();
    for table in tables {
        let table: String = table.get(0);
        let row = client.query_one(
            &format!(
                "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text \
                 FROM {table} t"
            ),
            &[],
        )?;
        found.insert(table, (row.get(0), row.get(1)));
    }
    let sequences = client.query(
        "SELECT format('%I.%I', schemaname, sequencename), coalesce(last_value, 0) \
         FROM pg_sequences",
        &[],
    )?;
    for sequence in sequences {
        found.insert(sequence.get(0), (sequence.get(1), "sequence".into()));
    }
    Ok(found)
}
