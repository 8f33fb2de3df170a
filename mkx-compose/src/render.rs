//! An environment's resolved model as one compose file without a secret in it.
//!
//! What a service's environment takes from a secret variable goes into an env file of mode 0600
//! in the state directory, which the model refers to, so that the text can be shown, piped and
//! kept. A secret anywhere else (a command, a label) can not be moved and stops the rendering.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use mkx_contract::record::secret::{is_secret_name, is_secret_value};
use mkx_contract::{Failure, Result};
use serde_json::{Map, Value, json};

/// The model, and what its services read from files.
pub struct Rendered {
    /// The compose file.
    pub model: Value,
    /// Path and text of each env file; to be written with mode 0600.
    pub secret_files: Vec<(PathBuf, String)>,
}

/// Builds the rendered model from the filled and the unfilled one; `is_secret` says whether a
/// variable's value may not be shown, `folder` is where secrets go.
///
/// # Errors
/// Exit 3 where a secret stands where only the text itself can hold it.
pub fn render(
    filled: Value,
    unfilled: &Value,
    is_secret: &dyn Fn(&str) -> bool,
    folder: &Path,
) -> Result<Rendered> {
    let mut model = filled;
    drop_extensions(&mut model);
    let mut secret_files = Vec::new();
    if let Some(services) = model.get_mut("services").and_then(Value::as_object_mut) {
        for (name, service) in services {
            let Some(service) = service.as_object_mut() else {
                continue;
            };
            let written = &unfilled["services"][name.as_str()];
            let secrets = take_secrets(service, written, is_secret);
            let mut files: Vec<Value> = written["env_file"].as_array().cloned().unwrap_or_default();
            if !secrets.is_empty() {
                let path = folder.join(format!("{name}.env"));
                files.push(json!({ "path": path, "required": true }));
                secret_files.push((path, env_text(&secrets)));
            }
            if !files.is_empty() {
                service.insert("env_file".into(), Value::Array(files));
            }
        }
    }
    refuse_other_secrets(unfilled, is_secret, &mut Vec::new())?;
    if let Some(object) = model.as_object_mut() {
        object.insert("x-mkx".into(), json!({ "record": "mkx.compose.model/1" }));
    }
    Ok(Rendered {
        model,
        secret_files,
    })
}

/// `x-…` means nothing to Docker Compose, and often holds what anchors brought to the services.
fn drop_extensions(model: &mut Value) {
    let keep = |fields: &mut Map<String, Value>| fields.retain(|name, _| !name.starts_with("x-"));
    if let Some(fields) = model.as_object_mut() {
        keep(fields);
    }
    let services = model.get_mut("services").and_then(Value::as_object_mut);
    for service in services.into_iter().flat_map(Map::values_mut) {
        if let Some(fields) = service.as_object_mut() {
            keep(fields);
        }
    }
}

/// Keeps in the service's environment what its compose file writes without a secret; what its
/// env files bring stays in these, and the rest is returned.
fn take_secrets(
    service: &mut Map<String, Value>,
    written: &Value,
    is_secret: &dyn Fn(&str) -> bool,
) -> BTreeMap<String, String> {
    let mut secrets = BTreeMap::new();
    let Some(environment) = service
        .get_mut("environment")
        .and_then(Value::as_object_mut)
    else {
        return secrets;
    };
    let own = written["environment"].as_object();
    environment.retain(|name, value| {
        let Some(text) = own.and_then(|own| own.get(name)) else {
            return false;
        };
        let text = text.as_str().unwrap_or_default();
        let is_secret_url = value.as_str().is_some_and(is_secret_value);
        if !is_secret(name) && !references(text).any(is_secret) && !is_secret_url {
            return true;
        }
        if let Some(value) = value.as_str() {
            // `config` doubles every dollar sign, for a reader that fills variables in.
            secrets.insert(name.clone(), value.replace("$$", "$"));
        }
        false
    });
    if environment.is_empty() {
        service.remove("environment");
    }
    secrets
}

/// The names that `${…}` and `$NAME` in a text refer to.
pub fn references(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let at = rest.find('$')?;
            let after = &rest[at + 1..];
            if let Some(escaped) = after.strip_prefix('$') {
                rest = escaped;
                continue;
            }
            let body = after.strip_prefix('{').unwrap_or(after);
            let end = body
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(body.len());
            rest = &body[end..];
            if end > 0 && !body.starts_with(|c: char| c.is_ascii_digit()) {
                return Some(&body[..end]);
            }
        }
    })
}

fn refuse_other_secrets(
    value: &Value,
    is_secret: &dyn Fn(&str) -> bool,
    way: &mut Vec<String>,
) -> Result<()> {
    let deeper = |name: String, value: &Value, way: &mut Vec<String>| {
        way.push(name);
        let done = refuse_other_secrets(value, is_secret, way);
        way.pop();
        done
    };
    match value {
        Value::Object(fields) => fields.iter().try_for_each(|(name, field)| {
            let in_environment = way.len() == 2 && way[0] == "services" && name == "environment";
            if in_environment || name.starts_with("x-") {
                return Ok(());
            }
            deeper(name.clone(), field, way)
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| deeper(index.to_string(), item, way)),
        Value::String(text) => match references(text).find(|name| is_secret(name)) {
            None => Ok(()),
            Some(name) => Err(Failure::input(format!(
                "cannot render {}: it holds the secret {name}, which would be printed",
                way.join(".")
            ))
            .hint("hand it over in the service's environment and refer to it there as $$NAME")),
        },
        _ => Ok(()),
    }
}

fn env_text(secrets: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (name, value) in secrets {
        let _ = writeln!(text, "{name}={}", quoted(value));
    }
    text
}

/// A value as Docker Compose's env files take it literally.
pub fn quoted(value: &str) -> String {
    if !value.contains(['\'', '\n', '\r']) {
        return format!("'{value}'");
    }
    let mut text = String::from("\"");
    for character in value.chars() {
        match character {
            '"' | '\\' | '$' => text.extend(['\\', character]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

/// Whether a variable is secret by the site's own word, else by its name.
pub fn secrecy(site: &mkx_contract::Site) -> impl Fn(&str) -> bool + '_ {
    |name| {
        site.variables
            .get(name)
            .and_then(|variable| variable.secret)
            .unwrap_or_else(|| is_secret_name(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_references(text: &str, expected: &[&str]) {
        assert_eq!(references(text).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn references_are_found_as_docker_compose_finds_them() {
        check_references("plain", &[]);
        check_references("${A}", &["A"]);
        check_references("$A-${B:-x}", &["A", "B"]);
        check_references("$$A", &[]);
        check_references("$$$A", &["A"]);
        check_references("${A:-${B}}", &["A", "B"]);
        check_references("100$", &[]);
        check_references("$2b$10$x", &["x"]);
    }

    #[test]
    fn a_secret_in_the_environment_moves_to_a_file() {
        let filled = json!({"services": {"api": {"environment": {
            "MODE": "x", "PASSWORD": "hunter$$2", "URL": "postgres://a:hunter@db", "EXTRA": "e",
            "QUEUE": "amqp://a:hunter@q"}}}});
        let unfilled = json!({"services": {"api": {"env_file": [{"path": "/srv/.env"}],
            "environment": {"MODE": "${MODE}", "PASSWORD": "${P}", "URL": "postgres://a:${P_PASSWORD}@db",
                "QUEUE": "${QUEUE}"}}}});
        let rendered = render(filled, &unfilled, &is_secret_name, Path::new("/state")).unwrap();
        let api = &rendered.model["services"]["api"];
        assert_eq!(api["environment"], json!({"MODE": "x"}));
        assert_eq!(api["env_file"][0]["path"], "/srv/.env");
        assert_eq!(api["env_file"][1]["path"], "/state/api.env");
        assert_eq!(
            rendered.secret_files[0].1,
            "PASSWORD='hunter$2'\nQUEUE='amqp://a:hunter@q'\nURL='postgres://a:hunter@db'\n"
        );
    }

    #[test]
    fn a_secret_in_a_command_stops_the_rendering() {
        let unfilled = json!({"services": {"cache": {"command": ["redis", "${REDIS_PASSWORD}"]}}});
        let failure = render(json!({}), &unfilled, &is_secret_name, Path::new("/"))
            .err()
            .unwrap();
        assert_eq!(failure.kind.exit_code(), 3);
        assert!(failure.message.contains("services.cache.command.1"));
    }
}
