//! Everything that does not fit a JSON Schema. Decoding stops at the first such place; here each
//! is noted and then repaired, so that what is right can be decoded and looked at further.
//!
//! Knows as much of JSON Schema as schemars writes for the site document.

use serde_json::{Map, Value};

use super::problem::Problems;

/// Notes what of the value does not fit, and puts something that fits in its place.
pub fn repair(schema: &Value, value: &mut Value, found: &mut Problems) {
    Shape {
        root: schema,
        found,
    }
    .fit(schema, value, &mut Vec::new());
}

struct Shape<'a> {
    root: &'a Value,
    found: &'a mut Problems,
}

impl<'a> Shape<'a> {
    fn fit(&mut self, schema: &'a Value, value: &mut Value, way: &mut Vec<String>) {
        let choices = self.choices(schema);
        let Some(choice) = choices.iter().find(|choice| is_meant(choice, value)) else {
            let expected: Vec<String> = choices.into_iter().flat_map(names).collect();
            let message = format!("it is {}, expected {}", shown(value), expected.join(" or "));
            self.found.add_at(way, message);
            *value = self.stand_in(schema, way);
            return;
        };
        match value {
            Value::Object(fields) => self.members(choice, fields, way),
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.below(&choice["items"], item, way, index.to_string());
                }
            }
            _ => {}
        }
    }

    fn below(&mut self, schema: &'a Value, value: &mut Value, way: &mut Vec<String>, name: String) {
        way.push(name);
        self.fit(schema, value, way);
        way.pop();
    }

    fn members(
        &mut self,
        schema: &'a Value,
        fields: &mut Map<String, Value>,
        way: &mut Vec<String>,
    ) {
        let rest = schema
            .get("additionalProperties")
            .filter(|rest| rest.is_object());
        fields.retain(|name, value| {
            let known = schema["properties"].get(name).or(rest);
            match known {
                Some(schema) => self.below(schema, value, way, name.clone()),
                None => {
                    let names: Vec<_> = properties(schema)
                        .map(|(name, _)| format!("`{name}`"))
                        .collect();
                    let message = format!("unknown field, expected one of {}", names.join(", "));
                    self.found
                        .add_at(&[way, std::slice::from_ref(name)].concat(), message);
                }
            }
            known.is_some()
        });
        for name in required(schema) {
            if !fields.contains_key(name) {
                way.push(name.to_owned());
                self.found.add_at(way, "it is missing");
                way.pop();
            }
        }
        self.fill(schema, fields, way);
    }

    /// Puts something in the place of what is missing.
    fn fill(&self, schema: &'a Value, fields: &mut Map<String, Value>, way: &mut Vec<String>) {
        for name in required(schema) {
            way.push(name.to_owned());
            let stand_in = || self.stand_in(&schema["properties"][name], way);
            fields.entry(name).or_insert_with(stand_in);
            way.pop();
        }
    }

    /// The schema itself, or what it gives to choose from, without references.
    fn choices(&self, schema: &'a Value) -> Vec<&'a Value> {
        if let Some(name) = schema["$ref"].as_str() {
            let target = self.root.pointer(name.trim_start_matches('#'));
            return self.choices(target.unwrap_or(&Value::Null));
        }
        match schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
            Some(choices) => choices.iter().flat_map(|one| self.choices(one)).collect(),
            None => vec![schema],
        }
    }

    /// A value that fits, and that no other place has.
    fn stand_in(&self, schema: &'a Value, way: &mut Vec<String>) -> Value {
        let Some(schema) = self.choices(schema).into_iter().next() else {
            return Value::Null;
        };
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        match types(schema).next() {
            Some("string") => format!("/missing/{}", way.join("/")).into(),
            Some("integer" | "number") => 0.into(),
            Some("boolean") => false.into(),
            Some("array") => Value::Array(Vec::new()),
            Some("object") => {
                let mut fields = Map::new();
                self.fill(schema, &mut fields, way);
                Value::Object(fields)
            }
            _ => Value::Null,
        }
    }
}

fn types(schema: &Value) -> impl Iterator<Item = &str> {
    let one = schema["type"].as_str();
    let several = schema["type"].as_array().into_iter().flatten();
    one.into_iter().chain(several.filter_map(Value::as_str))
}

fn required(schema: &Value) -> impl Iterator<Item = &str> {
    let names = schema["required"].as_array().into_iter().flatten();
    names.filter_map(Value::as_str)
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

/// True where the value is of the kind, whatever its parts are: an object by the fields that tell
/// one kind from another.
fn is_meant(schema: &Value, value: &Value) -> bool {
    if let Some(constant) = schema.get("const") {
        return constant == value;
    }
    if let Some(all) = schema["enum"].as_array() {
        return all.contains(value);
    }
    let is_within = |number: f64| {
        let (least, most) = (&schema["minimum"], &schema["maximum"]);
        least.as_f64().is_none_or(|least| number >= least)
            && most.as_f64().is_none_or(|most| number <= most)
    };
    types(schema).any(|name| match (name, value) {
        ("null", Value::Null)
        | ("boolean", Value::Bool(_))
        | ("string", Value::String(_))
        | ("array", Value::Array(_)) => true,
        ("integer", Value::Number(number)) => {
            !number.is_f64() && number.as_f64().is_some_and(is_within)
        }
        ("number", Value::Number(number)) => number.as_f64().is_some_and(is_within),
        ("object", Value::Object(fields)) => is_tagged(schema, fields),
        _ => false,
    })
}

fn is_tagged(schema: &Value, fields: &Map<String, Value>) -> bool {
    let is_single = properties(schema).count() == 1;
    properties(schema).all(|(name, property)| match property.get("const") {
        Some(tag) => fields.get(name) == Some(tag),
        None => !is_single || required(schema).all(|name| fields.contains_key(name)),
    })
}

/// What people call a kind of value.
fn names(schema: &Value) -> Vec<String> {
    if let Some(constant) = schema.get("const") {
        return vec![constant.to_string()];
    }
    if let Some(all) = schema["enum"].as_array() {
        return all.iter().map(Value::to_string).collect();
    }
    let most = schema["maximum"].as_u64();
    types(schema)
        .map(|name| match name {
            "integer" => most.map_or("a whole number".into(), |most| {
                format!("a whole number up to {most}")
            }),
            "number" => "a number".into(),
            "string" => "a text in quotes".into(),
            "boolean" => "true or false".into(),
            "array" => "a list".into(),
            "object" => object(schema),
            other => other.into(),
        })
        .collect()
}

fn object(schema: &Value) -> String {
    let Some(name) = required(schema).next() else {
        return "an object".into();
    };
    let tag = schema["properties"][name].get("const");
    let tag = tag.map_or(String::new(), |tag| format!(": {tag}"));
    format!("an object with {name:?}{tag}")
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "another object".into(),
        plain => plain.to_string(),
    }
}
