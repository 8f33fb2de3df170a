//! How an environment's share of the host is split over its services.

use std::collections::BTreeMap;

use mkx_contract::record::site::{Host, Share};
use mkx_contract::{EnvironmentName, Record};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Model;

const MIB: u64 = 1 << 20;
/// Docker takes no less.
const LEAST_MEMORY_BYTES: u64 = 6 * MIB;
const LEAST_CPUS: f64 = 0.01;

/// The limits that an environment's services should have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// The environment.
    pub environment: EnvironmentName,
    /// Its share of the host, in per cent.
    pub percent: f64,
    /// That share's processors.
    pub cpus: f64,
    /// That share's memory.
    pub memory_bytes: u64,
    /// A service each.
    pub services: Vec<ServiceLimits>,
    /// The sum of what is set now; null where a service has no limit.
    pub present_cpus: Option<f64>,
    /// The sum of what is set now; null where a service has no limit.
    pub present_memory_bytes: Option<u64>,
    /// True where every service has limits and their sum is within the share.
    pub within: bool,
}

impl Record for Limits {
    const RECORD: &'static str = "mkx.compose.limits/1";
}

/// A service's limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceLimits {
    /// The service.
    pub service: String,
    /// Its weight.
    pub weight: f64,
    /// What it should have.
    pub cpus: f64,
    /// What it should have.
    pub memory_bytes: u64,
    /// What it has; null: no limit.
    pub present_cpus: Option<f64>,
    /// What it has; null: no limit.
    pub present_memory_bytes: Option<u64>,
}

/// Splits a share by weight over the services; a service that has no weight has 1.
pub fn propose<'a>(
    host: &Host,
    share: &Share,
    services: impl IntoIterator<Item = &'a str>,
) -> BTreeMap<String, (f64, u64)> {
    let weighted: Vec<(&str, f64)> = services
        .into_iter()
        .map(|name| (name, weight(share, name)))
        .collect();
    let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
    let (cpus, memory) = share_of(host, share);
    weighted
        .into_iter()
        .map(|(name, weight)| {
            let part = weight / total;
            let cpus = ((cpus * part * 100.0).floor() / 100.0).max(LEAST_CPUS);
            let memory = (memory as f64 * part) as u64 / MIB * MIB;
            (name.to_owned(), (cpus, memory.max(LEAST_MEMORY_BYTES)))
        })
        .collect()
}

/// Processors and memory of a share.
pub fn share_of(host: &Host, share: &Share) -> (f64, u64) {
    let part = share.percent / 100.0;
    (host.cpus * part, (host.memory_bytes as f64 * part) as u64)
}

fn weight(share: &Share, service: &str) -> f64 {
    share.weights.get(service).copied().unwrap_or(1.0)
}

/// What is proposed beside what is set.
pub fn compare(environment: EnvironmentName, host: &Host, share: &Share, model: &Model) -> Limits {
    let proposed = propose(host, share, model.services.keys().map(String::as_str));
    let services: Vec<ServiceLimits> = model
        .services
        .iter()
        .map(|(name, service)| ServiceLimits {
            service: name.clone(),
            weight: weight(share, name),
            cpus: proposed[name].0,
            memory_bytes: proposed[name].1,
            present_cpus: service.limit_cpus(),
            present_memory_bytes: service.limit_memory_bytes(),
        })
        .collect();
    let (cpus, memory_bytes) = share_of(host, share);
    let present_cpus: Option<f64> = services.iter().map(|one| one.present_cpus).sum();
    let present_memory_bytes: Option<u64> =
        services.iter().map(|one| one.present_memory_bytes).sum();
    let within = present_cpus.is_some_and(|sum| sum <= cpus + 1e-9)
        && present_memory_bytes.is_some_and(|sum| sum <= memory_bytes);
    Limits {
        environment,
        percent: share.percent,
        cpus,
        memory_bytes,
        services,
        present_cpus,
        present_memory_bytes,
        within,
    }
}

/// The proposal as a part of a compose file.
pub fn yaml(limits: &Limits) -> String {
    let mut text = String::from("services:\n");
    for one in &limits.services {
        text.push_str(&format!(
            "  {}:\n    deploy:\n      resources:\n        limits:\n          cpus: \"{:.2}\"\n          memory: {}M\n",
            one.service,
            one.cpus,
            one.memory_bytes / MIB
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_split_by_weight_and_never_exceeded() {
        let share = Share {
            percent: 40.0,
            weights: [("db".to_owned(), 3.0)].into(),
        };
        for cpus in 1..9_u32 {
            let host = Host {
                cpus: f64::from(cpus),
                memory_bytes: u64::from(cpus) * 1_234_567_890,
            };
            let limits = propose(&host, &share, ["db", "api", "web"]);
            let (most_cpus, most_memory) = share_of(&host, &share);
            assert!(limits.values().map(|(cpus, _)| cpus).sum::<f64>() <= most_cpus + 1e-9);
            assert!(limits.values().map(|(_, memory)| memory).sum::<u64>() <= most_memory);
            assert!(limits["db"].0 > 2.9 * limits["api"].0 - 0.1);
        }
    }
}
