//! A JSON value as YAML text, for people to read and Docker Compose to take for the same.

use saphyr::{Mapping, Scalar, ScalarStyle, Yaml, YamlEmitter};
use serde_json::Value;

/// The value as JSON that is YAML too: what YAML does not print is escaped.
pub fn json(value: &Value) -> String {
    escaped(&value.to_string())
}

fn escaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                result.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => result.push(other),
        }
    }
    result
}

/// The value as a YAML document.
pub fn yaml(value: &Value) -> String {
    let mut text = String::new();
    YamlEmitter::new(&mut text)
        .dump(&node(value))
        .expect("a text takes everything");
    text.push('\n');
    text
}

fn node(value: &Value) -> Yaml<'static> {
    match value {
        Value::Null => Yaml::Value(Scalar::Null),
        Value::Bool(value) => Yaml::Value(Scalar::Boolean(*value)),
        Value::Number(number) => {
            Yaml::Representation(number.to_string().into(), ScalarStyle::Plain, None)
        }
        Value::String(text) => scalar(text),
        Value::Array(items) => Yaml::Sequence(items.iter().map(node).collect()),
        Value::Object(fields) => {
            let entries = fields
                .iter()
                .map(|(name, field)| (scalar(name), node(field)));
            Yaml::Mapping(entries.collect::<Mapping<'static>>())
        }
    }
}

/// What does not begin like a word is quoted: the emitter knows numbers, but not all that Docker
/// Compose takes for a number or a date (`1_000`, `2026-01-01`).
fn scalar(text: &str) -> Yaml<'static> {
    let is_plain = text.chars().all(|c| c.is_ascii() && !c.is_ascii_control());
    if is_plain && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') {
        return Yaml::Value(Scalar::String(text.to_owned().into()));
    }
    // A JSON text is a double-quoted scalar of YAML.
    let quoted = json(&Value::from(text));
    let inside = quoted[1..quoted.len() - 1].to_owned();
    Yaml::Representation(inside.into(), ScalarStyle::DoubleQuoted, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_stand_as_they_are_and_what_could_be_misread_is_quoted() {
        let value =
            json!({"a": ["b-c", "1_000", "no", "x: y", "", "\"q\"\n"], "4": {"n": 8, "t": true}});
        let expected = "---\na:\n  - b-c\n  - \"1_000\"\n  - \"no\"\n  - \"x: y\"\n  - \"\"\n  - \"\\\"q\\\"\\n\"\n\"4\":\n  n: 8\n  t: true\n";
        assert_eq!(yaml(&value), expected);
    }
}
