//! Limits, and servers whose own configuration does not fit them.

use mkx_contract::record::finding::{Finding, Rule as _};

use super::{Pair, Side};
use crate::model::Service;
use crate::rules::Rule;
use crate::{appetite, limits};

/// Those that hold for files and for what runs.
pub fn rules(pair: &Pair<'_>) -> Vec<Finding> {
    let mut findings = shares(pair);
    for side in [&pair.ea, &pair.eb] {
        findings.extend(appetites(side));
        findings.extend(queues(side));
    }
    findings
}

fn shares(pair: &Pair<'_>) -> Vec<Finding> {
    let side = &pair.eb;
    let mut findings = Vec::new();
    for (name, service) in &side.model.services {
        let missing = match (service.limit_cpus(), service.limit_memory_bytes()) {
            (Some(_), Some(_)) => continue,
            (None, None) => "processors and memory",
            (None, _) => "processors",
            (_, None) => "memory",
        };
        findings.push(
            Rule::NoLimits
                .finding(name, format!("{name} of eb has no limit of {missing}"))
                .at(side.place(&["services", name, "deploy", "resources", "limits"])),
        );
    }
    findings.extend(over_share(pair));
    findings
}

fn over_share(pair: &Pair<'_>) -> Option<Finding> {
    let side = &pair.eb;
    let (cpus, memory) = limits::share_of(&pair.site.host(), &side.environment.share);
    let active = side.model.services.iter();
    let active: Vec<(&String, &Service)> =
        active.filter(|(name, _)| side.is_active(name)).collect();
    let cpus_of = |service: &Service| service.limit_cpus().unwrap_or_default();
    let memory_of = |service: &Service| service.limit_memory_bytes().unwrap_or_default();
    let sum_cpus: f64 = active.iter().map(|(_, one)| cpus_of(one)).sum();
    let sum_memory: u64 = active.iter().map(|(_, one)| memory_of(one)).sum();
    // Where to look first is what takes most of what is short.
    let most = if sum_memory > memory {
        active.iter().max_by_key(|(_, one)| memory_of(one))?
    } else if sum_cpus > cpus + 1e-9 {
        active
            .iter()
            .max_by(|(_, a), (_, b)| cpus_of(a).total_cmp(&cpus_of(b)))?
    } else {
        return None;
    };
    let message = format!(
        "eb may take {sum_cpus:.2} processors and {} MiB; its share is {cpus:.2} and {} MiB",
        sum_memory >> 20,
        memory >> 20
    );
    Some(
        Rule::OverShare
            .finding(&side.environment.project, message)
            .at(side.place(&["services", most.0, "deploy", "resources", "limits"])),
    )
}

/// What a process is told to take, beside what its container may.
fn appetites(side: &Side<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, service) in &side.model.services {
        let Some(limit) = service.limit_memory_bytes() else {
            continue;
        };
        if let Some((what, wanted)) = appetite::of(service)
            && wanted > limit
        {
            let container = side.model.container_name(name);
            let message = format!(
                "{container} may take {} MiB, and {what} tells it to take {} MiB",
                limit >> 20,
                wanted >> 20
            );
            findings.push(
                Rule::MemoryMismatch
                    .finding(container, message)
                    .at(side.place(&["services", name, "command"])),
            );
        }
    }
    findings
}

/// A queue on a Redis that throws away what it has no room for.
fn queues(side: &Side<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (store, service) in &side.model.services {
        let command = service.command.iter().flatten().map(String::as_str);
        let command = command.collect::<Vec<_>>().join(" ");
        let Some(at) = command.find("--maxmemory-policy") else {
            continue;
        };
        let policy = command[at + "--maxmemory-policy".len()..].trim_start_matches(['=', ' ']);
        if policy.starts_with("noeviction") {
            continue;
        }
        let user = side.model.services.iter().find_map(|(name, other)| {
            let (variable, _) = other.environment.iter().find(|(variable, value)| {
                let is_queue = ["BROKER_URL", "QUEUE", "CELERY"]
                    .iter()
                    .any(|word| variable.to_ascii_uppercase().contains(word));
                let value = value.as_deref().unwrap_or_default();
                is_queue
                    && (value.contains(&format!("//{store}:"))
                        || value.contains(&format!("//{store}/"))
                        || value.contains(&format!("@{store}:")))
            })?;
            Some((name, variable))
        });
        if let Some((name, variable)) = user {
            findings.push(
                Rule::EvictingQueue
                    .finding(store, format!("jobs are queued on {store}, which evicts"))
                    .at(side.place(&["services", store, "command"]))
                    .at(side.place(&["services", name, "environment", variable])),
            );
        }
    }
    findings
}

/// Images that mean something else tomorrow.
pub fn tags(side: &Side<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, service) in &side.model.services {
        let (Some(image), None) = (&service.image, &service.build) else {
            continue;
        };
        let last = image.rsplit('/').next().unwrap_or(image);
        let tag = last.split_once(':').map_or("", |(_, tag)| tag);
        let moves = [
            "", "latest", "edge", "main", "master", "nightly", "stable", "dev",
        ];
        if !image.contains('@') && moves.contains(&tag) {
            findings.push(
                Rule::MutableTag
                    .finding(image, format!("the tag of {image} moves"))
                    .at(side.place(&["services", name, "image"])),
            );
        }
    }
    findings
}
