//! What runs of an environment, and what it uses.

use mkx_contract::{EnvironmentName, Record};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The containers of an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Containers {
    /// The environment.
    pub environment: EnvironmentName,
    /// Its project.
    pub project: String,
    /// A container each.
    pub containers: Vec<Container>,
}

impl Record for Containers {
    const RECORD: &'static str = "mkx.compose.containers/1";
}

/// A container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its service.
    pub service: String,
    /// `running`, `exited`, `restarting`, …
    pub state: String,
    /// `healthy`, `unhealthy`, `starting`; null where the service has no health check.
    pub health: Option<String>,
    /// Its image, as it was named.
    pub image: String,
    /// Its image, by digest.
    pub image_id: String,
    /// When it was started, RFC 3339 in UTC.
    pub started_at: String,
    /// How often the engine has started it again.
    pub restarts: u64,
}

impl Container {
    /// Reads what `docker inspect` says.
    pub fn of(inspected: &Value) -> Container {
        let text = |pointer: &str| {
            let value = inspected.pointer(pointer).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        Container {
            name: text("/Name").trim_start_matches('/').to_owned(),
            service: text("/Config/Labels/com.docker.compose.service"),
            state: text("/State/Status"),
            health: inspected
                .pointer("/State/Health/Status")
                .and_then(Value::as_str)
                .map(str::to_owned),
            image: text("/Config/Image"),
            image_id: text("/Image"),
            started_at: text("/State/StartedAt"),
            restarts: inspected["RestartCount"].as_u64().unwrap_or_default(),
        }
    }
}

/// What the containers of both environments use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stats {
    /// An environment each.
    pub environments: Vec<EnvironmentStats>,
}

impl Record for Stats {
    const RECORD: &'static str = "mkx.compose.stats/1";
}

/// What the containers of one environment use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnvironmentStats {
    /// The environment.
    pub environment: EnvironmentName,
    /// Its share of the host's processors.
    pub share_cpus: f64,
    /// Its share of the host's memory.
    pub share_memory_bytes: u64,
    /// Processors in use.
    pub cpus: f64,
    /// Memory in use.
    pub memory_bytes: u64,
    /// A running container each.
    pub containers: Vec<Usage>,
}

/// What one container uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// Its name.
    pub name: String,
    /// Processors in use.
    pub cpus: f64,
    /// Memory in use.
    pub memory_bytes: u64,
    /// The most that it may use (the host's memory where it has no limit).
    pub memory_limit_bytes: u64,
    /// Processes and threads.
    pub pids: u64,
}

impl Usage {
    /// Reads a line of `docker stats`; nothing where its form is not known.
    pub fn of(line: &Value) -> Option<Usage> {
        let text = |name: &str| line[name].as_str();
        let (used, limit) = text("MemUsage")?.split_once(" / ")?;
        let percent: f64 = text("CPUPerc")?.trim_end_matches('%').parse().ok()?;
        Some(Usage {
            name: text("Name")?.to_owned(),
            cpus: percent / 100.0,
            memory_bytes: size_bytes(used)?,
            memory_limit_bytes: size_bytes(limit)?,
            pids: text("PIDs")?.parse().ok()?,
        })
    }
}

/// `12.5MiB` as Docker writes sizes.
fn size_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text[..split].parse().ok()?;
    let unit = match &text[split..] {
        "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        "TiB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        _ => return None,
    };
    Some((number * unit) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_of_docker_stats_is_read_with_its_units() {
        let line =
            json!({"Name": "x-db", "CPUPerc": "12.50%", "MemUsage": "3.5MiB / 1GiB", "PIDs": "7"});
        let usage = Usage::of(&line).unwrap();
        assert!((usage.cpus - 0.125).abs() < 1e-9);
        assert_eq!(usage.memory_bytes, 3_670_016);
        assert_eq!(usage.memory_limit_bytes, 1 << 30);
        assert_eq!(Usage::of(&json!({"Name": "x"})), None);
    }
}
