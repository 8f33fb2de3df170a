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
use crate::sql;

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
        for (subject, treated) in self.columns() {
            let Some(select) = self.hidden_values(subject, treated) else {
                continue;
            };
            self.in_target("TRUNCATE mkx_column")?;
            self.transfer(&select, "mkx_column")?;
            self.in_target("ANALYZE mkx_column")?;
            check.count("columns", 1);
            let value = format!("{}::text", treated.sql);
            let rows = self.target_count(&format!(
                "SELECT count(*) FROM {} WHERE length({value}) >= {SHORTEST_VALUE} \
                 AND {} IN (SELECT digest FROM mkx_column)",
                subject.table.sql_from(),
                self.digest(&value)
            ))?;
            let problem = "rows hold a value of this column in EA";
            check.find_rows(subject.name(), Some(&treated.column.name), problem, rows);
        }
        let columns = check.counted("columns");
        Ok(check.conclude(format!(
            "{columns} hidden columns hold no value of theirs in EA"
        )))
    }

    /// The digests of what EA hides in a column: not what other rows show of it.
    fn hidden_values(&self, subject: &Subject<'_>, treated: &Treatment<'_>) -> Option<String> {
        let is_hidden = |promise: &Promise| matches!(promise, Promise::Changed | Promise::Null);
        let variants = treated.variants.iter().enumerate();
        let variants = variants.map(|(number, promise)| (number.to_string(), *promise));
        let promises = variants.chain([("-1".to_owned(), None)]);
        let promises = promises.map(|(number, promise)| (number, promise.unwrap_or(treated.base)));
        let (hidden, shown): (Vec<_>, Vec<_>) =
            promises.partition(|(_, promise)| is_hidden(promise));
        if hidden.is_empty() {
            return None;
        }
        let value = format!("{}::text", treated.sql);
        let digest = self.digest(&value);
        let from = subject.table.sql_from();
        let long = format!("length({value}) >= {SHORTEST_VALUE}");
        if shown.is_empty() {
            return Some(format!("SELECT DISTINCT {digest} FROM {from} WHERE {long}"));
        }
        let numbers = sql::list(hidden.iter().map(|(number, _)| number));
        let variant = subject.variant_sql();
        Some(format!(
            "SELECT {digest} FROM {from} WHERE {long} AND ({variant}) IN ({numbers}) \
             EXCEPT SELECT {digest} FROM {from} WHERE {long} AND ({variant}) NOT IN ({numbers})"
        ))
    }

    /// What EA hides anywhere against every column of EB.
    fn anywhere(&mut self) -> Result<Check> {
        let mut check = Check::new(Rule::SensitiveAnywhere);
        let (mut places, mut known) = (Vec::new(), Vec::new());
        for (subject, treated) in self.columns() {
            let from = subject.table.sql_from();
            if let Some(select) = self.identifiers_of(subject, treated, places.len()) {
                self.transfer(&select, "mkx_hidden")?;
                places.push(format!("{}.{}", subject.name(), treated.column.name));
            }
            if is_public_url(subject, treated) {
                known.push(format!(
                    "SELECT {} FROM {from}, LATERAL regexp_matches(lower({}::text), '{UUID}', 'g') found",
                    self.digest("found[1]"),
                    treated.sql
                ));
            }
            if treated.base == Promise::Kept && is_key(subject, treated) {
                let digest = self.digest(&format!("lower({}::text)", treated.sql));
                known.push(format!("SELECT {digest} FROM {from}"));
            }
        }
        for select in &known {
            self.in_target(&format!("INSERT INTO mkx_known {select}"))?;
        }
        // A key that is kept is in EB by the policy's will, whatever hidden column repeats it.
        self.in_target(
            "DELETE FROM mkx_hidden h USING mkx_known k WHERE h.digest = k.digest AND NOT h.is_address; \
             CREATE INDEX ON mkx_hidden (digest); ANALYZE mkx_hidden",
        )?;
        let hidden = self.target_count("SELECT count(*) FROM mkx_hidden")?;
        check.count("hidden", hidden);
        check.count("columns_hidden", places.len() as u64);
        for subject in self.subjects {
            self.search(subject, &places, &mut check)?;
        }
        let columns = check.counted("columns");
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
        } else if has_step(transform, is_mended) {
            is_address.clone()
        } else {
            return None;
        };
        Some(format!(
            "SELECT DISTINCT {digest}, {place}, {is_address} \
             FROM (SELECT DISTINCT {}::text AS mkx_text FROM {}) texts, {} \
             WHERE {of_interest} AND lower(word) !~ '{NOBODYS}'",
            treated.sql,
            subject.table.sql_from(),
            identifiers()
        ))
    }

    fn search(
        &mut self,
        subject: &Subject<'_>,
        places: &[String],
        check: &mut Check,
    ) -> Result<()> {
        let columns = subject.columns.iter();
        let columns: Vec<&Treatment<'_>> = columns
            .filter(|treated| is_textual(&treated.column.base_type))
            .collect();
        if columns.is_empty() {
            return Ok(());
        }
        check.count("columns", columns.len() as u64);
        let values = columns.iter().enumerate();
        let values = values.map(|(at, treated)| format!("({at}, {}::text)", treated.sql));
        let sql = format!(
            "SELECT mkx_at, h.of_column, sum(times)::bigint \
             FROM (SELECT mkx_at, mkx_text, count(*) AS times FROM {from}, \
             LATERAL (VALUES {values}) value (mkx_at, mkx_text) GROUP BY mkx_at, mkx_text) texts, {words} \
             JOIN mkx_hidden h ON h.digest = {digest} \
             GROUP BY mkx_at, h.of_column ORDER BY mkx_at, h.of_column",
            from = subject.table.sql_from(),
            values = sql::list(values),
            words = identifiers(),
            digest = self.digest("lower(word)"),
        );
        for row in self.ask_target(&sql, &[])? {
            let [at, of] = [0, 1].map(|column| row.get::<_, i32>(column) as usize);
            let problem = format!("rows hold an identifier of EA's {}", places[of]);
            let column = &columns[at].column.name;
            check.find(subject.name(), Some(column), problem, super::count(&row, 2));
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

/// What takes addresses out of a value and leaves the rest.
fn is_mended(step: &Transform) -> bool {
    matches!(step, Transform::Scrub | Transform::JsonKeep(_))
}

/// URLs that stay name files by UUIDs; a hidden column may repeat them.
fn is_public_url(subject: &Subject<'_>, treated: &Treatment<'_>) -> bool {
    let is_rewritten = |step: &Transform| matches!(step, Transform::RewriteUrl);
    let transform = subject.policy.columns.get(&treated.column.name);
    !treated.base.hides() && transform.is_some_and(|transform| has_step(transform, is_rewritten))
}

fn is_key(subject: &Subject<'_>, treated: &Treatment<'_>) -> bool {
    let name = &treated.column.name;
    treated.column.base_type == "uuid"
        || subject.table.primary_key.contains(name)
        || subject.table.unique_keys.contains(&vec![name.clone()])
}

/// Types whose text may hold an identifier.
fn is_textual(base_type: &str) -> bool {
    [
        "text", "varchar", "bpchar", "citext", "json", "jsonb", "uuid", "inet", "cidr", "macaddr",
        "xml", "hstore",
    ]
    .contains(&base_type.trim_start_matches('_'))
}
