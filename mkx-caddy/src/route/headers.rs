//! Response headers: operations that are done at once, and those that wait for the answer.

use std::collections::BTreeMap;

use mkx_contract::Result;
use serde_json::Value;

use super::placeholder::compiled;
use super::{Exchange, array, only, texts, unknown};

/// What is on the answer so far.
#[derive(Default)]
pub struct Headers<'a> {
    fields: BTreeMap<String, Vec<String>>,
    removed: Vec<String>,
    deferred: Vec<&'a Value>,
}

/// What is known of an answer's headers at the end.
#[derive(Default)]
pub struct Settled {
    pub headers: BTreeMap<String, String>,
    pub removed: Vec<String>,
    pub uncertain: Vec<String>,
}

impl Headers<'_> {
    /// How many operations wait for the answer.
    pub fn waiting(&self) -> usize {
        self.deferred.len()
    }

    /// An error passes by the handlers that wait: it is answered without them.
    pub fn forget_waiting(&mut self, from: usize) {
        self.deferred.truncate(from);
    }

    /// Sets one.
    pub fn set(&mut self, name: &str, value: &str) {
        self.removed.retain(|removed| *removed != canonical(name));
        self.fields.insert(canonical(name), vec![value.to_owned()]);
    }
}

impl<'a> Exchange<'a> {
    /// The `response` part of a `headers` handler.
    pub(super) fn change_response_headers(&mut self, operations: &'a Value) -> Result<()> {
        only(
            operations,
            "response headers",
            &["add", "set", "delete", "replace", "deferred", "require"],
        )?;
        if operations["deferred"].as_bool() == Some(true) || !operations["require"].is_null() {
            self.response.deferred.push(operations);
            return Ok(());
        }
        self.apply(operations)
    }

    /// The headers of the answer. Deferred operations run from the last handler outwards.
    pub(super) fn settled(&mut self, status: Option<u16>) -> Result<Settled> {
        let mut uncertain = Vec::new();
        let deferred = std::mem::take(&mut self.response.deferred);
        for operations in deferred.into_iter().rev() {
            match self.is_required(&operations["require"], status)? {
                Some(true) => self.apply(operations)?,
                Some(false) => {}
                None => uncertain.extend(touched(operations)),
            }
        }
        let headers = std::mem::take(&mut self.response.fields);
        Ok(Settled {
            headers: headers
                .into_iter()
                .filter(|(name, _)| !name.starts_with('>'))
                .map(|(name, values)| (name, values.join(", ")))
                .collect(),
            removed: std::mem::take(&mut self.response.removed),
            uncertain,
        })
    }

    /// Whether a condition on the answer holds; nothing where an upstream decides.
    fn is_required(&self, require: &Value, status: Option<u16>) -> Result<Option<bool>> {
        if require.is_null() {
            return Ok(Some(true));
        }
        only(require, "a response matcher", &["status_code", "headers"])?;
        let codes = array(&require["status_code"]);
        if !codes.is_empty() {
            let Some(status) = status else {
                return Ok(None);
            };
            let fits = codes.iter().filter_map(Value::as_u64).any(|code| {
                code == u64::from(status) || (code < 10 && code == u64::from(status / 100))
            });
            if !fits {
                return Ok(Some(false));
            }
        }
        for (field, values) in require["headers"].as_object().into_iter().flatten() {
            let own = self.response.fields.get(&canonical(field));
            match (values, own) {
                (_, None) if status.is_none() => return Ok(None),
                (Value::Null, own) if own.is_some() => return Ok(Some(false)),
                (Value::Null, _) => {}
                (values, Some(own)) => {
                    let fits = |pattern: &str| {
                        own.iter()
                            .any(|value| super::glob::fits_ends(pattern, value))
                    };
                    if !array(values).is_empty() && !texts(values).any(fits) {
                        return Ok(Some(false));
                    }
                }
                (_, None) => return Ok(Some(false)),
            }
        }
        Ok(Some(true))
    }

    fn apply(&mut self, operations: &Value) -> Result<()> {
        for (name, values) in operations["add"].as_object().into_iter().flatten() {
            for value in texts(values) {
                let value = self.replaced(value)?;
                let name = canonical(name);
                self.response.removed.retain(|removed| *removed != name);
                self.response.fields.entry(name).or_default().push(value);
            }
        }
        for (name, values) in operations["set"].as_object().into_iter().flatten() {
            let values: Result<Vec<String>> =
                texts(values).map(|value| self.replaced(value)).collect();
            let name = canonical(name);
            self.response.removed.retain(|removed| *removed != name);
            self.response.fields.insert(name, values?);
        }
        for name in texts(&operations["delete"]) {
            if name.contains('*') {
                return Err(unknown(format!("the deletion of headers like {name:?}")));
            }
            let name = canonical(name);
            self.response.fields.remove(&name);
            self.response.removed.push(name);
        }
        for (name, rules) in operations["replace"].as_object().into_iter().flatten() {
            let Some(values) = self.response.fields.get(&canonical(name)).cloned() else {
                continue;
            };
            let mut changed = Vec::new();
            for mut value in values {
                for rule in array(rules) {
                    let with = self.replaced(rule["replace"].as_str().unwrap_or_default())?;
                    value = match rule["search_regexp"].as_str() {
                        Some(pattern) => compiled(pattern)?.replace_all(&value, with).into_owned(),
                        None => value.replace(rule["search"].as_str().unwrap_or_default(), &with),
                    };
                }
                changed.push(value);
            }
            self.response.fields.insert(canonical(name), changed);
        }
        Ok(())
    }
}

fn touched(operations: &Value) -> Vec<String> {
    ["add", "set"]
        .iter()
        .filter_map(|kind| operations[kind].as_object())
        .flat_map(|fields| fields.keys().map(|name| canonical(name)))
        .chain(texts(&operations["delete"]).map(canonical))
        .collect()
}

/// `x-robots-tag` as `X-Robots-Tag`.
fn canonical(name: &str) -> String {
    let mut upper = true;
    name.chars()
        .map(|c| {
            let c = if upper {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            };
            upper = c == '-';
            c
        })
        .collect()
}
