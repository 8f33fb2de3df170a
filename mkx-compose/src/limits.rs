//! How an environment's share of the host is split over its services.

use std::collections::BTreeMap;

use mkx_contract::record::site::{Host, Share};
use mkx_contract::{EnvironmentName, Record};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::appetite;
use crate::model::Model;

const MIB: u64 = 1 << 20;
/// Docker takes no less.
const LEAST_MEMORY_BYTES: u64 = 6 * MIB;
/// With less a process misses its health check before it has started.
const LEAST_CPUS: f64 = 0.05;

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

/// Splits a share by weight over the services; a service that has no weight has 1. None gets less
/// than `needs` says for its memory, as long as the share has room for all of them, nor less
/// than a process can start with.
pub fn propose<'a>(
    host: &Host,
    share: &Share,
    services: impl IntoIterator<Item = &'a str>,
    needs: &BTreeMap<String, u64>,
) -> BTreeMap<String, (f64, u64)> {
    let weighted: Vec<(&str, f64)> = services
        .into_iter()
        .map(|name| (name, weight(share, name)))
        .collect();
    let (cpus, memory) = share_of(host, share);
    let fits = needs.values().sum::<u64>() < memory;
    let least = |name: &str| match needs.get(name) {
        Some(need) if fits => need.div_ceil(MIB).max(LEAST_MEMORY_BYTES / MIB) as f64,
        _ => (LEAST_MEMORY_BYTES / MIB) as f64,
    };
    let mebibytes = (memory / MIB) as f64;
    let memory = parts(mebibytes, &weighted, &least);
    let cpus = parts(cpus * 100.0, &weighted, &|_| LEAST_CPUS * 100.0);
    let both = weighted.iter().zip(cpus.into_iter().zip(memory));
    both.map(|((name, _), (cpus, memory))| {
        let memory = memory.floor() as u64 * MIB;
        ((*name).to_owned(), (cpus.floor() / 100.0, memory))
    })
    .collect()
}

/// Each one's part by weight, and at least what it needs: what those take who need more than
/// their part is taken from the others.
fn parts(whole: f64, weighted: &[(&str, f64)], least: &dyn Fn(&str) -> f64) -> Vec<f64> {
    let mut fixed: Vec<Option<f64>> = vec![None; weighted.len()];
    loop {
        let taken: f64 = fixed.iter().flatten().sum();
        let open = weighted
            .iter()
            .zip(&fixed)
            .filter(|(_, fixed)| fixed.is_none());
        let total: f64 = open.map(|((_, weight), _)| weight).sum();
        let part = |weight: f64| (whole - taken).max(0.0) * weight / total;
        let short = (0..weighted.len()).find(|&index| {
            let (name, weight) = weighted[index];
            fixed[index].is_none() && part(weight) < least(name)
        });
        match short {
            Some(index) => fixed[index] = Some(least(weighted[index].0)),
            None => {
                let all = weighted.iter().zip(&fixed);
                return all
                    .map(|((_, weight), fixed)| fixed.unwrap_or_else(|| part(*weight)))
                    .collect();
            }
        }
    }
}

/// What the services' processes are told to take, by service.
pub fn needs(model: &Model) -> BTreeMap<String, u64> {
    let services = model.services.iter();
    services
        .filter_map(|(name, service)| Some((name.clone(), appetite::need(service)?)))
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
    let names = model.services.keys().map(String::as_str);
    let proposed = propose(host, share, names, &needs(model));
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
            let limits = propose(&host, &share, ["db", "api", "web"], &BTreeMap::new());
            let (most_cpus, most_memory) = share_of(&host, &share);
            assert!(limits.values().map(|(cpus, _)| cpus).sum::<f64>() <= most_cpus + 1e-9);
            assert!(limits.values().map(|(_, memory)| memory).sum::<u64>() <= most_memory);
            assert!(limits["db"].0 > 2.9 * limits["api"].0 - 0.1);
        }
    }
    #[test]
    fn nobody_gets_less_than_it_is_told_to_take() {
        let share = Share {
            percent: 50.0,
            weights: [("db".to_owned(), 8.0)].into(),
        };
        let host = Host {
            cpus: 1.0,
            memory_bytes: 2 << 30,
        };
        let needs = BTreeMap::from([("cache".to_owned(), 320 << 20)]);
        let limits = propose(&host, &share, ["db", "cache", "web"], &needs);
        assert_eq!(limits["cache"].1, 320 << 20);
        assert!(limits.values().map(|(_, memory)| memory).sum::<u64>() <= 1 << 30);
        assert!(limits.values().all(|(cpus, _)| *cpus >= 0.05));
        assert!(limits["db"].1 > limits["web"].1);
        // What no share has room for is told by others.
        let needs = BTreeMap::from([("cache".to_owned(), 4 << 30)]);
        let limits = propose(&host, &share, ["cache", "web"], &needs);
        assert_eq!(limits["cache"].1, 512 << 20);
    }
}
