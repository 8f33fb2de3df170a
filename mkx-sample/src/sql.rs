//! Writing SQL text: identifiers, literals, arrays of keys.

use std::fmt::Write;

/// An identifier, always in double quotes.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Several identifiers with commas between.
pub fn identifiers<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| identifier(name.as_ref())).collect();
    quoted.join(", ")
}

/// A string literal that is right whatever `standard_conforming_strings` says.
pub fn literal(text: &str) -> String {
    if text.contains('\\') {
        format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// `'{1,2,3}'::integer[]` from the text forms of the values; `type_name` is the element's type.
pub fn array<S: AsRef<str>>(values: impl IntoIterator<Item = S>, type_name: &str) -> String {
    let mut body = String::from("{");
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        let value = value.as_ref();
        let is_plain = !value.is_empty()
            && !value.eq_ignore_ascii_case("null")
            && value
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.:+".contains(&b));
        if is_plain {
            body.push_str(value);
        } else {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
            let _ = write!(body, "\"{escaped}\"");
        }
    }
    body.push('}');
    format!("{}::{type_name}[]", literal(&body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_stay_inside() {
        assert_eq!(identifier("odd\"name"), "\"odd\"\"name\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\b'"), "E'a\\\\b'''");
        assert_eq!(array(["1", "-2"], "integer"), "'{1,-2}'::integer[]");
        assert_eq!(
            array(["a\"b", "", "NULL", "x,y"], "text"),
            "E'{\"a\\\\\"b\",\"\",\"NULL\",\"x,y\"}'::text[]"
        );
    }
}
