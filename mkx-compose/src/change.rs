//! What a change to an environment must pass before Docker Compose is asked for it.

use mkx_contract::{EnvironmentName, Failure, Record, Result, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Model;

/// What was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// `up`, `down`, `build`, `restart`.
    pub verb: String,
    /// The environment.
    pub environment: EnvironmentName,
    /// Its project.
    pub project: String,
    /// The services that were named; empty: all.
    pub services: Vec<String>,
    /// Milliseconds.
    pub duration_ms: u64,
}

impl Record for Change {
    const RECORD: &'static str = "mkx.compose.change/1";
}

/// Passes where development's project can not reach what is production's or shared: it owns no
/// shared network or volume, has no edge of its own, and none of its containers bears a name of
/// production's.
///
/// # Errors
/// Exit 5.
pub fn check_development(site: &Site, model: &Model) -> Result<()> {
    let (ea, eb) = (&site.environments.ea, &site.environments.eb);
    let refused = |cause: String| {
        Err(
            Failure::refused(format!("cannot touch {}: {cause}", eb.project))
                .hint("see: mkx-compose audit"),
        )
    };
    for key in model.networks.keys() {
        if model.network_name(key) == site.shared.network && !model.networks[key].external {
            return refused(format!(
                "its network {key} is the shared {}, and it is not external",
                site.shared.network
            ));
        }
    }
    for key in model.volumes.keys() {
        let name = model.volume_name(key);
        if model.volumes[key].external {
            continue;
        }
        if site.shared.volumes.contains(&name) {
            return refused(format!(
                "its volume {key} is the shared {name}, and it is not external"
            ));
        }
        if name.starts_with(&format!("{}_", ea.project)) {
            return refused(format!("its volume {key} is {name}, which is production's"));
        }
    }
    for service in model.services.keys() {
        let name = model.container_name(service);
        let of = |project: &str| name.starts_with(&format!("{project}-"));
        if of(&ea.project) && !(of(&eb.project) && eb.project.len() > ea.project.len()) {
            return refused(format!(
                "its service {service} makes the container {name}, which is production's"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Preset;
    use mkx_contract::record::site::Host;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(model: Value, expected: Option<&str>) {
        let host = Host {
            cpus: 4.0,
            memory_bytes: 1 << 33,
        };
        let text = Preset::Makapix.site(&host).to_string();
        let site = mkx_contract::record::site::read(&text, "x", std::path::Path::new("/")).unwrap();
        let done = check_development(&site, &Model::parse(model).unwrap());
        match (done, expected) {
            (Ok(()), None) => {}
            (Err(failure), Some(words)) => {
                assert!(failure.message.contains(words), "{}", failure.message);
                assert_eq!(failure.kind.exit_code(), 5);
            }
            (done, _) => panic!("{done:?}"),
        }
    }

    #[test]
    fn development_never_owns_what_is_shared_or_productions() {
        let n = |network: Value| json!({"name": "makapix-dev", "networks": {"n": network}});
        check(n(json!({"name": "caddy_net", "external": true})), None);
        check(n(json!({"name": "caddy_net"})), Some("it is not external"));
        let v = |name: &str| json!({"name": "makapix-dev", "volumes": {"v": {"name": name}}});
        check(v("makapix-dev_pg"), None);
        check(v("makapix-stack_caddy_data"), Some("it is not external"));
        check(v("makapix-prod_pg"), Some("which is production's"));
        let s = |name: &str| json!({"name": "makapix-dev", "services": {"db": {"container_name": name}}});
        check(s("makapix-dev-db"), None);
        check(s("makapix-prod-db"), Some("which is production's"));
    }
}
