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
        if choices.iter().any(|choice| is_leaf(choice, value)) {
            return;
        }
        match choices.into_iter().find(|choice| is_meant(choice, value)) {
            Some(choice) => match value {
                Value::Object(fields) => self.members(choice, fields, way),
                Value::Array(items) => {
                    for (index, item) in items.iter_mut().enumerate() {
                        self.below(&choice["items"], item, way, index.to_string());
                    }
                }
                _ => {}
            },
            None => {
                let expected = self.expected(schema);
                let message = format!("it is {}, expected {expected}", shown(value));
                self.found.add_at(way, message);
                *value = self.stand_in(schema, way);
            }
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
        let none = Map::new();
        let known = schema["properties"].as_object();
        let is_open = schema
            .get("additionalProperties")
            .filter(|rest| rest.is_object());
        fields.retain(|name, value| {
            match known.and_then(|known| known.get(name)).or(is_open) {
                Some(schema) => self.below(schema, value, way, name.clone()),
                None => {
                    let names = known
                        .unwrap_or(&none)
                        .keys()
                        .map(|name| format!("`{name}`"));
                    let names: Vec<String> = names.collect();
                    let message = format!("unknown field, expected one of {}", names.join(", "));
                    let place = [way.as_slice(), std::slice::from_ref(name)].concat();
                    self.found.add_at(&place, message);
                    return false;
                }
            }
            true
        });
        for name in required(schema) {
            if !fields.contains_key(name) {
                way.push(name.to_owned());
                self.found.add_at(way, "it is missing");
                let stand_in = self.stand_in(&schema["properties"][name], way);
                fields.insert(name.to_owned(), stand_in);
                way.pop();
            }
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

    fn expected(&self, schema: &'a Value) -> String {
        let words: Vec<String> = self.choices(schema).into_iter().flat_map(names).collect();
        words.join(" or ")
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
                for name in required(schema) {
                    way.push(name.to_owned());
                    fields.insert(
                        name.to_owned(),
                        self.stand_in(&schema["properties"][name], way),
                    );
                    way.pop();
                }
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

/// True for a value without parts that fits.
fn is_leaf(schema: &Value, value: &Value) -> bool {
    match (schema.get("const"), schema["enum"].as_array()) {
        (Some(constant), _) => return constant == value,
        (None, Some(all)) => return all.contains(value),
        (None, None) => {}
    }
    let within = |number: f64| {
        schema["minimum"]
            .as_f64()
            .is_none_or(|least| number >= least)
            && schema["maximum"].as_f64().is_none_or(|most| number <= most)
    };
    types(schema).any(|name| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => (value.is_i64() || value.is_u64()) && value.as_f64().is_some_and(within),
        "number" => value.as_f64().is_some_and(within),
        _ => false,
    })
}

/// True where an object or a list is of the kind: by the fields that tell one kind from another.
fn is_meant(schema: &Value, value: &Value) -> bool {
    let Value::Object(fields) = value else {
        return value.is_array() && types(schema).any(|name| name == "array");
    };
    let tags = schema["properties"].as_object().into_iter().flatten();
    let mut tags = tags.filter_map(|(name, property)| Some((name, property.get("const")?)));
    let is_single = || {
        required(schema).count() == 1
            && schema["properties"]
                .as_object()
                .is_some_and(|all| all.len() == 1)
    };
    types(schema).any(|name| name == "object")
        && tags.all(|(name, tag)| fields.get(name) == Some(tag))
        && (!is_single() || required(schema).all(|name| fields.contains_key(name)))
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
    let told = required(schema)
        .next()
        .map(|name| match schema["properties"][name].get("const") {
            Some(tag) => format!("an object with \"{name}\": {tag}"),
            None => format!("an object with {name:?}"),
        });
    told.unwrap_or("an object".into())
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "another object".into(),
        plain => plain.to_string(),
    }
}
