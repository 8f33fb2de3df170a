//! The same rules on what runs: real paths, real limits, the values that containers hold; and
//! whether it is what the files say.

use std::os::unix::fs::MetadataExt;

use mkx_contract::Result;
use mkx_contract::record::finding::{Finding, Rule as _};

use super::{Pair, Side, drift, inspect, on_models, strangers};
use crate::docker;
use crate::rules::Rule;

/// Applies the rules to the running containers of both environments; `unseen` grows by what can
/// not be looked at.
///
/// # Errors
/// Exit 4 where the engine can not be reached.
pub fn rules(files: &Pair<'_>, unseen: &mut Vec<String>) -> Result<Vec<Finding>> {
    let engine = docker::engine()?;
    let ea_containers = engine.of(&files.ea.environment.project);
    let eb_containers = engine.of(&files.eb.environment.project);
    let names = inspect::names_by_id(&engine.containers);
    let images = docker::images()?;
    let ea = inspect::running(&files.ea, &ea_containers, &names);
    let eb = inspect::running(&files.eb, &eb_containers, &names);
    for side in [&ea, &eb] {
        if side.model.services.is_empty() {
            let project = &side.environment.project;
            unseen.push(format!(
                "what runs of {}: no container of {project} does",
                side.name
            ));
        }
    }
    let mut findings = Vec::new();
    for (written, live, containers) in [
        (&files.ea, &ea, &ea_containers),
        (&files.eb, &eb, &eb_containers),
    ] {
        let ended = inspect::ended(containers);
        findings.extend(drift::rules(written, live, &ended, &images, unseen));
    }
    let pair = Pair {
        site: files.site,
        ea,
        eb,
    };
    findings.extend(same_inodes(&pair, unseen));
    findings.extend(on_models(&pair));
    findings.extend(strangers::rules(files, &pair, &engine));
    Ok(findings)
}

/// Folders with different paths that are one: a bind mount of the host's.
fn same_inodes(pair: &Pair<'_>, unseen: &mut Vec<String>) -> Vec<Finding> {
    let mut identities = |side: &Side<'_>| -> Vec<((u64, u64), String, String, bool)> {
        let services = side.model.services.iter();
        services
            .flat_map(|(name, service)| service.volumes.iter().map(move |mount| (name, mount)))
            .filter(|(_, mount)| mount.kind == "bind")
            .filter_map(|(name, mount)| {
                let source = mount.source.clone()?;
                let metadata = std::fs::metadata(&source)
                    .map_err(|error| unseen.push(format!("{source}, which {name} mounts: {error}")))
                    .ok()?;
                let identity = (metadata.dev(), metadata.ino());
                Some((identity, name.clone(), source, mount.read_only))
            })
            .collect()
    };
    let mut findings = Vec::new();
    let (ea, eb) = (identities(&pair.ea), identities(&pair.eb));
    for (identity, service, source, read_only) in &eb {
        for (other, other_service, other_source, other_read_only) in &ea {
            let edge = &pair.site.shared.edge.service;
            let edge_reads = pair.ea.model.service_of(other_service) == edge && *other_read_only;
            if identity == other
                && source != other_source
                && !edge_reads
                && !(*read_only && *other_read_only)
            {
                let message = format!("{source} of eb is {other_source} of ea by another path");
                findings.push(
                    Rule::BindSource
                        .finding(source, message)
                        .at(pair.ea.place(&["services", other_service, "volumes"]))
                        .at(pair.eb.place(&["services", service, "volumes"])),
                );
            }
        }
    }
    findings
}
