//! What the documents of the repository show, for the tests that hold them to it.

use crate::tool::Finished;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A document's text, by its path in the repository.
///
/// # Panics
/// When it is not there.
pub fn text(path: &str) -> String {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The commands of a document's console session, each with the exit code that its comment
/// announces.
///
/// # Panics
/// When it has no session, or a comment is not a number.
pub fn session(path: &str) -> Vec<(String, i32)> {
    let text = text(path);
    let (_, rest) = text
        .split_once("```console\n")
        .expect("the document has a session");
    let (session, _) = rest.split_once("```").expect("the session ends");
    session
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
        .map(|line| match line.split_once("# exit ") {
            Some((_, code)) => (line.to_owned(), code.parse().expect("an exit code")),
            None => (line.to_owned(), 0),
        })
        .collect()
}

/// The record that a script printed: of its kind, as its exit code says, and as documented.
///
/// # Panics
/// When it is not.
#[track_caller]
pub fn record_of(script: &Finished, kind: &str) -> Value {
    let record: Value = serde_json::from_str(&script.stdout)
        .unwrap_or_else(|error| panic!("no record: {error}\n{}{}", script.stdout, script.stderr));
    assert_eq!(record["record"], kind);
    assert_eq!(record["ok"], script.code == 0);
    check_example(&record);
    record
}

/// Holds a record of a script against its example in `docs/operations.md`: the same fields.
///
/// # Panics
/// When there is no example, or its fields are others.
#[track_caller]
fn check_example(record: &Value) {
    let text = text("docs/operations.md");
    let example = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|example| example["record"] == record["record"]);
    let example = example.unwrap_or_else(|| panic!("no example of {}", record["record"]));
    let fields = |value: &Value| -> BTreeSet<String> {
        value
            .as_object()
            .expect("a record is an object")
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(fields(&example), fields(record));
    for list in ["stages", "steps", "phases"] {
        if let (Some(shown), Some(seen)) = (example[list].get(0), record[list].get(0)) {
            assert_eq!(fields(shown), fields(seen), "{list}");
        }
    }
}
