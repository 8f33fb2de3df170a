//! JSON columns: their text stays valid JSON, their objects lose members.

use mkx_contract::Result;

use super::Place;
use super::kind::Kind;
use crate::sql;

/// Every escape sequence of a JSON text. What follows it gets [`MARK`] in front, so that a
/// pattern never takes the `n` of `\n` for the beginning of a word.
const ESCAPE: &str = r#"\\(["\\/bfnrt]|u[0-9a-fA-F]{4})"#;
/// A character that no JSON text holds; patterns do not match it.
pub(super) const MARK: &str = "\u{1}";

/// Applies an SQL function of text to the text of a JSON value.
pub(super) fn as_text(value: &str, kind: Kind, function: impl Fn(&str) -> String) -> String {
    let marked = format!(
        "regexp_replace(({value})::text, {}, {}, 'g')",
        sql::literal(ESCAPE),
        sql::literal(&format!("\\\\\\1{MARK}"))
    );
    let at_sign = sql::literal(&format!("\\u0040{MARK}"));
    let text = function(&format!("replace({marked}, {at_sign}, '@')"));
    let name = if kind == Kind::Json { "json" } else { "jsonb" };
    format!("replace({text}, {}, '')::{name}", sql::literal(MARK))
}

impl Place<'_> {
    pub(super) fn json_keep(&self, members: &[String], value: &str) -> Result<String> {
        let name = match self.kind {
            Kind::Json => "json",
            Kind::Jsonb => "jsonb",
            _ => return Err(self.wrong_type("json_keep", "it is for JSON")),
        };
        let readable = match self.kind {
            Kind::Json => format!("({})::json", sql::readable_json(value)),
            _ => value.to_owned(),
        };
        Ok(format!(
            "CASE WHEN ({value}) IS NULL THEN NULL WHEN {name}_typeof({value}) = 'object' \
             THEN COALESCE((SELECT {name}_object_agg(mkx_member.key, mkx_member.value) \
             FROM {name}_each({readable}) AS mkx_member WHERE mkx_member.key = ANY ({})), '{{}}') \
             ELSE '{{}}' END",
            sql::array(members, "text")
        ))
    }
}
