//! The JSON examples of `docs/contract.md`, for the tests that hold them against the types.

// Each test that has this among its modules uses a part of it.
#![allow(dead_code)]

use mkx_contract::Record;
use serde_json::Value;

/// An example, and the line that it starts at.
pub struct Example {
    pub line: usize,
    pub value: Value,
}

impl Example {
    pub fn kind(&self) -> &str {
        self.value["record"]
            .as_str()
            .unwrap_or_else(|| panic!("the example at line {} is no record", self.line))
    }

    /// Decodes and writes it again: a field that the type does not know, or that the example
    /// leaves out, shows as a difference.
    #[track_caller]
    pub fn check<T: Record>(&self) {
        let record: T = mkx_contract::tool::input::from_value(
            self.value.clone(),
            T::RECORD,
            &format!("the example at line {}", self.line),
        )
        .unwrap();
        let written = Value::Object(mkx_contract::record::to_object(&record));
        // As text, so that the order of the members counts.
        assert_eq!(
            written.to_string(),
            self.value.to_string(),
            "the example at line {}",
            self.line
        );
    }
}

/// The example of a record.
pub fn of(kind: &str) -> Example {
    read()
        .into_iter()
        .find(|example| example.kind() == kind)
        .unwrap_or_else(|| panic!("no example of {kind}"))
}

/// Every fenced JSON example of the document.
pub fn read() -> Vec<Example> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/contract.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut examples = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line != "```json" {
            continue;
        }
        let body: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| *line != "```")
            .collect();
        let value = serde_json::from_str(&body.join("\n"))
            .unwrap_or_else(|error| panic!("the example at line {}: {error}", number + 1));
        examples.push(Example {
            line: number + 1,
            value,
        });
    }
    examples
}
