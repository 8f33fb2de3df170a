//! Where two resolved models differ.

use serde_json::Value;

/// The first place that differs, and what is there; null where nothing is.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference<'a> {
    /// Keys and indexes with dots: `services.api.command.1`.
    pub place: String,
    /// What the first model has there.
    pub left: &'a Value,
    /// What the second model has there.
    pub right: &'a Value,
}

/// Compares two models; `same` says which texts count as one.
pub fn first<'a>(
    left: &'a Value,
    right: &'a Value,
    same: &dyn Fn(&str, &str) -> bool,
) -> Option<Difference<'a>> {
    below(left, right, String::new(), same)
}

fn below<'a>(
    left: &'a Value,
    right: &'a Value,
    place: String,
    same: &dyn Fn(&str, &str) -> bool,
) -> Option<Difference<'a>> {
    let deeper = |name: &str| match place.as_str() {
        "" => name.to_owned(),
        place => format!("{place}.{name}"),
    };
    match (left, right) {
        (Value::Object(a), Value::Object(b)) => a.keys().chain(b.keys()).find_map(|name| {
            let of = |fields: &'a serde_json::Map<String, Value>| {
                fields.get(name).unwrap_or(&Value::Null)
            };
            below(of(a), of(b), deeper(name), same)
        }),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(index, (a, b))| below(a, b, deeper(&index.to_string()), same))
        }
        (Value::String(a), Value::String(b)) if same(a, b) => None,
        (left, right) => (left != right).then_some(Difference { place, left, right }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(left: &Value, right: &Value, expected: Option<&str>) {
        let found = first(left, right, &|a, b| a.eq_ignore_ascii_case(b));
        assert_eq!(found.map(|one| one.place).as_deref(), expected);
    }

    #[test]
    fn the_first_difference_is_named() {
        let model = json!({"services": {"a": {"command": ["x", "y"]}}});
        check(&model, &model, None);
        check(
            &model,
            &json!({"services": {"a": {"command": ["X", "y"]}}}),
            None,
        );
        let other = json!({"services": {"a": {"command": ["x", "z"]}}});
        check(&model, &other, Some("services.a.command.1"));
        let shorter = json!({"services": {"a": {"command": ["x"]}}});
        check(&model, &shorter, Some("services.a.command"));
        check(
            &model,
            &json!({"services": {"a": {}}}),
            Some("services.a.command"),
        );
        check(&json!({}), &json!({"name": "p"}), Some("name"));
    }
}
