//! The labels of compose files, resolved by Docker Compose itself.

use std::path::PathBuf;

use mkx_contract::record::site::{Environment, Name};
use mkx_contract::tool::compose::{Compose, Profiles};
use mkx_contract::{Result, Site};
use serde_json::Value;

use super::proxy::Container;

/// The containers that `up` starts in both environments of a site.
///
/// # Errors
/// Exit 3 where Compose does not accept the files; exit 4 where there is no Compose.
pub fn of_site(site: &Site) -> Result<Vec<Container>> {
    let compose = Compose::find()?;
    let mut all = Vec::new();
    for name in [Name::Ea, Name::Eb] {
        let environment: &Environment = site.environment(name);
        let model = compose.config(environment, Profiles::Chosen)?;
        all.extend(containers(&model, &environment.project, Some(name)));
    }
    Ok(all)
}

/// The containers that `up` starts of loose files, which are one project.
///
/// # Errors
/// As [`of_site`].
pub fn of_files(files: &[PathBuf]) -> Result<Vec<Container>> {
    let project = "labels";
    let mut model = Compose::find()?.config_of_files(Some(project), files, &[])?;
    if let Some(services) = model["services"].as_object_mut() {
        services.retain(|_, service| service["profiles"].is_null());
    }
    Ok(containers(&model, project, None))
}

fn containers(model: &Value, project: &str, environment: Option<Name>) -> Vec<Container> {
    let services = model["services"].as_object().into_iter().flatten();
    let container = |(service, definition): (&String, &Value)| {
        let labels = definition["labels"].as_object().into_iter().flatten();
        let labels = labels.map(|(label, value)| {
            // Compose doubles `$` again in what it prints, so that it can be read again.
            let value = value.as_str().unwrap_or_default().replace("$$", "$");
            (label.clone(), value)
        });
        let name = definition["container_name"].as_str();
        Container {
            environment,
            name: name.map_or_else(|| format!("{project}-{service}"), str::to_owned),
            labels: labels.collect(),
        }
    };
    services.map(container).collect()
}
