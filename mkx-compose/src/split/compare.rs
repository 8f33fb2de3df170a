//! The proof: production's result resolves to what the original resolves to, but for names that
//! carry the project.

use std::path::{Path, PathBuf};

use mkx_contract::tool::compose::Compose;
use mkx_contract::{Failure, Result};
use serde_json::Value;

use super::service::{DEVELOPMENTS_ENV_FILE, given_env_file};
use super::{Request, Variable, Work};
use crate::render::quoted;

/// Resolves both results and holds production's against the original. Nothing is written beside
/// the file: Docker Compose reads the results from a folder of our own, as if they were there.
///
/// # Errors
/// Exit 3 with the first difference, or with Docker Compose's words.
pub fn prove(
    work: &Work<'_>,
    original: &Value,
    compose: &Compose,
    request: &Request<'_>,
    [base, production, development]: [&str; 3],
) -> Result<()> {
    let folder = request.file.parent().unwrap_or(Path::new("."));
    let compose = compose.in_directory(folder);
    let trial = Trial::new()?;
    let base = trial.write("base.yml", base)?;
    let (ea, eb) = (&work.site.environments.ea, &work.site.environments.eb);
    let resolve = |project: &str, over: &str, values: String| {
        let mut env_files = request.env_files.clone();
        env_files.push(trial.write("own.env", &values)?);
        let files = [base.clone(), trial.write("override.yml", over)?];
        compose.config_of_files(Some(project), &files, &env_files)
    };
    let result = resolve(&ea.project, production, values(work, |one| &one.ea))?;
    let mut own = normal(original, work);
    let mut new = normal(&result, work);
    if let Some((way, left, right)) = first_difference(&mut own, &mut new, "") {
        return Err(Failure::input(format!(
            "cannot split {}: {way} would become {right}, and is {left}",
            request.file.display()
        ))
        .hint("nothing was written; write this part so that it does not depend on its place, then split again"));
    }
    // Development's env file need not be there yet.
    let (mut development, mut values) = (development.to_owned(), values(work, |one| &one.eb));
    if !folder.join(DEVELOPMENTS_ENV_FILE).exists() {
        let empty = trial.write(DEVELOPMENTS_ENV_FILE, "")?;
        let empty = empty.to_string_lossy();
        development = development.replace(
            &given_env_file(DEVELOPMENTS_ENV_FILE),
            &given_env_file(&empty),
        );
        values = values.replace(&quoted(DEVELOPMENTS_ENV_FILE), &quoted(&empty));
    }
    resolve(&eb.project, &development, values).map(|_| ())
}

/// What the split's variables are in one environment, as an env file.
fn values<'a>(work: &'a Work<'_>, of: impl Fn(&'a Variable) -> &'a String) -> String {
    let lines = work.variables.iter();
    lines
        .map(|(name, one)| format!("{name}={}\n", quoted(of(one))))
        .collect()
}

/// A folder for what is only tried.
struct Trial(tempfile::TempDir);

impl Trial {
    fn new() -> Result<Trial> {
        let made = tempfile::Builder::new().prefix("mkx-split-").tempdir();
        made.map(Trial)
            .map_err(|error| Failure::peer(format!("cannot make a temporary folder: {error}")))
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.path().join(name);
        std::fs::write(&path, text)
            .map_err(|error| Failure::peer(format!("cannot write {}: {error}", path.display())))?;
        Ok(path)
    }
}

/// A model without what may differ: names of the project, container names, who makes a volume or
/// the shared network, and what only anchors refer to.
fn normal(model: &Value, work: &Work<'_>) -> Value {
    let mut model = model.clone();
    let Some(fields) = model.as_object_mut() else {
        return model;
    };
    fields.remove("name");
    fields.retain(|name, _| !name.starts_with("x-"));
    for service in members(fields.get_mut("services")) {
        service.remove("container_name");
    }
    for volume in members(fields.get_mut("volumes")) {
        volume.remove("external");
    }
    for network in members(fields.get_mut("networks")) {
        let name = network
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if name == work.site.shared.network {
            network.remove("external");
            network.remove("ipam");
        } else {
            // Fixed names became the project's.
            network.remove("name");
        }
    }
    model
}

fn members(value: Option<&mut Value>) -> impl Iterator<Item = &mut serde_json::Map<String, Value>> {
    value
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(serde_json::Map::values_mut)
        .filter_map(Value::as_object_mut)
}

fn first_difference(a: &mut Value, b: &mut Value, way: &str) -> Option<(String, String, String)> {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let names: Vec<String> = a.keys().chain(b.keys()).cloned().collect();
            names.into_iter().find_map(|name| {
                let deeper = match way {
                    "" => name.clone(),
                    way => format!("{way}.{name}"),
                };
                let (mut left, mut right) = (Value::Null, Value::Null);
                first_difference(
                    a.get_mut(&name).unwrap_or(&mut left),
                    b.get_mut(&name).unwrap_or(&mut right),
                    &deeper,
                )
            })
        }
        (a, b) if a == b => None,
        (a, b) => {
            // Values of an environment may be secret.
            let shown = |value: &Value| match way.contains("environment") {
                true => "another value".to_owned(),
                false => value.to_string(),
            };
            Some((way.to_owned(), shown(a), shown(b)))
        }
    }
}
