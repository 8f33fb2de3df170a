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
        let unfit = |why: &str| Err(self.unfit("pseudonym", &format!("the form {form} {why}")));
        match (self.kind, form) {
            (Kind::Text | Kind::TextArray, _) => self.require_room(form)?,
            (Kind::Uuid, Form::Uuid) => {}
            (Kind::Inet, Form::Ipv4 | Form::Ipv6 | Form::Ip) => {}
            (Kind::Integer, Form::Digits) => {}
            _ => return unfit(&format!("does not fit {}", self.column.type_name)),
        }
        if self.is_unique() && matches!(form, Form::Ipv4 | Form::Ip | Form::Digits) {
            return unfit("can not keep the values of a unique column apart");
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
    fn require_room(&self, form: Form) -> Result<()> {
        let Some(max_length) = self.column.max_length else {
            return Ok(());
        };
        let (max_length, frame) = (max_length as usize, self.frame(form));
        let needed = match form {
            Form::Ipv4 => 15,
            Form::Ipv6 | Form::Ip => 39,
            Form::Uuid => 36,
            Form::Digits => 0,
            Form::Token => 4,
            _ => frame + 8,
        };
        if max_length < needed {
            let type_name = &self.column.type_name;
            let cause = format!(
                "the form {form} has {needed} characters at least, too long for {type_name}"
            );
            return Err(self.unfit("pseudonym", &cause));
        }
        match form {
            Form::Ipv4 | Form::Ipv6 | Form::Ip | Form::Uuid | Form::Digits => Ok(()),
            _ => self.require_digits(&format!("pseudonym {form}"), max_length - frame),
        }
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
        let frame = self.frame(form);
        let room = |most: usize| self.length_up_to(most + frame).saturating_sub(frame);
        let fitting = |most: usize| digits(&value, room(most));
        let letters = || {
            format!(
                "translate({}, '0123456789abcdef', '{LETTERS}')",
                fitting(16)
            )
        };
        match form {
            Form::Email => {
                let domain = sql::literal(&format!("@{}", self.context.email_domain));
                format!("'user-' || {} || {domain}", letters())
            }
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
            Form::Digits => {
                let digits = format!("translate({}, 'abcdef', '172839')", digest(&value));
                format!("left(repeat({digits}, 1 + length({of}) / 64), length({of}))")
            }
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
