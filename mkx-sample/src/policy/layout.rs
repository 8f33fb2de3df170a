//! A policy as the text that people read and edit: a line a column, a line an edge list.

use mkx_contract::Record;
use serde_json::Value;

use super::Policy;

/// The document's text.
pub fn text(policy: &Policy) -> String {
    let mut value = serde_json::to_value(policy).expect("a policy is always writable");
    if let Some(object) = value.as_object_mut() {
        object.shift_insert(0, "record".into(), Policy::RECORD.into());
    }
    let mut text = String::new();
    write(&mut text, &value, &mut Vec::new());
    text.push('\n');
    text
}

/// One value on one line, as it stands in the document.
pub fn line(value: &Value) -> String {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let members: Vec<_> = members
                .iter()
                .map(|(name, value)| format!("{}: {}", Value::from(name.as_str()), line(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Array(elements) => {
            let elements: Vec<_> = elements.iter().map(line).collect();
            format!("[{}]", elements.join(", "))
        }
        other => other.to_string(),
    }
}

/// One table's block, as it stands in the document under "tables".
pub fn table_block(name: &str, table: &Value) -> String {
    let mut text = format!("    {}: ", Value::from(name));
    write(&mut text, table, &mut vec!["tables".into(), name.into()]);
    text
}

fn write(text: &mut String, value: &Value, path: &mut Vec<String>) {
    let indent = "  ".repeat(path.len());
    let (open, close, members): (_, _, Vec<(Option<&str>, &Value)>) = match value {
        Value::Object(members) if is_broken(path) && !members.is_empty() => (
            '{',
            '}',
            members.iter().map(|(k, v)| (Some(k.as_str()), v)).collect(),
        ),
        Value::Array(elements) if is_broken(path) && !elements.is_empty() => {
            ('[', ']', elements.iter().map(|v| (None, v)).collect())
        }
        other => return text.push_str(&line(other)),
    };
    text.push(open);
    for (index, (name, value)) in members.into_iter().enumerate() {
        text.push_str(if index > 0 { ",\n" } else { "\n" });
        text.push_str(&indent);
        text.push_str("  ");
        if let Some(name) = name {
            text.push_str(&format!("{}: ", Value::from(name)));
        }
        path.push(name.unwrap_or("*").to_owned());
        write(text, value, path);
        path.pop();
    }
    text.push('\n');
    text.push_str(&indent);
    text.push(close);
}

/// Whether the members of what is at `path` stand on lines of their own.
fn is_broken(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(
        path.as_slice(),
        [] | ["root" | "tables" | "files" | "guesses"]
            | ["files" | "tables", _]
            | [
                "tables",
                _,
                "columns" | "stub" | "references" | "variants" | "pins"
            ]
            | ["tables", _, "variants", _]
            | ["tables", _, "variants", _, "columns"]
    )
}
