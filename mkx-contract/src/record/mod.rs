//! What the tools hand each other. A record is a JSON object that says what it is in its first
//! field.

pub mod failure;
pub mod finding;
pub mod journal;
pub mod manifest;
pub mod place;
pub mod secret;
pub mod site;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A type that travels between tools.
///
/// The field `record` is written in front of the type's own fields and checked on reading; the
/// type itself does not hold it. Readers ignore fields they do not know.
pub trait Record: Serialize + DeserializeOwned {
    /// The name and number, for instance `mkx.sample.report/1`.
    const RECORD: &'static str;
}

/// The record as a JSON object with `record` in front.
pub fn to_object<T: Record>(value: &T) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("record".into(), Value::from(T::RECORD));
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => object.extend(fields),
        other => unreachable!("a record is a JSON object, not {other:?}"),
    }
    object
}

/// What `record` says in an object, if it is there.
pub fn kind_of(object: &Value) -> Option<&str> {
    object.get("record").and_then(Value::as_str)
}
