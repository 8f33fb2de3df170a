//! How a transform becomes SQL: the expression that gives a column's value in EB, computed inside
//! EA's own SELECT.
//!
//! The result has exactly the column's type and length. Null stays null, but for `constant`. The
//! key and the password's hash are never in the text; the session's settings hold them.

mod constant;
mod json;
mod kind;
mod pseudonym;
mod scrub;
mod urls;

use mkx_contract::{Failure, Result, Site};

use crate::database::catalog::{Column, Table};
use crate::policy::Transform;
use crate::sql;
use kind::Kind;

/// What transforms need to know besides the column.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// EA's hosts and the hosts of EB that take their place, longest first.
    pub urls: Vec<(String, String)>,
    /// The reserved domain of pseudonymous e-mail addresses.
    pub email_domain: String,
}

impl Context {
    /// The hosts that a site names, and none without one: the site itself, with and without `www.`, and the vault.
    pub fn new(site: Option<&Site>, email_domain: &str) -> Context {
        let mut context = Context {
            urls: Vec::new(),
            email_domain: email_domain.to_owned(),
        };
        let Some(site) = site else {
            return context;
        };
        let (ea, eb) = (&site.environments.ea, &site.environments.eb);
        context.urls = vec![
            (ea.domain.clone(), eb.domain.clone()),
            (format!("www.{}", ea.domain), eb.domain.clone()),
        ];
        if let (Some(ea), Some(eb)) = (&ea.vault, &eb.vault) {
            context.urls.push((ea.domain.clone(), eb.domain.clone()));
        }
        let longest_first = |(host, _): &(String, String)| std::cmp::Reverse(host.len());
        context.urls.sort_by_key(longest_first);
        context
    }
}

/// SQL that gives the column's value in EB; `row` is the alias of EA's row.
///
/// # Errors
/// Exit 3 where the transform does not fit the column.
pub fn expression(
    transform: &Transform,
    table: &Table,
    column: &Column,
    row: &str,
    context: &Context,
) -> Result<String> {
    let value = format!("{row}.{}", sql::identifier(&column.name));
    if *transform == Transform::Keep {
        return Ok(value);
    }
    let place = Place {
        table,
        column,
        kind: Kind::of(column),
        context,
    };
    let value = place.apply(transform, &value)?;
    Ok(format!("({value})::{}", column.type_name))
}

/// A column as a transform sees it.
struct Place<'a> {
    table: &'a Table,
    column: &'a Column,
    kind: Kind,
    context: &'a Context,
}

impl Place<'_> {
    fn apply(&self, transform: &Transform, value: &str) -> Result<String> {
        match transform {
            Transform::Keep => Ok(value.to_owned()),
            Transform::Null if self.column.is_nullable => Ok("NULL".into()),
            Transform::Null => Err(self.unfit("null", "the column is NOT NULL")),
            Transform::Constant(constant) => self.constant(constant),
            Transform::Pseudonym(pseudonym) => self.pseudonym(pseudonym, value),
            Transform::Scrub => self.each_text("scrub", value, scrub::text),
            Transform::Hash => self.hash(value),
            Transform::Password => self.password(value),
            Transform::RewriteUrl => self.each_text("rewrite_url", value, |text| {
                urls::text(text, &self.context.urls)
            }),
            Transform::Chain(steps) => {
                let mut value = value.to_owned();
                for step in steps {
                    value = self.apply(step, &value)?;
                }
                Ok(value)
            }
            Transform::JsonKeep(members) => self.json_keep(members, value),
            Transform::Sql(sql) => Ok(format!("({sql})")),
        }
    }

    /// Applies an SQL function of text to a text, to each text of an array, or to JSON as text.
    fn each_text(
        &self,
        name: &str,
        value: &str,
        function: impl Fn(&str) -> String,
    ) -> Result<String> {
        match self.kind {
            Kind::Text => Ok(function(&format!("({value})::text"))),
            Kind::TextArray => Ok(each_element(value, function)),
            Kind::Json | Kind::Jsonb => Ok(json::as_text(value, self.kind, function)),
            _ => Err(self.wrong_type(name, "it is for text")),
        }
    }

    fn hash(&self, value: &str) -> Result<String> {
        let length = self.length_up_to(HASH_DIGITS);
        self.require_digits("hash", length)?;
        let digits = |text: &str| digits(text, length);
        match self.kind {
            Kind::Text => Ok(digits(value)),
            Kind::TextArray => Ok(each_element(value, digits)),
            Kind::Bytea => Ok(format!("decode({}, 'hex')", digest(&hex(value)))),
            _ => Err(self.wrong_type("hash", "a hash is text")),
        }
    }

    fn password(&self, value: &str) -> Result<String> {
        if self.kind != Kind::Text || self.length_up_to(60) < 60 {
            let hash = "a bcrypt hash is text of 60 characters";
            return Err(self.wrong_type("password", hash));
        }
        Ok(format!(
            "CASE WHEN ({value}) IS NOT NULL THEN current_setting('mkx.password_hash') END"
        ))
    }

    /// As many characters as the column takes, at most `most`.
    fn length_up_to(&self, most: usize) -> usize {
        let length = self.column.max_length.map(|length| length as usize);
        length.map_or(most, |length| most.min(length))
    }

    /// True where two rows can not hold the same value.
    fn is_unique(&self) -> bool {
        let alone = |key: &Vec<String>| key.len() == 1 && key[0] == self.column.name;
        alone(&self.table.primary_key) || self.table.unique_keys.iter().any(alone)
    }

    /// Sixteen hexadecimal digits (64 bits) keep the values of a unique column apart; four are
    /// the least that is a pseudonym at all.
    fn require_digits(&self, name: &str, digits: usize) -> Result<()> {
        let needed = if self.is_unique() { 16 } else { 4 };
        if digits >= needed {
            return Ok(());
        }
        let cause = match self.column.max_length {
            Some(_) if needed == 16 => "to keep the values of a unique column apart",
            _ => "for it",
        };
        let type_name = &self.column.type_name;
        Err(self.unfit(name, &format!("{type_name} is too short {cause}")))
    }

    fn wrong_type(&self, transform: &str, needs: &str) -> Failure {
        let type_name = &self.column.type_name;
        self.unfit(
            transform,
            &format!("{needs}, and the column is {type_name}"),
        )
    }

    fn unfit(&self, transform: &str, cause: &str) -> Failure {
        Failure::input(format!(
            "cannot use \"{transform}\" for {}.{}: {cause}",
            self.table.name, self.column.name
        ))
    }
}

/// Hexadecimal digits of a hash.
const HASH_DIGITS: usize = 64;

/// 64 hexadecimal digits that depend on a value and the run's key; null for null.
fn digest(value: &str) -> String {
    hex(&hashed(value))
}

/// The first `count` of them.
fn digits(value: &str, count: usize) -> String {
    match count {
        HASH_DIGITS.. => digest(value),
        _ if count % 2 == 0 => hex(&format!("substr({}, 1, {})", hashed(value), count / 2)),
        _ => format!("left({}, {count})", digest(value)),
    }
}

fn hashed(value: &str) -> String {
    format!("sha256(convert_to(current_setting('mkx.key') || ':' || ({value})::text, 'UTF8'))")
}

fn hex(value: &str) -> String {
    format!("encode({value}, 'hex')")
}

/// Applies an SQL function of text to each element of an array.
fn each_element(value: &str, function: impl Fn(&str) -> String) -> String {
    format!(
        "CASE WHEN ({value}) IS NOT NULL THEN ARRAY(SELECT {} FROM unnest({value}) \
         WITH ORDINALITY AS mkx_element(mkx_text, mkx_at) ORDER BY mkx_at) END",
        function("mkx_text::text")
    )
}

#[cfg(test)]
mod on_server;
#[cfg(test)]
mod tests;
