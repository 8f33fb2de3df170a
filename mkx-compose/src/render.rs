//! An environment's resolved model as one compose file without a secret in it.
//!
//! What is not known to be public goes into files of mode 0600 in the state directory, which the
//! model refers to, so that the text can be shown, piped and kept: a service's variables into its
//! own env file, a secret anywhere else (a label, a command) into one that fills the file itself.
//!
//! Where a secret ends up is Docker Compose's own word: the files are resolved a second time with a
//! mark in the place of each value, and where the mark comes out, the value did.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use mkx_contract::record::secret;
use mkx_contract::record::site::env_file;
use mkx_contract::{Failure, Result, Site};
use serde_json::{Map, Value, json};

use crate::{difference, names, secrecy};

/// The model, and what its services read from files.
pub struct Rendered {
    /// The compose file.
    pub model: Value,
    /// Path and text of each env file; to be written with mode 0600.
    pub secret_files: Vec<(PathBuf, String)>,
    /// The env file among them that fills the compose file itself.
    pub fills: Option<PathBuf>,
}

/// Marks in the place of values, by the variable's name.
pub type Marks = BTreeMap<String, String>;

/// Builds the rendered model from the resolved one; `marked` is the same with a mark in the place
/// of each secret, `variables` are what fills the files, `folder` is where secrets go.
///
/// # Errors
/// Exit 3 where a secret is a key.
pub fn render(
    site: &Site,
    resolved: Value,
    marked: &Value,
    marks: &Marks,
    variables: &BTreeMap<String, String>,
    folder: &Path,
) -> Result<Rendered> {
    let mut model = resolved;
    drop_extensions(&mut model);
    let mut secret_files = Vec::new();
    let services = model.get_mut("services").and_then(Value::as_object_mut);
    for (name, service) in services.into_iter().flatten() {
        let marked = &marked["services"][name.as_str()]["environment"];
        let secrets = take_secrets(site, service, marked);
        if !secrets.is_empty() {
            let path = folder.join(format!("{name}.env"));
            let written = path.to_string_lossy().replace('$', "$$");
            service["env_file"] = json!([{ "path": written, "required": true }]);
            secret_files.push((path, env_text(&secrets)));
        }
    }
    let mut elsewhere = Elsewhere {
        marks,
        values: known_secrets(site, &model, &secret_files, variables),
        taken: needed(&model, variables),
    };
    elsewhere.walk(&mut model, marked, &mut Vec::new())?;
    let file = folder.join(".env");
    let mut about = json!({ "record": "mkx.compose.model/1" });
    let taken = elsewhere.taken;
    let fills = (!taken.is_empty()).then(|| file.clone());
    if !taken.is_empty() {
        about["env_file"] = json!(file);
        secret_files.push((file, env_text(&taken)));
    }
    model["x-mkx"] = about;
    Ok(Rendered {
        model,
        secret_files,
        fills,
    })
}

/// `x-…` means nothing to Docker Compose, and often holds what anchors brought to the services;
/// the profiles are chosen already.
pub fn drop_extensions(model: &mut Value) {
    let keep = |fields: &mut Map<String, Value>| {
        fields.retain(|name, _| !name.starts_with("x-") && name != "profiles");
    };
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

/// Keeps in the service's environment what may be shown; the rest is returned.
fn take_secrets(site: &Site, service: &mut Value, marked: &Value) -> BTreeMap<String, String> {
    let mut secrets = BTreeMap::new();
    let environment = service.get_mut("environment");
    let Some(environment) = environment.and_then(Value::as_object_mut) else {
        return secrets;
    };
    environment.retain(|name, value| {
        let Some(text) = value.as_str() else {
            return true;
        };
        let plain = undoubled(text);
        let is_whole = marked.get(name).is_none_or(|marked| marked == value);
        if !is_name(name) || (is_whole && secrecy::is_public(site, name, &plain)) {
            return true;
        }
        secrets.insert(name.clone(), plain);
        false
    });
    if environment.is_empty()
        && let Some(service) = service.as_object_mut()
    {
        service.remove("environment");
    }
    secrets
}

/// True for what Docker Compose reads as a name from an env file.
fn is_name(name: &str) -> bool {
    let is_of_names = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    !name.is_empty() && name.chars().all(is_of_names)
}

/// `config` doubles every dollar sign, for a reader that fills variables in.
fn undoubled(text: &str) -> String {
    text.replace("$$", "$")
}

/// The values that are known to be secrets: what the env files set, and what services were given.
fn known_secrets(
    site: &Site,
    model: &Value,
    secret_files: &[(PathBuf, String)],
    variables: &BTreeMap<String, String>,
) -> Vec<String> {
    let texts = secret_files.iter();
    let given = texts.flat_map(|(_, text)| env_file::entries(text));
    let given = given.map(|entry| (entry.name.to_owned(), entry.value));
    let set = variables
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()));
    let shown = model["services"].as_object().into_iter().flatten();
    let shown =
        shown.flat_map(|(_, service)| service["environment"].as_object().into_iter().flatten());
    let shown = shown.filter_map(|(name, value)| Some((name.clone(), undoubled(value.as_str()?))));
    given
        .chain(set)
        .chain(shown)
        .filter(|(name, value)| value.len() >= SHORTEST && secrecy::is_secret(site, name, value))
        .filter(|(_, value)| !secrecy::is_common_word(value))
        .map(|(_, value)| value)
        .collect()
}

/// A shorter secret would be found by chance.
const SHORTEST: usize = 6;

/// What `secrets:` and `configs:` take from variables by their names.
fn needed(model: &Value, variables: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let files = ["secrets", "configs"].into_iter();
    let files = files.flat_map(|kind| model[kind].as_object().into_iter().flatten());
    let names = files.filter_map(|(_, file)| file["environment"].as_str());
    names
        .filter_map(|name| Some((name.to_owned(), variables.get(name)?.clone())))
        .collect()
}

/// Secrets that stand where only the text itself can hold them.
struct Elsewhere<'a> {
    marks: &'a Marks,
    values: Vec<String>,
    taken: BTreeMap<String, String>,
}

impl Elsewhere<'_> {
    fn walk(&mut self, value: &mut Value, marked: &Value, way: &mut Vec<String>) -> Result<()> {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    if way.len() == 2 && way[0] == "services" && name == "env_file" {
                        continue;
                    }
                    // What a service is given under its own name was judged there.
                    let is_variable = way.len() == 3 && way[2] == "environment";
                    if is_variable && is_name(name) {
                        continue;
                    }
                    let named = match way.last().map(String::as_str) {
                        Some("args" | "labels") => name.rsplit('.').next(),
                        Some("environment") => Some(name.as_str()),
                        _ => None,
                    };
                    let Some(marked) = marked.get(name) else {
                        return Err(Failure::input(format!(
                            "cannot render {}: a key in it depends on a secret",
                            way.join(".")
                        ))
                        .hint("write the key as it is, or say in the site document that the variable is none: \"secret\": false"));
                    };
                    if let (Some(named), Value::String(text)) = (named, &mut *field)
                        && secret::is_secret_name(&named.to_uppercase())
                        && !text.is_empty()
                        && !secrecy::is_password_hash(text)
                    {
                        *text = self.kept(&undoubled(text));
                        continue;
                    }
                    way.push(name.clone());
                    self.walk(field, marked, way)?;
                    way.pop();
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    way.push(index.to_string());
                    self.walk(item, &marked[index], way)?;
                    way.pop();
                }
            }
            Value::String(text) => {
                if let Some(reference) = self.reference(text, marked) {
                    *text = reference;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A reference to what is kept back, where the text holds it.
    fn reference(&mut self, text: &str, marked: &Value) -> Option<String> {
        let is_marked = marked.as_str().is_some_and(|marked| {
            marked != text
                && self
                    .marks
                    .values()
                    .any(|mark| marked.contains(mark.as_str()))
        });
        let plain = undoubled(text);
        let holds = |secret: &String| names::has_word(&plain, secret);
        let is_known = !secrecy::is_password_hash(&plain) && self.values.iter().any(holds);
        (is_marked || is_known || secrecy::opens(&plain)).then(|| self.kept(&plain))
    }

    fn kept(&mut self, plain: &str) -> String {
        let known = self.taken.iter().find(|(_, value)| *value == plain);
        let name = match known {
            Some((name, _)) => name.clone(),
            None => format!("MKX_SECRET_{}", self.taken.len() + 1),
        };
        self.taken.insert(name.clone(), plain.to_owned());
        format!("${{{name}:?it is in the env_file that x-mkx names, give it as --env-file}}")
    }
}

/// The first place where two models differ; `x-…` is left out.
pub fn difference(a: &Value, b: &Value) -> Option<String> {
    let plain = |model: &Value| {
        let mut model = model.clone();
        drop_extensions(&mut model);
        model
    };
    let (a, b) = (plain(a), plain(b));
    difference::first(&a, &b, &|_, _| false).map(|one| one.place)
}

/// An env file that Docker Compose takes literally.
pub fn env_text(values: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (name, value) in values {
        let _ = writeln!(text, "{name}={}", quoted(value));
    }
    text
}

/// A value as Docker Compose's env files take it literally.
pub fn quoted(value: &str) -> String {
    if !value.contains(['\'', '\n', '\r', '\\']) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Preset;

    /// Renders into `/s`, with a variable whose value `mark1` stands for in `marked`.
    fn rendered(resolved: Value, marked: &Value) -> Rendered {
        let marks = Marks::from([("WORD".to_owned(), "mark1".to_owned())]);
        let (site, none) = (Preset::Makapix.tested(), BTreeMap::new());
        render(&site, resolved, marked, &marks, &none, Path::new("/s")).unwrap()
    }

    #[test]
    fn what_is_not_known_to_be_public_moves_to_a_file() {
        let resolved = json!({"services": {"api": {"environment": {
            "LOG_LEVEL": "info", "PASSWORD": "hunter$$2", "QUEUE": "amqp://a:hunter@q",
            "GREETING": "hi-hunter", "GIVEN": null}}}});
        let mut marked = resolved.clone();
        marked["services"]["api"]["environment"]["GREETING"] = "hi-mark1".into();
        let rendered = rendered(resolved, &marked);
        let api = &rendered.model["services"]["api"];
        assert_eq!(
            api["environment"],
            json!({"LOG_LEVEL": "info", "GIVEN": null})
        );
        assert_eq!(api["env_file"][0]["path"], "/s/api.env");
        assert_eq!(
            rendered.secret_files[0].1,
            "GREETING='hi-hunter'\nPASSWORD='hunter$2'\nQUEUE='amqp://a:hunter@q'\n"
        );
    }

    #[test]
    fn a_secret_in_a_command_or_a_label_fills_the_file() {
        let resolved = json!({"services": {"cache": {"command": ["redis", "hunter2", "6379"],
            "labels": {"auth": "$$2b$$12$$abcdefghijklmnopqrstuv", "to": "redis://:a@b"}}}});
        let mut marked = resolved.clone();
        marked["services"]["cache"]["command"][1] = "mark1".into();
        let rendered = rendered(resolved, &marked);
        let cache = &rendered.model["services"]["cache"];
        assert_eq!(
            cache["command"],
            json!([
                "redis",
                "${MKX_SECRET_1:?it is in the env_file that x-mkx names, give it as --env-file}",
                "6379"
            ])
        );
        assert_eq!(
            rendered.secret_files[0].1,
            "MKX_SECRET_1='hunter2'\nMKX_SECRET_2='redis://:a@b'\n"
        );
        assert!(
            cache["labels"]["auth"]
                .as_str()
                .unwrap()
                .starts_with("$$2b")
        );
        assert_eq!(rendered.model["x-mkx"]["env_file"], "/s/.env");
    }
}
