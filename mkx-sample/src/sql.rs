//! Writing SQL text: identifiers, literals, arrays of keys.

use std::fmt::Write;

/// An identifier, always in double quotes.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Several identifiers with commas between.
pub fn identifiers<S: AsRef<str>>(names: &[S]) -> String {
    list(names.iter().map(|name| identifier(name.as_ref())))
}

/// Parts with commas between.
pub fn list(parts: impl IntoIterator<Item: AsRef<str>>) -> String {
    joined(parts, ", ")
}

/// That all of the conditions hold; without any, TRUE.
pub fn all(conditions: impl IntoIterator<Item: AsRef<str>>) -> String {
    Some(joined(conditions, " AND "))
        .filter(|all| !all.is_empty())
        .unwrap_or_else(|| "TRUE".into())
}

/// That one of the conditions holds; without any, FALSE.
pub fn any(conditions: impl IntoIterator<Item: AsRef<str>>) -> String {
    Some(joined(conditions, " OR "))
        .filter(|any| !any.is_empty())
        .unwrap_or_else(|| "FALSE".into())
}

fn joined(parts: impl IntoIterator<Item: AsRef<str>>, between: &str) -> String {
    let mut text = String::new();
    for (at, part) in parts.into_iter().enumerate() {
        text.push_str(if at > 0 { between } else { "" });
        text.push_str(part.as_ref());
    }
    text
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

/// SQL of the policy, in brackets; a comment at its end ends there.
pub fn of_policy(condition: &str) -> String {
    format!("({condition}\n)")
}

/// The text of a `json` value without what only `json` takes: `\u0000` and halves of surrogate
/// pairs, which `jsonb` and the server's own functions refuse, become U+FFFD.
pub fn readable_json(value: &str) -> String {
    // A character that no JSON text holds stands for the backslash of every sound escape sequence.
    const MARK: &str = "\u{1}";
    const SOUND: &str = r"\\(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|[^u]|u(?!0000|[dD][89a-fA-F]))";
    let unsound = format!(r"(?<!{MARK}|{MARK}u[dD][89abAB][0-9a-fA-F]{{2}})\\u[0-9a-fA-F]{{4}}");
    let text = format!("({value})::text");
    format!(
        "CASE WHEN strpos({text}, {}) = 0 THEN {text} ELSE \
         replace(regexp_replace(regexp_replace({text}, {}, {}, 'g'), {}, {}, 'g'), {}, {}) END",
        literal(r"\u"),
        literal(SOUND),
        literal(&format!(r"{MARK}\1")),
        literal(&unsound),
        literal(&format!("{MARK}ufffd")),
        literal(MARK),
        literal(r"\"),
    )
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
