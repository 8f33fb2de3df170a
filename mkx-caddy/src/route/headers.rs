//! Response headers: operations that are done at once, and those that wait for the answer.

use mkx_contract::Result;
use serde_json::Value;

use super::placeholder::compiled;
use super::{Exchange, glob, only, unknown};
use crate::json::{array, members, text, texts};

impl<'a> Exchange<'a> {
    /// The `response` part of a `headers` handler.
    pub(super) fn change_response_headers(&mut self, operations: &'a Value) -> Result<()> {
        let known = ["add", "set", "delete", "replace", "deferred", "require"];
        only(operations, "response headers", &known)?;
        if operations["deferred"] == true || !operations["require"].is_null() {
            self.deferred.push(operations);
            return Ok(());
        }
        self.apply(operations)
    }

    /// Sets one.
    pub(super) fn set_header(&mut self, name: &str, values: Vec<String>) {
        let name = canonical(name);
        let removed = &mut self.answer.removed_headers;
        removed.retain(|removed| *removed != name);
        self.fields.insert(name, values);
    }

    /// Puts what is known of the headers into the answer. Deferred operations run from the last
    /// handler outwards.
    pub(super) fn settle_headers(&mut self) -> Result<()> {
        for operations in std::mem::take(&mut self.deferred).into_iter().rev() {
            match self.is_required(&operations["require"])? {
                Some(true) => self.apply(operations)?,
                Some(false) => {}
                None => self.answer.uncertain_headers.extend(touched(operations)),
            }
        }
        for (name, values) in &self.fields {
            if !name.starts_with('>') {
                let headers = &mut self.answer.headers;
                headers.insert(name.clone(), values.join(", "));
            }
        }
        Ok(())
    }

    /// Whether a condition on the answer holds; nothing where an upstream decides.
    fn is_required(&self, require: &Value) -> Result<Option<bool>> {
        only(require, "a response matcher", &["status_code", "headers"])?;
        let codes = array(&require["status_code"]);
        if !codes.is_empty() {
            let Some(status) = self.answer.status.map(u64::from) else {
                return Ok(None);
            };
            // `4` is for 400 to 499.
            let mut codes = codes.iter().filter_map(Value::as_u64);
            if !codes.any(|code| code == status || code == status / 100) {
                return Ok(Some(false));
            }
        }
        for (field, values) in members(&require["headers"]) {
            let fits = match self.fields.get(&canonical(field)) {
                None if self.answer.status.is_none() => return Ok(None),
                own if values.is_null() => own.is_none(),
                None => false,
                Some(own) => {
                    let fits = |pattern| own.iter().any(|value| glob::fits_ends(pattern, value));
                    array(values).is_empty() || texts(values).any(fits)
                }
            };
            if !fits {
                return Ok(Some(false));
            }
        }
        Ok(Some(true))
    }

    fn apply(&mut self, operations: &Value) -> Result<()> {
        for (name, values) in members(&operations["add"]) {
            let former = self.fields.get(&canonical(name)).cloned();
            let added = self.all_replaced(values)?;
            self.set_header(name, [former.unwrap_or_default(), added].concat());
        }
        for (name, values) in members(&operations["set"]) {
            let values = self.all_replaced(values)?;
            self.set_header(name, values);
        }
        for name in texts(&operations["delete"]) {
            if name.contains('*') {
                return Err(unknown(format!("the deletion of headers like {name:?}")));
            }
            let name = canonical(name);
            self.fields.remove(&name);
            self.answer.removed_headers.push(name);
        }
        for (name, rules) in members(&operations["replace"]) {
            let Some(mut values) = self.fields.remove(&canonical(name)) else {
                continue;
            };
            for value in &mut values {
                for rule in array(rules) {
                    let with = self.replaced(text(&rule["replace"]))?;
                    *value = match rule["search_regexp"].as_str() {
                        Some(pattern) => compiled(pattern)?.replace_all(value, with).into_owned(),
                        None => value.replace(text(&rule["search"]), &with),
                    };
                }
            }
            self.fields.insert(canonical(name), values);
        }
        Ok(())
    }
}

fn touched(operations: &Value) -> impl Iterator<Item = String> {
    let fields = ["add", "set"].map(|kind| members(&operations[kind]));
    let names = fields.into_iter().flatten().map(|(name, _)| name.as_str());
    names.chain(texts(&operations["delete"])).map(canonical)
}

/// `x-robots-tag` as `X-Robots-Tag`.
fn canonical(name: &str) -> String {
    let mut upper = true;
    let letter = |c: char| {
        let letter = match upper {
            true => c.to_ascii_uppercase(),
            false => c.to_ascii_lowercase(),
        };
        upper = c == '-';
        letter
    };
    name.chars().map(letter).collect()
}
