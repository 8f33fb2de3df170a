//! Placeholders: `{http.request.uri}` and their kin.

use mkx_contract::Result;
use regex::Regex;
use serde_json::Value;

use super::{Exchange, array, texts, unknown};

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
        let host = self.request.host.as_str();
        Ok(match name {
            "http.request.uri" => self.uri.request_uri(),
            "http.request.uri.path" => self.uri.path.clone(),
            "http.request.uri.query" => self.uri.query.clone().unwrap_or_default(),
            "http.request.uri.prefixed_query" => match &self.uri.query {
                Some(query) => format!("?{query}"),
                None => String::new(),
            },
            "http.request.orig_uri" => self.request.path.clone(),
            "http.request.orig_uri.path" => super::uri::Uri::parse(&self.request.path)
                .map(|uri| uri.path)
                .unwrap_or_default(),
            "http.request.host" | "http.request.hostport" => host.to_owned(),
            "http.request.scheme" => self.request.scheme.clone(),
            "http.request.method" => self.method.clone(),
            "http.request.tls.server_name" => host.to_owned(),
            _ => return Err(unknown(format!("the placeholder {{{name}}}"))),
        })
    }

    /// A destination of a `map` handler that was passed.
    fn mapped(&self, name: &str) -> Result<Option<String>> {
        for map in &self.maps {
            let wanted = texts(&map["destinations"])
                .position(|destination| destination.trim_matches(['{', '}']) == name);
            let Some(index) = wanted else { continue };
            let input = self.replaced(map["source"].as_str().unwrap_or_default())?;
            for mapping in array(&map["mappings"]) {
                let (fits, captures) = match mapping["input_regexp"].as_str() {
                    Some(pattern) => {
                        let captures = compiled(pattern)?.captures(&input).map(|captures| {
                            captures
                                .iter()
                                .map(|group| group.map_or("", |group| group.as_str()).to_owned())
                                .collect::<Vec<_>>()
                        });
                        (captures.is_some(), captures)
                    }
                    None => (mapping["input"].as_str() == Some(input.as_str()), None),
                };
                if !fits {
                    continue;
                }
                return match &mapping["outputs"][index] {
                    Value::Null => Ok(Some(default(map, index))),
                    Value::String(output) => Ok(Some(expanded(output, captures.as_deref()))),
                    other => Ok(Some(other.to_string())),
                };
            }
            return Ok(Some(default(map, index)));
        }
        Ok(None)
    }
}

fn default(map: &Value, index: usize) -> String {
    map["defaults"][index]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn expanded(output: &str, captures: Option<&[String]>) -> String {
    let mut output = output.to_owned();
    for (number, group) in captures.unwrap_or_default().iter().enumerate().skip(1) {
        output = output.replace(&format!("${{{number}}}"), group);
    }
    output
}

/// Go's regular expressions are those of the crate, for all that configurations use.
pub(super) fn compiled(pattern: &str) -> Result<Regex> {
    Regex::new(pattern).map_err(|_| unknown(format!("the regular expression {pattern:?}")))
}
