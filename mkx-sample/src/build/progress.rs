//! The phases of a run.

use std::time::{Duration, Instant};

use mkx_contract::Result;
use mkx_contract::tool::{interrupt, voice};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One part of a run, and how long it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Phase {
    /// Its name: `copy`, `indexes`.
    pub name: String,
    /// How long it took.
    pub duration_ms: u64,
}

/// The phases that have ended so far.
#[derive(Debug, Default)]
pub struct Phases {
    /// In order.
    pub ended: Vec<Phase>,
}

impl Phases {
    /// Runs one phase, says so, and notes how long it took. A signal ends the run here.
    ///
    /// # Errors
    /// The phase's own; exit 130 where a signal arrived.
    pub fn run<T>(&mut self, name: &str, body: impl FnOnce() -> Result<T>) -> Result<T> {
        interrupt::check()?;
        voice::say(format!("phase {name}"));
        let since = Instant::now();
        let answer = body()?;
        self.ended.push(Phase {
            name: name.into(),
            duration_ms: milliseconds(since.elapsed()),
        });
        Ok(answer)
    }
}

/// A duration in whole milliseconds.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
