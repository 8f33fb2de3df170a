//! The same rules on what runs: real paths, real limits, the values that containers hold; and
//! whether it is what the files say.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use mkx_contract::Result;
use serde_json::{Value, json};

use super::{Pair, Side, drift, inspect, on_models};
use crate::docker;
use crate::finding::Finding;
use crate::rules::broken;

/// Applies the rules to the running containers of both environments.
///
/// # Errors
/// Exit 4 where the engine can not be reached.
pub fn rules(files: &Pair<'_>) -> Result<Vec<Finding>> {
    let ea_containers = docker::containers(&files.ea.environment.project)?;
    let eb_containers = docker::containers(&files.eb.environment.project)?;
    let names = names_by_id(ea_containers.iter().chain(&eb_containers));
    let images = docker::images()?;
    let ea = running(&files.ea, &ea_containers, &names);
    let eb = running(&files.eb, &eb_containers, &names);
    let mut findings = Vec::new();
    for (written, live, containers) in [
        (&files.ea, &ea, &ea_containers),
        (&files.eb, &eb, &eb_containers),
    ] {
        let ended = inspect::ended(containers);
        findings.extend(drift::rules(written, live, &ended, &images));
    }
    let pair = Pair {
        site: files.site,
        ea,
        eb,
    };
    findings.extend(same_inodes(&pair));
    findings.extend(on_models(&pair));
    Ok(findings)
}

/// An environment as it runs.
pub fn running<'a>(
    written: &Side<'a>,
    containers: &[Value],
    names: &BTreeMap<String, String>,
) -> Side<'a> {
    let mut model = inspect::model(&written.environment.project, containers);
    for service in model.services.values_mut() {
        for mode in [
            &mut service.network_mode,
            &mut service.pid,
            &mut service.ipc,
        ] {
            let joined = mode
                .as_deref()
                .and_then(|mode| mode.strip_prefix("container:"));
            if let Some(name) = joined.and_then(|id| names.get(id)) {
                *mode = Some(format!("container:{name}"));
            }
        }
    }
    Side {
        name: written.name,
        environment: written.environment,
        model,
        unfilled: json!({}),
        values: written.values.clone(),
        documents: Vec::new(),
        active: None,
    }
}

/// The engine notes joined containers by id.
pub fn names_by_id<'a>(
    containers: impl IntoIterator<Item = &'a Value>,
) -> BTreeMap<String, String> {
    containers
        .into_iter()
        .filter_map(|container| {
            let name = container["Name"].as_str()?.trim_start_matches('/');
            Some((container["Id"].as_str()?.to_owned(), name.to_owned()))
        })
        .collect()
}

/// Folders with different paths that are one: a bind mount of the host's.
fn same_inodes(pair: &Pair<'_>) -> Vec<Finding> {
    let identities = |side: &Side<'_>| -> Vec<((u64, u64), String, String, bool)> {
        let services = side.model.services.iter();
        services
            .flat_map(|(name, service)| service.volumes.iter().map(move |mount| (name, mount)))
            .filter(|(_, mount)| mount.kind == "bind")
            .filter_map(|(name, mount)| {
                let source = mount.source.clone()?;
                let metadata = std::fs::metadata(&source).ok()?;
                let identity = (metadata.dev(), metadata.ino());
                Some((identity, name.clone(), source, mount.read_only))
            })
            .collect()
    };
    let mut findings = Vec::new();
    let (ea, eb) = (identities(&pair.ea), identities(&pair.eb));
    for (identity, service, source, read_only) in &eb {
        for (other, other_service, other_source, other_read_only) in &ea {
            let edge_reads = *other_service == pair.site.shared.edge.service && *other_read_only;
            if identity == other
                && source != other_source
                && !edge_reads
                && !(*read_only && *other_read_only)
            {
                findings.push(broken(
                    "bind-source",
                    format!("{source} of eb is {other_source} of ea by another path"),
                    vec![
                        pair.ea.place(&["services", other_service, "volumes"]),
                        pair.eb.place(&["services", service, "volumes"]),
                    ],
                ));
            }
        }
    }
    findings
}
