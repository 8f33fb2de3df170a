//! What development's override has of its own: limits, a smaller PostgreSQL, a closed site.

use mkx_contract::record::site::Access;

use super::{Variable, Work};
use crate::limits;
use crate::model::Service;

/// Goes through all services but the edge.
pub fn all(work: &mut Work<'_>) {
    let model = work.model;
    let eb = &work.site.environments.eb;
    let services: Vec<&str> = model
        .services
        .keys()
        .map(String::as_str)
        .filter(|name| !work.is_edge(name))
        .collect();
    let proposed = limits::propose(&work.site.host(), &eb.share, services.iter().copied());
    for name in services {
        let service = &model.services[name];
        let (cpus, memory) = proposed[name];
        let mebibytes = memory >> 20;
        postgres(work, name, service, mebibytes);
        closed(work, name, service);
        // Docker Compose refuses two places for one limit that differ.
        let old_keys = service.mem_limit.is_some() || service.cpus.is_some();
        let lines = match old_keys {
            true => format!("mem_limit: {mebibytes}m\ncpus: {cpus:.2}"),
            false => format!(
                "deploy:\n  resources:\n    limits:\n      cpus: \"{cpus:.2}\"\n      memory: {mebibytes}M"
            ),
        };
        work.develop(name, &lines);
    }
}

/// A quarter of its memory for its buffers, and few connections.
fn postgres(work: &mut Work<'_>, name: &str, service: &Service, mebibytes: u64) {
    let image = service.image.as_deref().unwrap_or_default();
    let repository = image.split([':', '@']).next().unwrap_or_default();
    if !repository.ends_with("postgres") {
        return;
    }
    if service.command.is_some() {
        work.notes.push(format!(
            "{name} has a command of its own: tune it down for development's {mebibytes} MiB by hand"
        ));
        return;
    }
    let buffers = (mebibytes / 4).max(16);
    work.develop(
        name,
        &format!(
            "# Tuned down to its share.\ncommand: [postgres, -c, shared_buffers={buffers}MB, -c, max_connections=40, -c, max_worker_processes=2, -c, maintenance_work_mem=32MB]"
        ),
    );
}

/// Basic Auth and noindex, where labels make the site.
fn closed(work: &mut Work<'_>, name: &str, service: &Service) {
    let (ea, eb) = (&work.site.environments.ea, &work.site.environments.eb);
    let site = service.labels.iter().find(|(key, value)| {
        key.strip_prefix("caddy").is_some_and(|rest| {
            rest.is_empty()
                || rest[1..].chars().all(|c| c.is_ascii_digit()) && rest.starts_with('_')
        }) && value.contains(ea.domain.as_str())
    });
    let Some((key, _)) = site else { return };
    let mut lines =
        format!("labels:\n  {key}.header.X-Robots-Tag: '\"noindex, nofollow, noarchive\"'\n");
    if let Access::BasicAuth { public_paths, .. } = &eb.access {
        let matcher = match public_paths.is_empty() {
            true => "\"*\"".to_owned(),
            false => {
                lines.push_str(&format!(
                    "  {key}.@closed.not: path {}\n",
                    public_paths.join(" ")
                ));
                "\"@closed\"".to_owned()
            }
        };
        lines.push_str(&format!(
            "  {key}.basic_auth: {matcher}\n  {key}.basic_auth.developer: ${{BASIC_AUTH_HASH}}\n"
        ));
        work.variables.insert(
            "BASIC_AUTH_HASH".into(),
            Variable {
                ea: String::new(),
                eb: String::new(),
            },
        );
    }
    work.develop(name, &lines);
}
