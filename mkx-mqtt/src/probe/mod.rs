//! `mkx-mqtt probe`: everything that must be seen on the wire.
//!
//! Whoever may come to a broker comes to both, in both versions of the protocol, and tries
//! everything. That something is denied is shown twice: by the broker's answer, where it has one,
//! and by a listener who may hear it and does not, after another message on the same way has
//! come through.

mod act;
mod arrival;
mod ground;
mod hearing;
mod leftover;
mod matrix;
mod report;

use std::time::{Duration, Instant};

use clap::Args;
use mkx_contract::record::finding::Findings;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::{findings, interrupt, voice};
use mkx_contract::{Answer, Result};

use crate::broker;
use crate::rule::Rule;

pub use report::Report;

/// A matrix that takes longer is no answer any more.
const LIMIT: Duration = Duration::from_secs(30);

/// The arguments of `probe`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Leave the cells that are as they should be out of the record
    #[arg(long)]
    brief: bool,
    #[command(flatten)]
    findings: findings::Arguments,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(&self, common: &Common) -> Result<Answer> {
        if let Some(answer) = self.findings.explained::<Rule>() {
            return answer;
        }
        let site = common.site()?;
        let since = Instant::now();
        let grounds = ground::both(&site)?;
        voice::say(format!(
            "asking both brokers, as the devices {} and {} and as the application",
            grounds[0].device, grounds[1].device
        ));
        let mut report = broker::on_its_own(LIMIT, || matrix::probe(grounds))??;
        interrupt::check()?;
        report.duration_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        voice::say(report.summary());
        report.findings = Findings::gather(report.causes(), &site.accepted, &Rule::PROBE);
        if self.brief {
            report.cells.retain(|cell| !cell.confirmed);
        }
        self.findings
            .print::<Rule>(&report, &report.findings, &[])?;
        Ok(Answer::from(report.isolated))
    }
}
