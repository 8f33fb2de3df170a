//! Placeholders: `{http.request.uri}` and their kin.

use mkx_contract::Result;
use regex::Regex;
use serde_json::Value;

use super::{Exchange, unknown};
use crate::json::{array, text, texts};

impl Exchange<'_> {
    /// Text with its placeholders replaced.
    pub(super) fn replaced(&self, text: &str) -> Result<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            let Some(length) = rest[start..].find('}') else {
                break;
            };
            out.push_str(&rest[..start]);
            let name = &rest[start + 1..start + length];
            out.push_str(&self.value(name)?);
            rest = &rest[start + length + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    /// A list's texts with their placeholders replaced.
    pub(super) fn all_replaced(&self, list: &Value) -> Result<Vec<String>> {
        texts(list).map(|text| self.replaced(text)).collect()
    }

    /// What a placeholder stands for.
    fn value(&self, name: &str) -> Result<String> {
        if let Some(value) = self.set.get(name) {
            return Ok(value.clone());
        }
        if let Some(variable) = name.strip_prefix("http.vars.") {
            return Ok(self.vars.get(variable).cloned().unwrap_or_default());
        }
        if let Some(field) = name.strip_prefix("http.request.header.") {
            return Ok(self.request.header(field).unwrap_or_default().to_owned());
        }
        if name.starts_with("http.regexp.") {
            return Ok(String::new());
        }
        if let Some(value) = self.mapped(name)? {
            return Ok(value);
        }
        Ok(match name {
            "http.request.uri" => self.uri.request_uri(),
            "http.request.uri.path" => self.uri.path.clone(),
            "http.request.uri.query" => self.uri.query.clone().unwrap_or_default(),
            "http.request.uri.prefixed_query" => {
                let query = self.uri.query.as_ref();
                query.map_or_else(String::new, |query| format!("?{query}"))
            }
            "http.request.orig_uri" => self.request.path.clone(),
            "http.request.orig_uri.path" => super::uri::Uri::parse(&self.request.path)
                .map(|uri| uri.path)
                .unwrap_or_default(),
            "http.request.host" | "http.request.hostport" | "http.request.tls.server_name" => {
                self.request.host.clone()
            }
            "http.request.scheme" => self.request.scheme.clone(),
            "http.request.method" => self.method.clone(),
            _ => return Err(unknown(format!("the placeholder {{{name}}}"))),
        })
    }

    /// A destination of a `map` handler that was passed.
    fn mapped(&self, name: &str) -> Result<Option<String>> {
        for map in &self.maps {
            let wanted = texts(&map["destinations"])
                .position(|destination| destination.trim_matches(['{', '}']) == name);
            let Some(index) = wanted else { continue };
            let input = self.replaced(text(&map["source"]))?;
            let mut output = &Value::Null;
            let mut groups = Vec::new();
            for mapping in array(&map["mappings"]) {
                let captured = match mapping["input_regexp"].as_str() {
                    Some(pattern) => captured(pattern, &input)?,
                    None => (mapping["input"] == input).then(Vec::new),
                };
                if let Some(captured) = captured {
                    (output, groups) = (&mapping["outputs"][index], captured);
                    break;
                }
            }
            return Ok(Some(match output {
                Value::Null => text(&map["defaults"][index]).to_owned(),
                Value::String(output) => expanded(output, &groups),
                other => other.to_string(),
            }));
        }
        Ok(None)
    }
}

/// The groups of an expression that fits.
fn captured(pattern: &str, input: &str) -> Result<Option<Vec<String>>> {
    let group = |group: Option<regex::Match>| group.map_or("", |group| group.as_str()).to_owned();
    let captures = compiled(pattern)?.captures(input);
    Ok(captures.map(|captures| captures.iter().map(group).collect()))
}

fn expanded(output: &str, groups: &[String]) -> String {
    let mut output = output.to_owned();
    for (number, group) in groups.iter().enumerate().skip(1) {
        output = output.replace(&format!("${{{number}}}"), group);
    }
    output
}

/// Go's regular expressions are those of the crate, for all that configurations use.
pub(super) fn compiled(pattern: &str) -> Result<Regex> {
    Regex::new(pattern).map_err(|_| unknown(format!("the regular expression {pattern:?}")))
}
