//! What people see while a run works: its phases, and tables with rows and bytes.

use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, MultiProgress, ProgressBar, ProgressStyle};
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

/// Bars for the tables that are being copied; nothing where stderr is no terminal.
pub struct Bars {
    all: Option<MultiProgress>,
}

impl Bars {
    /// Bars on a terminal.
    pub fn new() -> Bars {
        Bars {
            all: voice::draws_progress().then(MultiProgress::new),
        }
    }

    /// A bar for one table.
    pub fn table(&self, name: &str, rows: u64) -> TableBar {
        let bar = self.all.as_ref().map(|all| {
            let template = "{prefix:32} {bar:24} {msg}";
            let style = ProgressStyle::with_template(template).expect("the template is right");
            let bar = all.add(ProgressBar::new(rows).with_style(style));
            bar.set_prefix(name.to_owned());
            bar
        });
        TableBar {
            bar,
            rows: 0,
            bytes: 0,
            drawn: Instant::now(),
        }
    }
}

impl Default for Bars {
    fn default() -> Self {
        Bars::new()
    }
}

/// One table's bar.
pub struct TableBar {
    bar: Option<ProgressBar>,
    rows: u64,
    bytes: u64,
    drawn: Instant,
}

impl TableBar {
    /// A row of so many bytes has passed.
    pub fn row(&mut self, bytes: usize) {
        self.rows += 1;
        self.bytes += bytes as u64;
        if let Some(bar) = &self.bar
            && self.drawn.elapsed() > Duration::from_millis(100)
        {
            self.drawn = Instant::now();
            bar.set_position(self.rows);
            bar.set_message(format!(
                "{} rows, {}",
                HumanCount(self.rows),
                HumanBytes(self.bytes)
            ));
        }
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for TableBar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
