//! What development's override has of its own: limits, a smaller PostgreSQL, a closed site.

use mkx_contract::record::site::Access;

use super::{Variable, Work};
use crate::model::Service;
use crate::{appetite, limits};

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
    let mut needs = limits::needs(model);
    needs.retain(|name, _| services.contains(&name.as_str()));
    let proposed = limits::propose(
        &work.site.host(),
        &eb.share,
        services.iter().copied(),
        &needs,
    );
    for name in services {
        let service = &model.services[name];
        let (cpus, memory) = proposed[name];
        let mebibytes = memory >> 20;
        if let Some((what, told)) = appetite::of(service)
            && told > memory
        {
            work.notes.push(format!(
                "{name} is told by {what} to take {} MiB, and development has {mebibytes} MiB for it: lower it in development's override",
                told >> 20
            ));
        }
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
    if appetite::of(service).is_some() {
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

/// Noindex, where labels make a site of production's; Basic Auth on the application's own. What
/// devices fetch from a vault's host, by plain HTTP too, asks for no password.
fn closed(work: &mut Work<'_>, name: &str, service: &Service) {
    let (ea, eb) = (&work.site.environments.ea, &work.site.environments.eb);
    let vault = ea.vault.as_ref().map(|vault| vault.domain.as_str());
    let mut lines = String::new();
    for (key, value) in service.labels.iter().filter(|(key, _)| is_site(key)) {
        let hosts: Vec<&str> = value.split([',', ' ']).map(plain_host).collect();
        let is_application = hosts.contains(&ea.domain.as_str());
        if !is_application && !hosts.iter().any(|host| Some(*host) == vault) {
            continue;
        }
        lines.push_str(&format!(
            "  {key}.header.X-Robots-Tag: '\"noindex, nofollow, noarchive\"'\n"
        ));
        let Access::BasicAuth { public_paths, .. } = &eb.access else {
            continue;
        };
        if !is_application {
            continue;
        }
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
    if !lines.is_empty() {
        work.develop(name, &format!("labels:\n{lines}"));
    }
}

/// `caddy`, `caddy_1`.
fn is_site(label: &str) -> bool {
    let rest = label.strip_prefix("caddy");
    rest.is_some_and(|rest| match rest.strip_prefix('_') {
        Some(number) => !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()),
        None => rest.is_empty(),
    })
}

fn plain_host(host: &str) -> &str {
    let host = host.trim_start_matches("https://");
    host.trim_start_matches("http://").trim_end_matches('/')
}
