//! `TOOL schema`: the JSON Schema of what a tool reads and writes.

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use crate::Record;

/// Collects the schemas of a tool's records.
#[derive(Default)]
pub struct Schemas {
    reads: Map<String, Value>,
    writes: Map<String, Value>,
}

impl Schemas {
    /// Adds a record that the tool reads.
    pub fn reads<T: Record + JsonSchema>(mut self) -> Self {
        self.reads.insert(T::RECORD.into(), schema_of::<T>());
        self
    }

    /// Adds a record that the tool writes.
    pub fn writes<T: Record + JsonSchema>(mut self) -> Self {
        self.writes.insert(T::RECORD.into(), schema_of::<T>());
        self
    }

    /// The document that `TOOL schema` prints.
    pub fn document(self) -> Value {
        json!({ "record": "mkx.schema/1", "reads": self.reads, "writes": self.writes })
    }
}

/// The type's schema, with the field `record` that reading and writing add.
fn schema_of<T: Record + JsonSchema>() -> Value {
    let mut schema = schemars::schema_for!(T).to_value();
    if let Some(object) = schema.as_object_mut() {
        let properties = object.entry("properties").or_insert_with(|| json!({}));
        properties["record"] = json!({ "const": T::RECORD });
        let required = object.entry("required").or_insert_with(|| json!([]));
        if let Some(names) = required.as_array_mut() {
            names.insert(0, "record".into());
        }
    }
    schema
}
