//! Whether any sensitive value of EA is anywhere in EB, compared by keyed digest.
//!
//! Two comparisons. `sensitive_columns`: each hidden column of EB against the same column of EA.
//! `sensitive_anywhere`: whatever in any column of EB looks like an identifier (an e-mail or IP
//! address, a token, a UUID, a hash, a line of a certificate) against all such that EA hides.

use mkx_contract::Result;

use super::record::Check;
use super::subject::{Promise, Subject, Treatment, has_step};
use super::{Judge, Rule};
use crate::policy::Transform;

/// Values of one column that are shorter may be equal by chance, or be words.
const SHORTEST_VALUE: usize = 8;

/// What looks like an identifier, in PostgreSQL's regular expressions: an e-mail address, IPv4,
/// IPv6 or MAC address, bcrypt hash, or a word of 16 characters and more.
const IDENTIFIER: &str = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}|\m[0-9]{1,3}(?:\.[0-9]{1,3}){3}\M|[0-9A-Fa-f]{1,4}(?:::?[0-9A-Fa-f]{1,4}){3,7}|\$2[abxy]\$[0-9]{2}\$[./A-Za-z0-9]{53}|[A-Za-z0-9_-]{16,}";

/// Whether a text may hold an identifier at all, besides one that is nothing but a word: far
/// cheaper to search for than the identifiers themselves.
const MAY_HOLD: &str = r"[@$]|\..*\..*\.|:.*:.*:|[A-Za-z0-9_-]{16}";

/// A UUID in lower case.
const UUID: &str = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

/// An address, as against other identifiers: it is one wherever it stands.
const ADDRESS: &str = r"[@:]|^[0-9.]+$";

/// Addresses that are nobody's.
const NOBODYS: &str =
    r"^(0|10|127|169\.254|192\.168|198\.1[89]|255)\.|^[^@]*@([a-z0-9-]+\.)*example\.(com|org|net)$";

impl Judge<'_> {
    pub(super) fn privacy(&mut self) -> Result<Vec<Check>> {
        self.in_target(
            "CREATE TEMPORARY TABLE mkx_column (digest bigint); \
             CREATE TEMPORARY TABLE mkx_hidden (digest bigint, of_column integer, is_address boolean); \
             CREATE TEMPORARY TABLE mkx_known (digest bigint)",
        )?;
        Ok(vec![self.same_column()?, self.anywhere()?])
    }

    /// EA's values against the same column of EB.
    fn same_column(&mut self) -> Result<Check> {
        let mut check = Check::new(Rule::SensitiveColumns);
        let mut work = Vec::new();
        for subject in &self.subjects {
            for treated in &subject.columns {
                if let Some(select) = self.hidden_values(subject, treated) {
                    let value = format!("{}::text", subject.column(&treated.column.name));
                    let found = format!(
                        "SELECT count(*) FROM {} WHERE length({value}) >= {SHORTEST_VALUE} \
                         AND {} IN (SELECT digest FROM mkx_column)",
                        subject.table.sql_from(),
                        self.digest(&value)
                    );
                    work.push((subject.name(), treated.column.name.clone(), select, found));
                }
            }
        }
        for (table, column, select, found) in work {
            self.in_target("TRUNCATE mkx_column")?;
            self.transfer(&select, "mkx_column")?;
            self.in_target("ANALYZE mkx_column")?;
            check.count("columns", 1);
            let rows = self.target_count(&found)?;
            if rows > 0 {
                let problem = "rows hold a value of this column in EA";
                check.find(table, Some(&column), problem, rows);
            }
        }
        let columns = check.counts.get("columns").copied().unwrap_or(0);
        Ok(check.conclude(format!(
            "{columns} hidden columns hold no value of theirs in EA"
        )))
    }

    /// The digests of what EA hides in a column: not what other rows show of it.
    fn hidden_values(&self, subject: &Subject<'_>, treated: &Treatment<'_>) -> Option<String> {
        let is_hidden = |promise: Promise| promise == Promise::Changed || promise == Promise::Null;
        let by_variant: Vec<bool> = treated
            .variants
            .iter()
            .map(|variant| is_hidden(variant.unwrap_or(treated.base)))
            .collect();
        let base = is_hidden(treated.base);
        if !base && !by_variant.iter().any(|hidden| *hidden) {
            return None;
        }
        let value = format!("{}::text", subject.column(&treated.column.name));
        let digest = self.digest(&value);
        let from = subject.table.sql_from();
        let long = format!("length({value}) >= {SHORTEST_VALUE}");
        if base && by_variant.iter().all(|hidden| *hidden) {
            return Some(format!("SELECT DISTINCT {digest} FROM {from} WHERE {long}"));
        }
        let numbers: Vec<String> = by_variant
            .iter()
            .enumerate()
            .filter(|(_, hidden)| **hidden)
            .map(|(number, _)| number.to_string())
            .chain(base.then(|| "-1".to_owned()))
            .collect();
        let numbers = numbers.join(", ");
        let variant = subject.variant_sql();
        Some(format!(
            "SELECT {digest} FROM {from} WHERE {long} AND ({variant}) IN ({numbers}) \
             EXCEPT SELECT {digest} FROM {from} WHERE {long} AND ({variant}) NOT IN ({numbers})"
        ))
    }

    /// What EA hides anywhere against every column of EB.
    fn anywhere(&mut self) -> Result<Check> {
        let mut check = Check::new(Rule::SensitiveAnywhere);
        let mut places = Vec::new();
        let mut gather = Vec::new();
        let mut known = Vec::new();
        for subject in &self.subjects {
            for treated in &subject.columns {
                let column = &treated.column;
                if let Some(select) = self.identifiers_of(subject, treated, places.len()) {
                    gather.push(select);
                    places.push(format!("{}.{}", subject.name(), column.name));
                }
                if is_public_url(subject, treated) {
                    known.push(format!(
                        "INSERT INTO mkx_known SELECT {} FROM {}, \
                         LATERAL regexp_matches(lower({}::text), '{UUID}', 'g') found",
                        self.digest("found[1]"),
                        subject.table.sql_from(),
                        subject.column(&column.name)
                    ));
                }
                if treated.base == Promise::Kept && is_key(subject, treated) {
                    known.push(format!(
                        "INSERT INTO mkx_known SELECT {} FROM {}",
                        self.digest(&format!("lower({}::text)", subject.column(&column.name))),
                        subject.table.sql_from()
                    ));
                }
            }
        }
        for select in &gather {
            self.transfer(select, "mkx_hidden")?;
        }
        for insert in &known {
            self.in_target(insert)?;
        }
        // A key that is kept is in EB by the policy's will, whatever hidden column repeats it.
        self.in_target(
            "DELETE FROM mkx_hidden h USING mkx_known k WHERE h.digest = k.digest AND NOT h.is_address; \
             CREATE INDEX ON mkx_hidden (digest); ANALYZE mkx_hidden",
        )?;
        check.count(
            "hidden",
            self.target_count("SELECT count(*) FROM mkx_hidden")?,
        );
        check.count("columns_hidden", places.len() as u64);
        for index in 0..self.subjects.len() {
            self.search(index, &places, &mut check)?;
        }
        let (columns, hidden) = (
            check.counts.get("columns").copied().unwrap_or(0),
            check.counts.get("hidden").copied().unwrap_or(0),
        );
        Ok(check.conclude(format!(
            "{columns} columns hold none of {hidden} identifiers that EA hides"
        )))
    }

    /// The digests of the identifiers in a column of EA that is hidden, or of the addresses in one
    /// that is mended.
    fn identifiers_of(
        &self,
        subject: &Subject<'_>,
        treated: &Treatment<'_>,
        place: usize,
    ) -> Option<String> {
        if !is_textual(&treated.column.base_type) {
            return None;
        }
        let transform = subject.policy.columns.get(&treated.column.name)?;
        let digest = self.digest("lower(word)");
        let is_address = format!("lower(word) ~ '{ADDRESS}'");
        // In prose only addresses are identifiers; a word of 16 letters may be public elsewhere.
        let of_interest = if treated.base.hides() {
            format!(
                "({is_address} OR word ~ '[0-9]' AND (mkx_text !~ '\\s' OR mkx_text ~ '^[\\[{{]|-----BEGIN'))"
            )
        } else if has_step(transform, |step| {
            matches!(step, Transform::Scrub | Transform::JsonKeep(_))
        }) {
            is_address.clone()
        } else {
            return None;
        };
        Some(format!(
            "SELECT DISTINCT {digest}, {place}, {is_address} \
             FROM (SELECT DISTINCT {}::text AS mkx_text FROM {}) texts, {} \
             WHERE {of_interest} AND lower(word) !~ '{NOBODYS}'",
            subject.column(&treated.column.name),
            subject.table.sql_from(),
            identifiers()
        ))
    }

    fn search(&mut self, index: usize, places: &[String], check: &mut Check) -> Result<()> {
        let subject = &self.subjects[index];
        let columns: Vec<&Treatment<'_>> = subject
            .columns
            .iter()
            .filter(|treated| is_textual(&treated.column.base_type))
            .collect();
        if columns.is_empty() {
            return Ok(());
        }
        check.count("columns", columns.len() as u64);
        let values: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(at, treated)| format!("({at}, {}::text)", subject.column(&treated.column.name)))
            .collect();
        let sql = format!(
            "SELECT mkx_at, h.of_column, sum(times)::bigint \
             FROM (SELECT mkx_at, mkx_text, count(*) AS times FROM {from}, \
             LATERAL (VALUES {values}) value (mkx_at, mkx_text) GROUP BY mkx_at, mkx_text) texts, {words} \
             JOIN mkx_hidden h ON h.digest = {digest} \
             GROUP BY mkx_at, h.of_column ORDER BY mkx_at, h.of_column",
            from = subject.table.sql_from(),
            values = values.join(", "),
            words = identifiers(),
            digest = self.digest("lower(word)"),
        );
        let name = subject.name();
        let names: Vec<String> = columns
            .iter()
            .map(|treated| treated.column.name.clone())
            .collect();
        for row in self.ask_target(&sql, &[])? {
            let (at, of): (i32, i32) = (row.get(0), row.get(1));
            let place = |number: i32, list: &[String]| {
                usize::try_from(number)
                    .ok()
                    .and_then(|number| list.get(number).cloned())
                    .unwrap_or_default()
            };
            let problem = format!("rows hold an identifier of EA's {}", place(of, places));
            let rows = super::count(&row, 2);
            check.find(&name, Some(&place(at, &names)), problem, rows);
        }
        Ok(())
    }
}

/// The identifiers of `mkx_text`, as `word`. Most texts that hold one are nothing else (a token, a
/// hash, a UUID), and the longest match of a word is all of it; most others hold none. Both are told
/// without the large expression.
fn identifiers() -> String {
    format!(
        "LATERAL (SELECT mkx_text AS word WHERE length(mkx_text) >= 16 AND mkx_text !~ '[^A-Za-z0-9_-]' \
         UNION ALL SELECT found[1] FROM regexp_matches(CASE WHEN mkx_text ~ '[^A-Za-z0-9_-]' \
         AND mkx_text ~ '{MAY_HOLD}' THEN mkx_text END, '{IDENTIFIER}', 'g') found) words"
    )
}

/// URLs that stay name files by UUIDs; a hidden column may repeat them.
fn is_public_url(subject: &Subject<'_>, treated: &Treatment<'_>) -> bool {
    let transform = subject.policy.columns.get(&treated.column.name);
    !treated.base.hides()
        && transform.is_some_and(|transform| {
            has_step(transform, |step| matches!(step, Transform::RewriteUrl))
        })
}

fn is_key(subject: &Subject<'_>, treated: &Treatment<'_>) -> bool {
    let name = &treated.column.name;
    treated.column.base_type == "uuid"
        || subject.table.primary_key.contains(name)
        || subject
            .table
            .unique_keys
            .iter()
            .any(|key| key == std::slice::from_ref(name))
}

/// Types whose text may hold an identifier.
fn is_textual(base_type: &str) -> bool {
    matches!(
        base_type.trim_start_matches('_'),
        "text"
            | "varchar"
            | "bpchar"
            | "citext"
            | "json"
            | "jsonb"
            | "uuid"
            | "inet"
            | "cidr"
            | "macaddr"
            | "xml"
            | "hstore"
    )
}
