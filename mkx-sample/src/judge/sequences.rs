//! Whether sequences are ahead of the columns that they fill, and accounts share one password.

use mkx_contract::Result;

use super::record::Check;
use super::subject::{Subject, has_step};
use super::{Judge, Rule};
use crate::database::catalog::TableName;
use crate::policy::Transform;
use crate::sql;

/// Sequences and the column that each fills: by ownership or identity, or by a default that calls
/// nextval.
const SEQUENCES: &str = "
SELECT sn.nspname, s.relname, n.nspname, c.relname, a.attname, q.seqincrement > 0
FROM pg_class s JOIN pg_namespace sn ON sn.oid = s.relnamespace JOIN pg_sequence q ON q.seqrelid = s.oid
LEFT JOIN LATERAL (
    SELECT d.refobjid, d.refobjsubid FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
    UNION
    SELECT f.adrelid, f.adnum FROM pg_depend d JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
    WHERE d.refobjid = s.oid
) filled ON true
LEFT JOIN pg_class c ON c.oid = filled.refobjid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = filled.refobjsubid
WHERE sn.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1, 2";

impl Judge<'_> {
    pub(super) fn sequences(&mut self) -> Result<Check> {
        let mut check = Check::new(Rule::Sequences);
        for row in self.ask_target(SEQUENCES, &[])? {
            let sequence = TableName::at(&row, 0);
            check.count("sequences", 1);
            let filled: Option<String> = row.get(4);
            match filled {
                Some(column) => {
                    let table = TableName::at(&row, 2);
                    let (extreme, behind, step) = match row.get(5) {
                        true => ("max", "<=", 1),
                        false => ("min", ">=", -1),
                    };
                    let sql = format!(
                        "SELECT count(*) FROM {} s, (SELECT {extreme}({}) AS value FROM {}) c \
                         WHERE CASE WHEN s.is_called THEN s.last_value + {step} ELSE s.last_value END {behind} c.value",
                        sequence.sql(),
                        sql::identifier(&column),
                        table.sql()
                    );
                    if self.target_count(&sql)? > 0 {
                        let problem = format!("its sequence {sequence} is not ahead of it");
                        check.find(&table, Some(&column), problem, 0);
                    }
                }
                None => self.unbound(&sequence, &mut check)?,
            }
        }
        let sequences = check.counted("sequences");
        Ok(check.conclude(format!("{sequences} sequences are ahead of what they fill")))
    }

    /// The highest key that EA has given to a row of the table: of its sequence, or of the row that
    /// has it where keys were written by hand. Nothing where no sequence fills the key alone, where
    /// it counts down or starts again, or where the role may not read it.
    pub(super) fn highest_key(&mut self, subject: &Subject<'_>) -> Result<Option<i64>> {
        let table = subject.table;
        let [key] = table.primary_key.as_slice() else {
            return Ok(None);
        };
        let base_type = table.column(key).map(|column| column.base_type.as_str());
        if !matches!(base_type, Some("int2" | "int4" | "int8")) {
            return Ok(None);
        }
        let (name, column) = (&table.name, sql::identifier(key));
        let sql = format!(
            "WITH sequences (sequence_schema, sequence, table_schema, table_name, column_name, goes_up) AS ({SEQUENCES}) \
             SELECT CASE WHEN bool_and(q.last_value IS NOT NULL AND s.goes_up AND NOT q.cycle) \
                         THEN greatest(max(q.last_value), (SELECT max({column})::bigint FROM {})) END \
             FROM sequences s JOIN pg_sequences q \
               ON q.schemaname = s.sequence_schema AND q.sequencename = s.sequence \
             WHERE s.table_schema = $1 AND s.table_name = $2 AND s.column_name = $3 \
             HAVING count(*) > 0",
            name.sql()
        );
        let found = self.ask_source(&sql, &[&name.schema, &name.name, key])?;
        Ok(found.first().and_then(|row| row.get(0)))
    }

    /// A sequence that fills no column must not start again where EA's has moved on.
    fn unbound(&mut self, sequence: &TableName, check: &mut Check) -> Result<()> {
        let sql = format!("SELECT is_called FROM {}", sequence.sql());
        let called: bool = self.ask_target(&sql, &[])?[0].get(0);
        // The role may be denied the sequence itself; the view then says null, and all is well.
        let in_source = self.ask_source(
            "SELECT last_value FROM pg_sequences WHERE schemaname = $1 AND sequencename = $2",
            &[&sequence.schema, &sequence.name],
        )?;
        let last_value: Option<i64> = in_source.first().and_then(|row| row.get(0));
        if last_value.is_some() && !called {
            check.find(sequence, None, "it starts again, and EA's has moved on", 0);
        }
        Ok(())
    }

    /// Every account with a password has the development password.
    pub(super) fn passwords(&mut self) -> Result<Check> {
        let mut check = Check::new(Rule::Passwords);
        for (subject, treated) in self.columns() {
            let (name, column) = (&treated.column.name, &treated.sql);
            let transform = subject.policy.columns.get(name);
            if !transform.is_some_and(|t| has_step(t, |step| matches!(step, Transform::Password))) {
                continue;
            }
            let from = subject.table.sql_from();
            let sql = format!(
                "SELECT count(*), count(DISTINCT {column}), \
                 count(*) FILTER (WHERE {column} <> mode.value) FROM {from}, \
                 (SELECT mode() WITHIN GROUP (ORDER BY {column}) AS value FROM {from}) mode \
                 WHERE {column} IS NOT NULL"
            );
            let row = &self.ask_target(&sql, &[])?[0];
            check.count("accounts", super::count(row, 0));
            if super::count(row, 1) > 1 {
                let problem = "accounts do not have the development password";
                check.find(subject.name(), Some(name), problem, super::count(row, 2));
            }
        }
        let accounts = check.counted("accounts");
        Ok(check.conclude(format!(
            "{accounts} accounts share the development password"
        )))
    }
}
