//! What lies in other files, by `include` and `extends`: the split leaves those files as they are,
//! and tells what in them is the same for both environments.

use super::Work;
use crate::model::Service;

/// Tells it; the volumes of included files keep production's names.
pub fn all(work: &mut Work<'_>) {
    let document = work.document;
    let services = document.member(&document.root, "services");
    for (name, resolved) in &work.model.services {
        if work.is_edge(name) {
            continue;
        }
        let own = services.and_then(|(_, all)| {
            let mut all = document.resolve(all).entries().iter();
            all.find(|(key, _)| key.scalar() == Some(name))
                .map(|(_, own)| own)
        });
        let extended = own.and_then(|own| document.member(own, "extends"));
        let file = extended.and_then(|(_, extended)| document.member(extended, "file"));
        let from = match (own, file) {
            (None, _) => "an included file".to_owned(),
            (Some(_), Some((_, file))) => file.scalar().unwrap_or("another file").to_owned(),
            (Some(_), None) => continue,
        };
        let is_own = |member: &str| own.is_some_and(|own| document.member(own, member).is_some());
        for what in told(work, name, resolved, &is_own) {
            let note = format!(
                "{name} has {what} from {from}, the same for both environments: write a variable there, or development's own into its override"
            );
            work.notes.push(note);
        }
    }
    let own = document.member(&document.root, "volumes");
    for (key, resource) in &work.model.volumes {
        let is_own = own.is_some_and(|(_, all)| document.member(all, key).is_some());
        if !is_own && !resource.external {
            let name = work.model.volume_name(key);
            work.volumes
                .push_str(&format!("  {key}:\n    external: true\n    name: {name}\n"));
        }
    }
}

fn told(
    work: &Work<'_>,
    service_name: &str,
    service: &Service,
    is_own: &dyn Fn(&str) -> bool,
) -> Vec<String> {
    let mut found = Vec::new();
    let ports = service
        .ports
        .iter()
        .filter_map(|port| port.published.as_deref());
    let ports: Vec<&str> = ports.collect();
    if !ports.is_empty() && !is_own("ports") {
        found.push(format!("the host's ports {}", ports.join(", ")));
    }
    if let Some(name) = service.container_name.as_deref()
        && !is_own("container_name")
        && !work.renames.named.contains(service_name)
    {
        found.push(format!("the container's name {name}"));
    }
    let folder = &work.folder;
    let binds = service.volumes.iter().filter(|mount| {
        let source = mount.source.as_deref().unwrap_or_default();
        mount.kind == "bind"
            && !mount.read_only
            && !std::path::Path::new(source).starts_with(folder)
    });
    let binds: Vec<&str> = binds.filter_map(|mount| mount.source.as_deref()).collect();
    if !binds.is_empty() && !is_own("volumes") {
        found.push(format!("the mounts {}", binds.join(", ")));
    }
    found
}
