//! The proof: production's result resolves to what the original resolves to, but for names that
//! carry the project.

use std::path::{Path, PathBuf};

use mkx_contract::tool::compose::Compose;
use mkx_contract::{Failure, Result};
use serde_json::Value;

use super::service::{DEVELOPMENTS_ENV_FILE, given_env_file};
use super::{Request, Variable, Work, renamed};
use crate::difference;
use crate::render::quoted;
use crate::secrecy;

/// Resolves both results and holds production's against the original. Nothing is written beside
/// the file: Docker Compose reads the results from a folder of our own, as if they were there.
///
/// # Errors
/// Exit 3 with the first difference, or with Docker Compose's words. What production's result
/// resolves to is returned.
pub fn prove(
    work: &Work<'_>,
    original: &Value,
    compose: &Compose,
    request: &Request<'_>,
    [base, production, development]: [&str; 3],
) -> Result<Value> {
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
    joined(original, &mut own, &mut new, work);
    without_developments_vault(&mut new, work);
    let same =
        |old: &str, new: &str| renamed::differs_by_names(&work.renames, &ea.project, old, new);
    if let Some(found) = difference::first(&own, &new, &same) {
        let is_environment = found.place.contains("environment");
        let shown = |value: &Value| match value.to_string() {
            text if is_environment || secrecy::is_secret_value(&text) => "another value".to_owned(),
            text => text,
        };
        return Err(Failure::input(format!(
            "cannot split {}: {} would become {}, and is {}",
            request.file.display(),
            found.place,
            shown(found.right),
            shown(found.left)
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
    resolve(&eb.project, &development, values)?;
    Ok(result)
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
    for kind in ["secrets", "configs"] {
        // The project's name and the key, which only Swarm reads.
        for file in members(fields.get_mut(kind)) {
            file.remove("name");
        }
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

/// Who joined a container by its name joins its service, which Docker Compose starts first.
fn joined(original: &Value, own: &mut Value, new: &mut Value, work: &Work<'_>) {
    let services = own["services"].as_object_mut();
    for (name, service) in services.into_iter().flatten() {
        let mut owners = Vec::new();
        let mut follow = |text: &mut Value, prefix: &str| {
            let joined = text
                .as_str()
                .and_then(|text| text.strip_prefix("container:"));
            let Some((container, mode)) =
                joined.map(|name| name.split_once(':').unwrap_or((name, "")))
            else {
                return;
            };
            if let Some(owner) = renamed::owner(work.model, container) {
                let mode = if mode.is_empty() {
                    String::new()
                } else {
                    format!(":{mode}")
                };
                owners.push(owner.to_owned());
                *text = format!("{prefix}{owner}{mode}").into();
            }
        };
        for member in ["network_mode", "pid", "ipc"] {
            if let Some(value) = service.get_mut(member) {
                follow(value, "service:");
            }
        }
        for value in service
            .get_mut("volumes_from")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            follow(value, "");
        }
        let before = &original["services"][name.as_str()]["depends_on"];
        if let Some(depends_on) = new["services"][name.as_str()]["depends_on"].as_object_mut() {
            depends_on
                .retain(|other, _| !owners.contains(other) || !before[other.as_str()].is_null());
            if depends_on.is_empty()
                && before.is_null()
                && let Some(service) = new["services"][name.as_str()].as_object_mut()
            {
                service.remove("depends_on");
            }
        }
    }
}

/// The edge has a mount more, which the split gave it.
fn without_developments_vault(new: &mut Value, work: &Work<'_>) {
    let Some(missing) = work
        .served
        .as_ref()
        .and_then(|served| served.missing.as_ref())
    else {
        return;
    };
    let edge = &work.site.shared.edge.service;
    let mounts = new["services"][edge.as_str()]["volumes"].as_array_mut();
    let is_it = |mount: &Value| {
        let text = |key: &str| mount[key].as_str().unwrap_or_default().to_owned();
        *missing == format!("{}:{}:ro", text("source"), text("target"))
    };
    if let Some(mounts) = mounts {
        mounts.retain(|mount| !is_it(mount));
    }
}
