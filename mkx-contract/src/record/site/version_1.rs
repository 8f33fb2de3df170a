//! Documents of version 1 are read as they were meant: what that version took for granted, of the one
//! application that it was made for, stands in `version_1.json`.

use serde_json::{Map, Value, json};

/// What such a document says it is.
pub const RECORD: &str = "mkx.site/1";

/// `PROJECT` stands for the environment's project, `SUFFIX` for what its logs end in.
const ASSUMED: &str = include_str!("version_1.json");

/// Adds what the document does not say.
pub fn complete(site: &mut Value) {
    for (name, suffix) in [("ea", ""), ("eb", "-dev")] {
        let environment = site.pointer_mut(&format!("/environments/{name}"));
        let Some(environment) = environment.and_then(Value::as_object_mut) else {
            continue;
        };
        let project = environment.get("project").and_then(Value::as_str);
        let project = project.unwrap_or_default();
        // Another one is told later, with its place.
        if !project.contains(['"', '\\']) {
            let assumed = ASSUMED
                .replace("PROJECT", project)
                .replace("SUFFIX", suffix);
            complete_environment(environment, &assumed);
        }
    }
}

fn complete_environment(environment: &mut Map<String, Value>, assumed: &str) {
    let sections: Map<String, Value> = serde_json::from_str(assumed).expect("the data is JSON");
    environment.entry("web").or_insert_with(|| json!({}));
    for (section, fields) in sections {
        let own = environment.get_mut(&section).and_then(Value::as_object_mut);
        let (Some(own), Value::Object(fields)) = (own, fields) else {
            continue;
        };
        // It was true or false.
        match own.get("legacy_paths") {
            Some(Value::Bool(true)) => _ = own.remove("legacy_paths"),
            Some(Value::Bool(false)) => _ = own.insert("legacy_paths".into(), Value::Null),
            _ => {}
        }
        for (field, value) in fields {
            own.entry(field).or_insert(value);
        }
    }
}
