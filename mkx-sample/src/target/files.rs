//! Which files of the vault EB's rows refer to: the policy's rules, run on EB, as a manifest.
//!
//! The server removes duplicates and sorts; here a line at a time passes through, so that memory
//! does not grow with the vault.

use std::io::Write;

use fallible_iterator::FallibleIterator;
use mkx_contract::record::manifest::{End, File, check_path};
use mkx_contract::tool::interrupt;
use mkx_contract::tool::output::Output;
use mkx_contract::{Failure, Result};
use postgres::types::ToSql;
use postgres::{Client, Row};

use crate::database::endpoint::cause;
use crate::policy::FileRule;

/// Writes the manifest, sorted by path. On failure what was written ends in a record that says so.
///
/// # Errors
/// Exit 3 for a rule that the server does not take or that gives what is no path in a vault;
/// exit 4 for the server's failures.
pub fn write<W: Write>(
    client: &mut Client,
    rules: &[FileRule],
    output: &mut Output<W>,
) -> Result<End> {
    if rules.is_empty() {
        return Err(
            Failure::input("cannot write the manifest: the policy says of no files")
                .hint("add rules under \"files\" in the policy"),
        );
    }
    let sql = statement(client, rules)?;
    let mut files = 0;
    let written = lines(client, &sql, rules, output, &mut files);
    let end = End {
        files,
        ok: written.is_ok(),
    };
    output.line(&end)?;
    output.flush()?;
    written.map(|()| end)
}

fn lines<W: Write>(
    client: &mut Client,
    sql: &str,
    rules: &[FileRule],
    output: &mut Output<W>,
    files: &mut u64,
) -> Result<()> {
    let cannot = |error: postgres::Error| {
        let message = format!("cannot write the manifest: {}", cause(&error));
        match error.code() {
            // What a rule says that only the server can judge.
            Some(code) if ["22", "25", "42"].contains(&&code.code()[..2]) => {
                Failure::input(message).hint("mend the rules under \"files\" in the policy")
            }
            _ => Failure::peer(message),
        }
    };
    let mut transaction = client
        .build_transaction()
        .read_only(true)
        .start()
        .map_err(cannot)?;
    let mut rows = transaction
        .query_raw(sql, std::iter::empty::<&dyn ToSql>())
        .map_err(cannot)?;
    while let Some(row) = rows.next().map_err(cannot)? {
        interrupt::check()?;
        if output.is_closed() {
            break;
        }
        output.line(&file(&row, rules)?)?;
        *files += 1;
    }
    Ok(())
}

fn file(row: &Row, rules: &[FileRule]) -> Result<File> {
    let path: Option<String> = row.get(0);
    let size_bytes: Option<i64> = row.get(1);
    let sha256: Option<String> = row.get(2);
    let rule: i32 = row.get(4);
    let rule = &rules[usize::try_from(rule).unwrap_or(0)].name;
    let bad = |what: String| {
        Failure::input(format!(
            "cannot write the manifest: the rule \"{rule}\" gives {what}"
        ))
        .hint("mend the rule's query in the policy, or the row in EB")
    };
    let path = path.ok_or_else(|| bad("a row without a path".into()))?;
    if let Err(cause) = check_path(path.as_bytes()) {
        return Err(bad(format!(
            "the path \"{}\": {cause}",
            path.escape_debug()
        )));
    }
    let size_bytes = size_bytes.map(u64::try_from).transpose();
    Ok(File {
        size_bytes: size_bytes.map_err(|_| bad(format!("a negative size for \"{path}\"")))?,
        path,
        sha256: sha256.map(|digest| digest.to_ascii_lowercase()),
        optional: row.get(3),
    })
}

/// All rules in one statement; where two name one file, it is optional only if both say so, and
/// its size is known only if they agree.
fn statement(client: &mut Client, rules: &[FileRule]) -> Result<String> {
    let mut parts = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let columns = columns(client, rule)?;
        let column = |name: &str, type_name: &str| {
            if columns.iter().any(|column| column == name) {
                format!("r.{name}::{type_name}")
            } else {
                format!("NULL::{type_name}")
            }
        };
        parts.push(format!(
            "SELECT r.path::text COLLATE \"C\" AS path, {} AS size_bytes, {} AS sha256, \
             {} AS optional, {index} AS rule FROM (\n{}\n) r",
            column("size_bytes", "bigint"),
            column("sha256", "text"),
            rule.optional,
            query(rule)
        ));
    }
    Ok(format!(
        "SELECT path, CASE WHEN min(size_bytes) = max(size_bytes) THEN min(size_bytes) END, \
         CASE WHEN min(sha256) = max(sha256) THEN min(sha256) END, bool_and(optional), min(rule) \
         FROM ({}) f GROUP BY path ORDER BY path",
        parts.join("\nUNION ALL\n")
    ))
}

/// The names of the columns that a rule gives.
fn columns(client: &mut Client, rule: &FileRule) -> Result<Vec<String>> {
    let bad = |what: String| {
        Failure::input(format!(
            "cannot write the manifest: the rule \"{}\": {what}",
            rule.name
        ))
        .hint("mend its query, under \"files\" in the policy")
    };
    let statement = client
        .prepare(query(rule))
        .map_err(|error| match error.as_db_error() {
            Some(_) => bad(cause(&error)),
            None => Failure::peer(format!("cannot write the manifest: {}", cause(&error))),
        })?;
    let columns: Vec<String> = statement
        .columns()
        .iter()
        .map(|column| column.name().to_owned())
        .collect();
    if columns.iter().any(|column| column == "path") {
        Ok(columns)
    } else {
        Err(bad("it gives no column \"path\"".into()))
    }
}

fn query(rule: &FileRule) -> &str {
    rule.query
        .trim_end_matches(|c: char| c == ';' || c.is_whitespace())
}
