//! `mkx-vault sync` and `plan`: EB's vault gets the files that the manifest names.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use mkx_contract::tool::arguments::Common;
use mkx_contract::tool::output;
use mkx_contract::tool::progress::Bars;
use mkx_contract::{Answer, Failure, Result, Site};
use serde_json::json;

use crate::batch::{Batches, Tally};
use crate::fault::{Faults, Problem, first};
use crate::manifest::Manifest;
use crate::report::{Plan, Report};
use crate::survey::{Survey, check_space, free_space, survey};
use crate::unfinished::Unfinished;
use crate::vaults::{Directories, Vaults, accepted};

const MIN_FREE_BYTES: u64 = 524_288_000;
const MOST_JOBS: i64 = 64;

/// What `plan` and `sync` take.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The manifest; `-` is stdin
    #[arg(default_value = "-", value_name = "MANIFEST")]
    pub manifest: PathBuf,

    #[command(flatten)]
    directories: Directories,

    /// Threads; two keep one disk busy
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=MOST_JOBS))]
    jobs: u16,

    /// Compare contents, not sizes and times (and EA's files with the manifest's digests)
    #[arg(long)]
    checksum: bool,

    /// Copy the others where a path is refused; the exit code is still 3
    #[arg(long)]
    keep_going: bool,

    /// What must stay free in EB's vault [default: environments.eb.vault.min_free_bytes of the
    /// site, else 524288000]
    #[arg(long, value_name = "BYTES")]
    min_free: Option<u64>,
}

/// `mkx-vault plan`.
pub fn plan(common: &Common, arguments: &Arguments) -> Result<Answer> {
    let (site, manifest) = arguments.read(common)?;
    let vaults = Vaults::open(site.as_ref(), &arguments.directories)?;
    vaults.check_writable()?;
    let (survey, faults) = arguments.look(&vaults, &manifest)?;
    let min_free_bytes = arguments.min_free_bytes(site.as_ref());
    let space = check_space(&vaults.target, &survey, min_free_bytes);
    let plan = Plan {
        from: vaults.source.path.display().to_string(),
        to: vaults.target.path.display().to_string(),
        files: manifest.len() as u64,
        to_copy: survey.lacking.len() as u64,
        bytes_to_copy: survey.bytes,
        unchanged: survey.unchanged,
        absent: survey.absent,
        free_bytes: Some(free_space(&vaults.target)?.bytes),
        min_free_bytes,
        fits: survey.lacking.is_empty() || space.is_ok(),
        findings: faults.findings(&vaults.source, accepted(site.as_ref())),
        faults,
    };
    output::stdout().document(&plan)?;
    if !survey.lacking.is_empty() {
        space?;
    }
    plan.faults.answer(&plan.findings)
}

/// `mkx-vault sync`.
pub fn sync(common: &Common, arguments: &Arguments) -> Result<Answer> {
    let (site, manifest) = arguments.read(common)?;
    let vaults = Vaults::open(site.as_ref(), &arguments.directories)?;
    let detail = json!({
        "from": vaults.source.path,
        "to": vaults.target.path,
        "files": manifest.len(),
    });
    let (report, result) = vaults.step("mkx-vault sync", detail, || {
        let (report, result) = arguments.run(site.as_ref(), &vaults, &manifest)?;
        let detail = json!({
            "copied": report.copied,
            "unchanged": report.unchanged,
            "bytes_copied": report.bytes_copied,
            "missing": report.faults.missing.len(),
            "refused": report.faults.refused.len(),
        });
        Ok((report, detail, result))
    })?;
    output::stdout().document(&report)?;
    result?;
    report.faults.answer(&report.findings)
}

fn refuse(problems: &[Problem]) -> Result<()> {
    let hint = "nothing was copied; --keep-going copies the other files";
    let refused = first(problems, "copy").map(|message| Failure::input(message).hint(hint));
    refused.map_or(Ok(()), Err)
}

impl Arguments {
    /// Reads the site and all of the manifest, before anything is looked at.
    fn read(&self, common: &Common) -> Result<(Option<Site>, Manifest)> {
        let read = Manifest::read_with_site(common, &self.directories, &self.manifest)?;
        if !self.keep_going {
            refuse(&read.1.refused)?;
        }
        Ok(read)
    }

    fn min_free_bytes(&self, site: Option<&Site>) -> u64 {
        let vault = site.and_then(|site| site.environments.eb.vault.as_ref());
        let min_free = self.min_free.or_else(|| vault?.min_free_bytes);
        min_free.unwrap_or(MIN_FREE_BYTES)
    }

    /// Looks at every file, and puts the manifest's own refusals with what was found.
    fn look(&self, vaults: &Vaults, manifest: &Manifest) -> Result<(Survey, Faults)> {
        let mut survey = survey(vaults, manifest, usize::from(self.jobs), self.checksum)?;
        if !self.keep_going {
            refuse(&survey.faults.refused)?;
        }
        let mut faults = std::mem::take(&mut survey.faults);
        faults.refused.extend(manifest.refused.iter().cloned());
        faults.sort();
        Ok((survey, faults))
    }

    fn run(
        &self,
        site: Option<&Site>,
        vaults: &Vaults,
        manifest: &Manifest,
    ) -> Result<(Report, Result<()>)> {
        let since = Instant::now();
        let unfinished = Unfinished::of(vaults)?;
        let leftovers_removed = unfinished.repair(&vaults.target)?;
        let (survey, mut faults) = self.look(vaults, manifest)?;
        let (tally, result) = if survey.lacking.is_empty() {
            (Tally::default(), Ok(()))
        } else {
            check_space(&vaults.target, &survey, self.min_free_bytes(site))?;
            unfinished.set()?;
            let (tally, result) = self.copy(vaults, manifest, &survey);
            // What could not even be removed is left to the next run.
            let result = result.and_then(|()| unfinished.clear());
            (tally, result)
        };
        faults.absorb(tally.faults);
        faults.sort();
        let findings = faults.findings(&vaults.source, accepted(site));
        let duration = since.elapsed();
        let looked_at = tally.copied + survey.unchanged;
        let report = Report {
            ok: result.is_ok() && findings.ok(),
            from: vaults.source.path.display().to_string(),
            to: vaults.target.path.display().to_string(),
            files: manifest.len() as u64,
            copied: tally.copied,
            unchanged: survey.unchanged,
            absent: survey.absent + tally.absent,
            bytes_copied: tally.bytes,
            reflinked: tally.reflinked,
            leftovers_removed,
            faults,
            findings,
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            files_per_second: (looked_at as f64 / duration.as_secs_f64()) as u64,
        };
        Ok((report, result))
    }

    fn copy(&self, vaults: &Vaults, manifest: &Manifest, survey: &Survey) -> (Tally, Result<()>) {
        // New files get exactly EA's modes; everything else we make names its own.
        rustix::process::umask(rustix::fs::Mode::empty());
        let bars = Bars::new();
        let bar = bars.bar("copying files", survey.lacking.len() as u64);
        Batches::new(vaults, manifest, usize::from(self.jobs), &bar).copy(&survey.lacking)
    }
}
