//! Errors that point at the place in a JSON file.

use jsonc_parser::ast::Value as Node;
use jsonc_parser::common::Ranged;
use serde_json::Value;

use crate::record::Record;
use crate::{Failure, Result};

/// A JSON text and what errors call it.
pub struct Document<'a> {
    /// The text.
    pub text: &'a str,
    /// `site.json`, `stdin`.
    pub name: &'a str,
}

impl Document<'_> {
    /// Parses the document as JSON that says it is the expected record; `record` itself is
    /// taken out.
    ///
    /// # Errors
    /// Exit 3: `site.json:12:9: expected value`.
    pub fn parse(&self, expected: &str) -> Result<Value> {
        if self.text.trim().is_empty() {
            return Err(Failure::input(format!(
                "cannot read {}: it is empty",
                self.name
            )));
        }
        let mut value: Value = serde_json::from_str(self.text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let message = error.to_string();
            let cause = message.split(" at line ").next().unwrap_or(&message);
            Failure::input(format!("{}:{line}:{column}: {cause}", self.name))
        })?;
        match value
            .as_object_mut()
            .and_then(|object| object.remove("record"))
        {
            Some(Value::String(kind)) if kind == expected => {}
            Some(other) => {
                return Err(self.at(
                    &["record".into()],
                    &format!("it is {other}, expected {expected:?}"),
                ));
            }
            None => {
                return Err(self.at(
                    &[],
                    &format!("it has no field \"record\", expected {expected:?}"),
                ));
            }
        }
        Ok(value)
    }

    /// Decodes what [`Document::parse`] returned as a type that refuses unknown fields.
    ///
    /// # Errors
    /// Exit 3: `site.json:12:9: environments.ea.vault.pth: unknown field`.
    pub fn decode<T: Record>(&self, value: Value) -> Result<T> {
        serde_path_to_error::deserialize(value).map_err(|error| {
            let mut pointer = pointer_of(error.path());
            let message = error.inner().to_string();
            if let Some(field) = message
                .strip_prefix("unknown field `")
                .and_then(|rest| rest.split('`').next())
                && pointer.last().map(String::as_str) != Some(field)
            {
                pointer.push(field.to_owned());
            }
            self.at(&pointer, &message)
        })
    }

    /// A failure at a place, given by the names and indexes that lead to it.
    pub fn at(&self, pointer: &[String], message: &str) -> Failure {
        let (line, column) = self.line_and_column(pointer);
        let path = match pointer {
            [] => String::new(),
            names => format!("{}: ", names.join(".")),
        };
        Failure::input(format!("{}:{line}:{column}: {path}{message}", self.name))
    }

    /// Line and column of a member, from 1; where a part of the way is missing, of the last part
    /// that is there.
    pub fn line_and_column(&self, pointer: &[String]) -> (usize, usize) {
        let parsed = jsonc_parser::parse_to_ast(
            self.text,
            &jsonc_parser::CollectOptions::default(),
            &jsonc_parser::ParseOptions::default(),
        );
        let mut offset = 0;
        if let Ok(parsed) = &parsed {
            let mut node = parsed.value.as_ref();
            for name in pointer {
                let next = match node {
                    Some(Node::Object(object)) => object.get(name).map(|property| {
                        offset = property.range().start;
                        &property.value
                    }),
                    Some(Node::Array(array)) => name
                        .parse::<usize>()
                        .ok()
                        .and_then(|index| array.elements.get(index))
                        .inspect(|element| offset = element.range().start),
                    _ => None,
                };
                let Some(next) = next else { break };
                node = Some(next);
            }
        }
        let before = &self.text[..offset.min(self.text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        (line, column)
    }
}

fn pointer_of(path: &serde_path_to_error::Path) -> Vec<String> {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Map { key } => Some(key.clone()),
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}
