//! The proof: production's result resolves to what the original resolves to, but for names that
//! carry the project.

use std::io::Write;
use std::path::{Path, PathBuf};

use mkx_contract::tool::compose::Compose;
use mkx_contract::{Failure, Result};
use serde_json::Value;

use super::{Request, Work};
use crate::render::quoted;

/// Resolves both results and holds production's against the original.
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
    let (ea, eb) = (&work.site.environments.ea, &work.site.environments.eb);
    let base = beside(folder, base)?;
    let production = beside(folder, production)?;
    let development = beside(folder, development)?;
    let variables = |is_ea: bool| -> String {
        let values = work.variables.iter();
        values
            .map(|(name, one)| {
                let value = if is_ea { &one.ea } else { &one.eb };
                format!("{name}={}\n", quoted(value))
            })
            .collect()
    };
    let resolve = |project: &str, over: &Path, is_ea: bool| {
        let mut env_files = request.env_files.clone();
        let own = beside(folder, &variables(is_ea))?;
        env_files.push(own.path().to_path_buf());
        let files = [base.path().to_path_buf(), over.to_path_buf()];
        compose.config_of_files(Some(project), &files, &env_files)
    };
    let result = resolve(&ea.project, production.path(), true)?;
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
    let dev_env = folder.join(".env.dev");
    let made = !dev_env.exists();
    if made {
        let _ = std::fs::write(&dev_env, "");
    }
    let developed = resolve(&eb.project, development.path(), false);
    if made {
        let _ = std::fs::remove_file(&dev_env);
    }
    developed.map(|_| ())
}

fn beside(folder: &Path, text: &str) -> Result<tempfile::NamedTempFile> {
    let cannot = |error: std::io::Error| {
        Failure::peer(format!("cannot write into {}: {error}", folder.display()))
    };
    let folder: PathBuf = match folder.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => folder.to_path_buf(),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".mkx-split-")
        .suffix(".yml")
        .tempfile_in(folder)
        .map_err(cannot)?;
    file.write_all(text.as_bytes()).map_err(cannot)?;
    Ok(file)
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
