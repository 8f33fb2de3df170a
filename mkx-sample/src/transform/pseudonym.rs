//! Made-up values that depend on the original and the run's key.
//!
//! Equal values get equal pseudonyms whatever column they stand in, so that a copy of an address
//! is still a copy. In a unique column a pseudonym carries at least 64 bits of the hash.

use mkx_contract::Result;

use super::kind::Kind;
use super::{Place, digest, digits, each_element};
use crate::policy::{Form, Pseudonym};
use crate::sql;

/// The digits of pseudonyms that people read. Each is its own look-alike skeleton (no `o`, `l`,
/// `i`, `m`), so that a skeleton column can take the same pseudonym; without vowels there are
/// no words.
const LETTERS: &str = "bcdfghjkpqrstvwx";

impl Place<'_> {
    pub(super) fn pseudonym(&self, pseudonym: &Pseudonym, value: &str) -> Result<String> {
        let of = |value: &str| match &pseudonym.of {
            Some(of) => format!(
                "CASE WHEN ({value}) IS NOT NULL THEN COALESCE(({of})::text, ({value})::text) END"
            ),
            None => value.to_owned(),
        };
        let form = pseudonym.form;
        let (length, texts) = match self.kind {
            Kind::Text | Kind::TextArray => (self.column.max_length, true),
            _ => (None, false),
        };
        match (self.kind, form) {
            (Kind::Text | Kind::TextArray, _) => {}
            (Kind::Uuid, Form::Uuid) => {}
            (Kind::Inet, Form::Ipv4 | Form::Ipv6 | Form::Ip) => {}
            (Kind::Integer, Form::Digits) => {}
            _ => {
                return Err(self.unfit(
                    "pseudonym",
                    &format!(
                        "the form {} does not fit {}",
                        name_of(form),
                        self.column.type_name
                    ),
                ));
            }
        }
        if texts {
            self.require_room(form, length)?;
        }
        if self.is_unique() && matches!(form, Form::Ipv4 | Form::Ip | Form::Digits) {
            return Err(self.unfit(
                "pseudonym",
                &format!(
                    "the form {} can not keep the values of a unique column apart",
                    name_of(form)
                ),
            ));
        }
        let made = |text: &str| self.made(form, &of(text));
        Ok(match self.kind {
            Kind::TextArray => each_element(value, made),
            Kind::Inet => made(&format!("host({value})")),
            Kind::Integer => self.integer(&of(value), value),
            _ => made(&format!("({value})::text")),
        })
    }

    /// Room for what surrounds the hash and for enough of the hash.
    fn require_room(&self, form: Form, max_length: Option<u32>) -> Result<()> {
        let Some(max_length) = max_length else {
            return Ok(());
        };
        let max_length = max_length as usize;
        let room = match form {
            Form::Ipv4 => return self.require_length(form, 15, max_length),
            Form::Ipv6 | Form::Ip => return self.require_length(form, 39, max_length),
            Form::Uuid => return self.require_length(form, 36, max_length),
            Form::Digits => return Ok(()),
            _ => max_length.saturating_sub(self.frame(form)),
        };
        let needed = if matches!(form, Form::Token) { 4 } else { 8 };
        if room < needed {
            return self.require_length(form, self.frame(form) + needed, max_length);
        }
        self.require_digits(&format!("pseudonym {}", name_of(form)), room)
    }

    fn require_length(&self, form: Form, needed: usize, max_length: usize) -> Result<()> {
        if needed <= max_length {
            return Ok(());
        }
        Err(self.unfit(
            "pseudonym",
            &format!(
                "the form {} has {needed} characters at least, too long for {}",
                name_of(form),
                self.column.type_name
            ),
        ))
    }

    /// Characters around the hash.
    fn frame(&self, form: Form) -> usize {
        match form {
            Form::Email => "user-@".len() + self.context.email_domain.len(),
            Form::Handle | Form::Name => "user-".len(),
            Form::UserAgent => "mkx/1.0 ()".len(),
            _ => 0,
        }
    }

    /// The pseudonym of a text.
    fn made(&self, form: Form, of: &str) -> String {
        let value = match form {
            Form::Email => format!("lower({of})"),
            _ => of.to_owned(),
        };
        let room = |most: usize| match self.column.max_length {
            Some(length) => most.min((length as usize).saturating_sub(self.frame(form))),
            None => most,
        };
        let fitting = |most: usize| digits(&value, room(most));
        let letters = || {
            format!(
                "translate({}, '0123456789abcdef', '{LETTERS}')",
                fitting(16)
            )
        };
        match form {
            Form::Email => format!(
                "'user-' || {} || {}",
                letters(),
                sql::literal(&format!("@{}", self.context.email_domain))
            ),
            Form::Handle => format!("'user-' || {}", letters()),
            Form::Name => format!("'name ' || {}", letters()),
            Form::UserAgent => format!("'mkx/1.0 (' || {} || ')'", fitting(16)),
            Form::Token => fitting(40),
            Form::Uuid => format!(
                "overlay(overlay({} placing '4' from 13 for 1) placing '8' from 17 for 1)::uuid::text",
                digits(&value, 32)
            ),
            Form::Ipv4 => ipv4(&digest(&value)),
            Form::Ipv6 => ipv6(&value),
            Form::Ip => format!(
                "CASE WHEN strpos({of}, ':') > 0 THEN {} ELSE {} END",
                ipv6(&value),
                ipv4(&digest(&value))
            ),
            Form::Digits => format!(
                "left(repeat(translate({}, 'abcdef', '172839'), 1 + length({of}) / 64), \
                 length({of}))",
                digest(&value)
            ),
        }
    }

    /// A whole number with as many digits as the original, or fewer.
    fn integer(&self, of: &str, value: &str) -> String {
        format!(
            "(('x' || left({}, 15))::bit(60)::bigint % \
             power(10, least(length(abs({value}::numeric)::text), {}))::bigint)",
            digest(of),
            match self.column.base_type.as_str() {
                "int2" => 4,
                "int4" => 9,
                _ => 18,
            }
        )
    }
}

/// In 198.18.0.0/15 (RFC 2544).
fn ipv4(digits: &str) -> String {
    let byte = |at: usize| format!("('x' || substr({digits}, {at}, 2))::bit(8)::integer");
    format!(
        "'198.' || (18 + {} % 2) || '.' || {} || '.' || {}",
        byte(1),
        byte(3),
        byte(5)
    )
}

/// In 2001:db8::/32 (RFC 3849).
fn ipv6(value: &str) -> String {
    format!(
        "regexp_replace({}, '(.{{4}})(.{{4}})(.{{4}})(.{{4}})(.{{4}})(.{{4}})', \
         '2001:db8:\\1:\\2:\\3:\\4:\\5:\\6')",
        digits(value, 24)
    )
}

fn name_of(form: Form) -> &'static str {
    match form {
        Form::Email => "email",
        Form::Handle => "handle",
        Form::Name => "name",
        Form::Ipv4 => "ipv4",
        Form::Ipv6 => "ipv6",
        Form::Ip => "ip",
        Form::Uuid => "uuid",
        Form::Token => "token",
        Form::UserAgent => "user_agent",
        Form::Digits => "digits",
    }
}
