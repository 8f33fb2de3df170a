//! Sequences: as they are in EA, and ahead of the rows that came.

use mkx_contract::{Failure, Result};
use postgres::Client;

use crate::database::catalog::TableName;
use crate::database::endpoint::{Endpoint, cause};
use crate::sql::{identifier, literal};

/// Where a sequence of EA stands.
#[derive(Debug, Clone)]
pub struct Sequence {
    name: TableName,
    /// Nothing where EA's role may not read it.
    stands: Option<(i64, bool)>,
}

/// All but an extension's own, and whether a column owns it or takes its default from it, and
/// whether we may read it.
const SEQUENCES: &str = "
SELECT n.nspname::text, c.relname::text, has_sequence_privilege(c.oid, 'SELECT'),
       EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
               AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND n.nspname NOT LIKE 'pg\\_%'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                  AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2";

/// Whole-number columns that a sequence fills, owned by them or in their default.
const COLUMNS: &str = "
SELECT DISTINCT tn.nspname::text, t.relname::text, a.attname::text
FROM pg_depend d
JOIN pg_class s ON s.relkind = 'S' JOIN pg_namespace sn ON sn.oid = s.relnamespace
LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
JOIN pg_class t ON t.oid = COALESCE(f.adrelid, d.refobjid) AND t.relkind IN ('r', 'p')
JOIN pg_namespace tn ON tn.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = COALESCE(f.adnum, d.refobjsubid)
WHERE sn.nspname = $1::text AND s.relname = $2::text AND a.atttypid IN (20, 21, 23)
  AND ((d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid)
    OR (d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i')))";

/// Reads where EA's sequences stand.
///
/// # Errors
/// Exit 3 where the role may not read one that no column owns: nothing else says where it stands.
pub fn read(client: &mut Client, source: &Endpoint) -> Result<Vec<Sequence>> {
    let cannot = |error: postgres::Error| source.cannot("read the sequences of", &error);
    let mut sequences = Vec::new();
    for row in client.query(SEQUENCES, &[]).map_err(cannot)? {
        let mut sequence = Sequence {
            name: TableName::at(&row, 0),
            stands: None,
        };
        let (may_read, is_owned): (bool, bool) = (row.get(2), row.get(3));
        if may_read {
            let select = format!("SELECT last_value, is_called FROM {}", sequence.name.sql());
            let row = client.query_one(&select, &[]).map_err(cannot)?;
            sequence.stands = Some((row.get(0), row.get(1)));
        } else if !is_owned {
            let (name, role) = (&sequence.name, identifier(&source.role()));
            return Err(Failure::input(format!(
                "cannot read the sequence {} of \"{}\": the role may not",
                name.name,
                source.database()
            ))
            .hint(format!("GRANT SELECT ON SEQUENCE {} TO {role}", name.sql())));
        }
        sequences.push(sequence);
    }
    Ok(sequences)
}

impl Sequence {
    /// Sets the sequence in EB: as in EA, but ahead of every column that it fills.
    fn set(&self, client: &mut Client) -> Result<(), postgres::Error> {
        let columns = client.query(COLUMNS, &[&self.name.schema, &self.name.name])?;
        let is_rising =
            "SELECT seqincrement > 0 FROM pg_sequence WHERE seqrelid = $1::text::regclass";
        let is_rising: bool = client.query_one(is_rising, &[&self.name.sql()])?.get(0);
        let mut values: Vec<i64> = Vec::new();
        for column in &columns {
            let (table, name) = (TableName::at(column, 0).sql(), identifier(column.get(2)));
            let function = if is_rising { "max" } else { "min" };
            let select = format!("SELECT {function}({name})::bigint FROM {table}");
            values.extend(client.query_one(&select, &[])?.get::<_, Option<i64>>(0));
        }
        let values = values.into_iter();
        let furthest = if is_rising {
            values.max()
        } else {
            values.min()
        };
        if let Some((value, is_called)) = place(self.stands, furthest, is_rising) {
            let name = literal(&self.name.sql());
            client.batch_execute(&format!(
                "SELECT pg_catalog.setval({name}::regclass, {value}, {is_called})"
            ))?;
        }
        Ok(())
    }
}

/// Where a sequence must stand; nothing: at its start.
fn place(
    stands: Option<(i64, bool)>,
    furthest: Option<i64>,
    is_rising: bool,
) -> Option<(i64, bool)> {
    let (Some((value, is_called)), Some(furthest)) = (stands, furthest) else {
        return stands.or(furthest.map(|value| (value, true)));
    };
    let is_ahead = match (is_called, is_rising) {
        (true, true) => value >= furthest,
        (true, false) => value <= furthest,
        (false, true) => value > furthest,
        (false, false) => value < furthest,
    };
    Some(if is_ahead {
        (value, is_called)
    } else {
        (furthest, true)
    })
}

/// Sets every sequence in EB's new database.
///
/// # Errors
/// Exit 4.
pub fn set(sequences: &[Sequence], client: &mut Client, target: &Endpoint) -> Result<()> {
    for sequence in sequences {
        sequence.set(client).map_err(|error| {
            Failure::peer(format!(
                "cannot set the sequence {} of \"{}\": {}",
                sequence.name.name,
                target.database(),
                cause(&error)
            ))
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stands: Option<(i64, bool)>, furthest: Option<i64>, expected: Option<(i64, bool)>) {
        assert_eq!(place(stands, furthest, true), expected);
    }

    #[test]
    fn a_sequence_stands_as_in_production_but_ahead_of_its_columns() {
        check(Some((7, true)), Some(5), Some((7, true)));
        check(Some((7, true)), Some(7), Some((7, true)));
        check(Some((7, false)), Some(7), Some((7, true)));
        check(Some((7, false)), Some(6), Some((7, false)));
        check(Some((3, true)), Some(9), Some((9, true)));
        check(Some((1, false)), None, Some((1, false)));
        check(None, Some(9), Some((9, true)));
        check(None, None, None);
        assert_eq!(place(Some((-7, true)), Some(-9), false), Some((-9, true)));
    }
}
