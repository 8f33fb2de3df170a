//! What there is: tables, columns, keys and foreign keys, read from the server's catalog.

use std::collections::BTreeMap;
use std::fmt;

use mkx_contract::{Failure, Result};
use postgres::{Client, Row};

use crate::database::endpoint::cause;
use crate::database::release::Release;
use crate::sql;

/// A table's name. Its text form is the policy's: `users`, or `schema.name` outside `public`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// The schema.
    pub schema: String,
    /// The name in it.
    pub name: String,
}

impl TableName {
    /// From two columns of a row: schema and name.
    pub fn at(row: &Row, column: usize) -> TableName {
        TableName {
            schema: row.get(column),
            name: row.get(column + 1),
        }
    }

    /// As SQL: `"public"."users"`.
    pub fn sql(&self) -> String {
        let (schema, name) = (sql::identifier(&self.schema), sql::identifier(&self.name));
        format!("{schema}.{name}")
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.schema == "public" {
            f.write_str(&self.name)
        } else {
            write!(f, "{}.{}", self.schema, self.name)
        }
    }
}

/// All tables that hold rows of their own; partitions are left out, their root stands for them.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// The server's release.
    pub release: Release,
    /// By name.
    pub tables: BTreeMap<TableName, Table>,
}

/// A table.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Its name.
    pub name: TableName,
    /// True for the root of partitions: it is read without ONLY.
    pub is_partitioned: bool,
    /// Columns in order, dropped ones left out.
    pub columns: Vec<Column>,
    /// The primary key's columns, or nothing.
    pub primary_key: Vec<String>,
    /// Columns of each unique constraint and unique index without condition or expression.
    pub unique_keys: Vec<Vec<String>>,
    /// Foreign keys of the table itself.
    pub foreign_keys: Vec<ForeignKey>,
    /// The planner's estimate (-1: never analysed).
    pub estimated_rows: f64,
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// `format_type`: `character varying(50)`, `integer[]`, `public.citext`.
    pub type_name: String,
    /// `pg_type.typname` of the type, or of its base type for a domain: `varchar`, `_int4`.
    pub base_type: String,
    /// True where that type is one of CREATE TYPE … AS ENUM.
    pub is_enum: bool,
    /// The longest text it takes, for `varchar(n)` and `char(n)` (also as array elements).
    pub max_length: Option<u32>,
    /// False where it is NOT NULL.
    pub is_nullable: bool,
    /// True where the server computes it; it is never written.
    pub is_generated: bool,
}

/// A foreign key, seen from the child.
#[derive(Debug, Clone)]
pub struct ForeignKey {
    /// The constraint's name.
    pub name: String,
    /// The child's columns.
    pub columns: Vec<String>,
    /// The parent.
    pub parent: TableName,
    /// The parent's columns, in the same order: a primary key or a unique constraint.
    pub parent_columns: Vec<String>,
}

impl ForeignKey {
    /// Its columns with commas between, as the policy names it.
    pub fn policy_key(&self) -> String {
        self.columns.join(",")
    }
}

impl Table {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Names of the columns that are written.
    pub fn written_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| !column.is_generated)
    }

    /// What stands after FROM: partitions are read through their root, other tables without
    /// tables that inherit from them.
    pub fn sql_from(&self) -> String {
        if self.is_partitioned {
            self.name.sql()
        } else {
            format!("ONLY {}", self.name.sql())
        }
    }
}

impl Catalog {
    /// Finds a table by the policy's name for it.
    pub fn table(&self, name: &str) -> Option<&Table> {
        let (schema, name) = name.split_once('.').unwrap_or(("public", name));
        self.tables.get(&TableName {
            schema: schema.into(),
            name: name.into(),
        })
    }

    /// Reads the catalog.
    ///
    /// # Errors
    /// Exit 4.
    pub fn read(client: &mut Client) -> Result<Catalog> {
        let release = Release::of(client).map_err(|error| cannot_read(&error))?;
        let mut rows = |sql: &str| {
            let rows = client.query(sql, &[]);
            rows.map_err(|error| cannot_read(&error))
        };
        let tables = rows(TABLES)?.into_iter().map(|row| Table {
            name: TableName::at(&row, 0),
            is_partitioned: row.get(2),
            estimated_rows: row.get(3),
            ..Table::default()
        });
        let mut catalog = Catalog {
            release,
            tables: tables.map(|table| (table.name.clone(), table)).collect(),
        };
        catalog.add(rows(COLUMNS)?, Table::add_column);
        catalog.add(rows(KEYS)?, Table::add_key);
        catalog.add(rows(FOREIGN_KEYS)?, Table::add_foreign_key);
        Ok(catalog)
    }

    /// Adds to the tables what rows say of them; of other tables nothing is kept.
    fn add(&mut self, rows: Vec<Row>, add: fn(&mut Table, &Row)) {
        for row in rows {
            if let Some(table) = self.tables.get_mut(&TableName::at(&row, 0)) {
                add(table, &row);
            }
        }
    }
}

/// User tables: not the system's, not an extension's own, not partitions.
const TABLES: &str = "
SELECT n.nspname, c.relname, c.relkind = 'p', c.reltuples::float8
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                  AND d.objid = c.oid AND d.deptype = 'e')";

const COLUMNS: &str = "
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
       COALESCE(base.typname, t.typname),
       CASE WHEN a.atttypid IN (1042, 1043, 1014, 1015) AND a.atttypmod > 4
            THEN a.atttypmod - 4 END,
       NOT a.attnotnull, a.attgenerated <> '',
       COALESCE(base.typtype, t.typtype) = 'e'
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type base ON t.typtype = 'd' AND base.oid = t.typbasetype
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p')
ORDER BY n.nspname, c.relname, a.attnum";

/// Primary keys first, then unique keys that hold for every row.
const KEYS: &str = "
SELECT n.nspname, c.relname, i.indisprimary,
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY k(attnum, at)
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum ORDER BY k.at)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indisvalid
ORDER BY i.indisprimary DESC, i.indexrelid";

const FOREIGN_KEYS: &str = "
SELECT n.nspname, c.relname, k.conname, pn.nspname, p.relname,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY x(attnum, at)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.attnum ORDER BY x.at),
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY x(attnum, at)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.attnum ORDER BY x.at)
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class p ON p.oid = k.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0
ORDER BY n.nspname, c.relname, k.conname";

fn cannot_read(error: &postgres::Error) -> Failure {
    Failure::peer(format!("cannot read the catalog: {}", cause(error)))
}

impl Table {
    fn add_column(&mut self, row: &Row) {
        let max_length: Option<i32> = row.get(5);
        self.columns.push(Column {
            name: row.get(2),
            type_name: row.get(3),
            base_type: row.get(4),
            max_length: max_length.and_then(|length| u32::try_from(length).ok()),
            is_nullable: row.get(6),
            is_generated: row.get(7),
            is_enum: row.get(8),
        });
    }

    fn add_key(&mut self, row: &Row) {
        let columns: Vec<String> = row.get(3);
        if row.get(2) {
            self.primary_key = columns;
        } else if !self.unique_keys.contains(&columns) {
            self.unique_keys.push(columns);
        }
    }

    fn add_foreign_key(&mut self, row: &Row) {
        self.foreign_keys.push(ForeignKey {
            name: row.get(2),
            parent: TableName::at(row, 3),
            columns: row.get(5),
            parent_columns: row.get(6),
        });
    }
}
