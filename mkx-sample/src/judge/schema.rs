//! Whether EB's schema is EA's: tables, columns, types, indexes, constraints, sequences, views,
//! functions, triggers, extensions; and whether the policy knows every column.

use std::collections::BTreeSet;

use mkx_contract::Result;

use super::record::Check;
use super::{Judge, Rule};
use crate::database::catalog::TableName;

/// Each kind: what it is called, and a query that describes every object of it in one line. The
/// names of schemas are compared too; objects that belong to an extension are left out.
const KINDS: [(&str, &str); 8] = [
    (
        "column",
        "SELECT n.nspname, c.relname, a.attname::text, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                CASE WHEN a.attnotnull THEN 'NOT NULL' END, pg_get_expr(d.adbin, d.adrelid),
                {identity}, NULLIF(a.attgenerated::text, ''), l.collname)
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
         LEFT JOIN pg_collation l ON l.oid = a.attcollation AND l.collname <> 'default'
         WHERE c.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped AND {user}",
    ),
    (
        "index",
        "SELECT n.nspname, t.relname, c.relname::text, pg_get_indexdef(c.oid)
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE i.indisvalid AND {user}",
    ),
    (
        "constraint",
        "SELECT n.nspname, c.relname, k.conname::text, pg_get_constraintdef(k.oid)
         FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE k.contype IN ('p', 'u', 'c', 'x', 'f') AND {user}",
    ),
    (
        "sequence",
        "SELECT n.nspname, c.relname, ''::text, concat_ws(' ', format_type(s.seqtypid, NULL), s.seqstart,
                s.seqincrement, s.seqmin, s.seqmax, s.seqcycle)
         FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE {user}",
    ),
    (
        "view",
        "SELECT n.nspname, c.relname, ''::text, {view}
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND {user}",
    ),
    (
        "trigger",
        "SELECT n.nspname, c.relname, t.tgname::text, pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
         FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE NOT t.tgisinternal AND {user}",
    ),
    (
        "function",
        "SELECT n.nspname, c.proname, pg_get_function_identity_arguments(c.oid), md5(c.prosrc)
         FROM pg_proc c JOIN pg_namespace n ON n.oid = c.pronamespace WHERE {user}",
    ),
    (
        "extension",
        "SELECT n.nspname, c.extname, ''::text, ''::text
         FROM pg_extension c JOIN pg_namespace n ON n.oid = c.extnamespace",
    ),
];

const USER: &str = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%' \
                    AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.objid = c.oid AND x.deptype = 'e')";

/// What differs between major versions where the schema is the same: since 16 a view's text names
/// no table where there is only one, and since 17 partitions share the identity of their root.
/// Each has what is compared within a version, and between two.
const BY_VERSION: [(&str, [&str; 2]); 2] = [
    (
        "{identity}",
        [
            "NULLIF(a.attidentity::text, '')",
            "CASE WHEN NOT c.relispartition THEN NULLIF(a.attidentity::text, '') END",
        ],
    ),
    (
        "{view}",
        [
            "pg_get_viewdef(c.oid)",
            "(SELECT string_agg(concat_ws(' ', v.attname, format_type(v.atttypid, v.atttypmod)), ', ' ORDER BY v.attnum)
              FROM pg_attribute v WHERE v.attrelid = c.oid AND v.attnum > 0 AND NOT v.attisdropped)",
        ],
    ),
];

/// An object: its schema and table (or own name), its name in it, and its definition.
type Object = (String, String, String, String);

impl Judge<'_> {
    pub(super) fn schema(&mut self) -> Result<Check> {
        let mut check = Check::new(Rule::Schema);
        let is_one_version = self.catalog.release.major() == self.target_release()?.major();
        for (kind, query) in KINDS {
            let query = complete(query, is_one_version);
            let ea = objects(&self.ask_source(&query, &[])?);
            let eb = objects(&self.ask_target(&query, &[])?);
            check.count(kind, ea.len() as u64);
            let named = |set: &BTreeSet<Object>, (schema, table, object, _): &Object| {
                set.iter()
                    .any(|other| (&other.0, &other.1, &other.2) == (schema, table, object))
            };
            for object in ea.difference(&eb) {
                let what = if named(&eb, object) {
                    "not as in EA"
                } else {
                    "missing"
                };
                find(&mut check, object, &format!("this {kind} is {what}"));
            }
            for object in eb.difference(&ea) {
                if !named(&ea, object) {
                    find(&mut check, object, &format!("EA has no such {kind}"));
                }
            }
        }
        self.unclassified(&mut check);
        let columns = check.counted("column");
        Ok(check.conclude(format!(
            "{columns} columns and all that belongs to them are as in EA"
        )))
    }

    fn unclassified(&self, check: &mut Check) {
        for table in self.catalog.tables.values() {
            let name = &table.name;
            let Some(rules) = self.policy.tables.get(&name.to_string()) else {
                check.find(name, None, "the policy does not know this table", 0);
                continue;
            };
            for column in table.written_columns() {
                if !rules.columns.contains_key(&column.name) {
                    let problem = "the policy does not know this column";
                    check.find(name, Some(&column.name), problem, 0);
                }
            }
        }
    }
}

fn complete(query: &str, is_one_version: bool) -> String {
    let query = query.replace("{user}", USER);
    BY_VERSION
        .iter()
        .fold(query, |query, (place, [within, between])| {
            query.replace(place, if is_one_version { within } else { between })
        })
}

fn objects(rows: &[postgres::Row]) -> BTreeSet<Object> {
    rows.iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect()
}

fn find(check: &mut Check, object: &Object, problem: &str) {
    let (schema, name, part, _) = object.clone();
    let part = (!part.is_empty()).then_some(part);
    check.find(TableName { schema, name }, part.as_deref(), problem, 0);
}
