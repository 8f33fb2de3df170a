//! One run: guard, choose, build beside, judge, swap. Until the swap EB is as it was.

use std::time::{Duration, Instant};

use crate::database::mark::{Mark, Origin};
use jiff::Timestamp;
use mkx_contract::tool::step::End;
use mkx_contract::tool::voice;
use mkx_contract::{EnvironmentName, Failure, Result, Secret};
use serde_json::json;

use crate::build::copy::CopiedTable;
use crate::build::dump::Programs;
use crate::build::password::{self, DevelopmentPassword};
use crate::build::progress::{Phases, milliseconds};
use crate::build::report::{Place, Report};
use crate::build::sequences::{self, Sequence};
use crate::build::staging::{Build, Folder};
use crate::build::watch::Watch;
use crate::choose::choice::{Choice, apply_cap};
use crate::choose::selection::{Selection, select};
use crate::database::catalog::Catalog;
use crate::database::endpoint::Endpoint;
use crate::database::release::Release;
use crate::database::source::{Settings, Source};
use crate::judge::{self, Moment, Verification};
use crate::policy::{PolicyFile, check};
use crate::setting::{Held, Setting};
use crate::target::cluster::{self, Cluster};
use crate::target::grants::{Kept, Privilege};
use crate::target::guard::{self, Target};
use crate::target::names::Names;
use crate::target::{sample, swap};

/// Who holds the lock, and what the journal calls the step.
const STEP: &str = "mkx-sample run";

/// What a run was asked for.
pub struct Run<'a> {
    /// The site, or what stands for it.
    pub setting: &'a Setting,
    /// The policy.
    pub policy: &'a PolicyFile,
    /// EA.
    pub from: Endpoint,
    /// EB.
    pub to: Endpoint,
    /// How to choose.
    pub choice: Choice,
    /// Sessions side by side.
    pub jobs: usize,
    /// Whether to keep an untouched copy for `reset`.
    pub is_pristine_kept: bool,
    /// A snapshot that is held longer is called out.
    pub snapshot_limit: Duration,
}

/// What is known when everything was read and nothing was written yet.
struct Ready {
    source: Source,
    catalog: Catalog,
    programs: Programs,
    selection: Selection,
    sequences: Vec<Sequence>,
    kept: Kept,
    owner: String,
    mark: Mark,
    origin: Origin,
    snapshot_at: Timestamp,
    password: DevelopmentPassword,
}

/// What the changing part did.
struct Outcome {
    tables: Vec<CopiedTable>,
    verification: Verification,
    removed_leftovers: Vec<String>,
}

impl Run<'_> {
    /// Runs to the end and gives the report; the lock is free again.
    ///
    /// # Errors
    /// The contract's kinds; EB is as it was.
    pub fn run(&self) -> Result<Report> {
        let since = Instant::now();
        let mut phases = Phases::default();
        let watch = Watch::start();
        let (from, to) = (&self.from, &self.to);
        let held = self.setting.hold(to, STEP)?;
        let mut target = phases.run("guard", || guard::check(self.setting.name(), from, to))?;
        let mut ready = self.prepare(&held, &mut target, &mut phases, &watch)?;
        let detail = json!({
            "source": Place::of(from),
            "target": Place::of(to),
            "sample": self.choice,
        });
        let work = || match self.change(&held, &mut ready, &mut target.cluster, &mut phases, &watch)
        {
            Ok(outcome) => {
                let report = self.report(&ready, outcome, &phases, since);
                Ok(self.ended(report))
            }
            Err(failure) => {
                self.clean_up();
                Err(failure)
            }
        };
        held.turn.run(EnvironmentName::Eb, detail, work)
    }

    /// What the journal says of it.
    fn ended(&self, report: Report) -> (Report, End) {
        if report.ok {
            let detail = json!({ "rows": report.rows, "roots": report.roots });
            return (report, End::Done(detail));
        }
        self.clean_up();
        let failure = Failure::no("the sample was judged and is not right");
        (report, End::Failed(failure))
    }

    /// Reads everything that decides what will be done.
    fn prepare(
        &self,
        held: &Held,
        target: &mut Target,
        phases: &mut Phases,
        watch: &Watch,
    ) -> Result<Ready> {
        let kept = match target.live.take() {
            Some(mut live) => Kept::read(&mut live, &self.to)?,
            None => Kept::default(),
        };
        let named = self.setting.owner().or(kept.table_owner.as_deref());
        let owner = named.map_or_else(|| self.to.role(), str::to_owned);
        self.privilege(&kept, &owner)
            .check_roles(&mut target.cluster.client, &self.to)?;
        let password = password::of(self.setting, &held.directory)?;
        let settings = Settings {
            key: self.key()?,
            password_hash: password.hash.clone(),
        };
        let mut source = Source::open(self.from.clone(), settings)?;
        watch.over(&self.from, &source.client);
        watch.snapshot_is_held(self.snapshot_limit);
        let snapshot_at = Timestamp::now();
        let mark = Mark {
            mkx: "sample".into(),
            site: self.setting.name().map(str::to_owned),
            environment: EnvironmentName::Eb,
            created_at: snapshot_at.to_string(),
            judged_snapshot: None,
            source: Some(target.source),
            asked: Some(self.choice.asked()),
        };
        let catalog = Catalog::read(&mut source.client)?;
        check::ensure(&mut source.client, &catalog, self.policy)?;
        let programs = self.programs(&catalog, target)?;
        let sequences = sequences::read(&mut source.client, &self.from)?;
        let context = self.setting.context(&self.policy.email_domain);
        let selection = phases.run("select", || {
            select(&mut source, &catalog, self.policy, &self.choice, &context)
        })?;
        Ok(Ready {
            source,
            catalog,
            programs,
            selection,
            sequences,
            kept,
            owner,
            mark,
            origin: target.source,
            snapshot_at,
            password,
        })
    }

    fn programs(&self, catalog: &Catalog, target: &mut Target) -> Result<Programs> {
        let eb = Release::of(&mut target.cluster.client)
            .map_err(|error| self.to.cannot("read the version of", &error))?;
        if eb.major() < catalog.release.major() {
            voice::warn(format!(
                "development's server is PostgreSQL {eb}, older than production's {}: what only the newer one knows fails there",
                catalog.release
            ));
        }
        Programs::find(&self.from, &self.to, catalog.release, eb)
    }

    fn key(&self) -> Result<Secret> {
        match &self.setting.sample.key {
            Some(source) => self.setting.secret(source),
            None => password::fresh_key(),
        }
    }

    fn privilege<'a>(&'a self, kept: &'a Kept, owner: &'a str) -> Privilege<'a> {
        Privilege {
            kept,
            grants: self.setting.grants(),
            owner,
        }
    }

    /// Everything that changes something.
    fn change(
        &self,
        held: &Held,
        ready: &mut Ready,
        cluster: &mut Cluster,
        phases: &mut Phases,
        watch: &Watch,
    ) -> Result<Outcome> {
        let removed_leftovers = phases.run("clean", || cluster.remove_leftovers())?;
        let folder = Folder::make(&held.directory)?;
        let mut build = Build {
            source: &mut ready.source,
            catalog: &ready.catalog,
            selection: &ready.selection,
            programs: &ready.programs,
            sequences: &ready.sequences,
            privilege: self.privilege(&ready.kept, &ready.owner),
            jobs: self.jobs,
            folder: &folder.0,
            label: &held.label,
            mark: &ready.mark,
            watch,
        };
        let tables = build.run(cluster, phases)?;
        let built = cluster.endpoint(&cluster.names.build);
        let verification = phases.run("verify", || self.judge(ready, &built, watch))?;
        ready.source.release();
        watch.snapshot_is_released();
        if verification.ok {
            // Only the judge says in which moment of EA everything was right.
            let snapshot = &verification.judged_snapshot;
            ready.mark.judged_snapshot.clone_from(snapshot);
            self.put_in_place(ready, cluster, phases)?;
        }
        Ok(Outcome {
            tables,
            verification,
            removed_leftovers,
        })
    }

    fn judge(&self, ready: &mut Ready, built: &Endpoint, watch: &Watch) -> Result<Verification> {
        let (mut client, _) = sample::open_for_judgement(built, self.setting.name(), ready.origin)?;
        watch.over(built, &client);
        let options = judge::Options {
            percent: self.choice.percent,
            included: self.choice.include.len() as u64,
            hosts: self.setting.hosts(),
            moment: Moment::Same,
        };
        let mut policy = self.policy.policy.clone();
        apply_cap(&mut policy, self.choice.cap)?;
        let (source, catalog) = (&mut ready.source, &ready.catalog);
        judge::judge(source, &mut client, catalog, &policy, &options)
    }

    fn put_in_place(
        &self,
        ready: &Ready,
        cluster: &mut Cluster,
        phases: &mut Phases,
    ) -> Result<()> {
        let names = cluster.names.clone();
        cluster.mark(&names.build, &ready.mark)?;
        let privilege = self.privilege(&ready.kept, &ready.owner);
        if self.is_pristine_kept {
            let owner = privilege.database_owner();
            phases.run("pristine", || {
                cluster.clone(&names.build, &names.next, owner, &ready.mark, true)
            })?;
        }
        privilege.seal(cluster, &names.build)?;
        phases.run("swap", || self.swap(cluster, &ready.mark))
    }

    /// From here on EB holds the new sample; what is left of the old one is no reason to fail.
    fn swap(&self, cluster: &mut Cluster, mark: &Mark) -> Result<()> {
        swap::swap(cluster, mark, self.is_pristine_kept)?;
        if let Err(failure) = cluster.remove_leftovers() {
            voice::warn(format!("{failure}; the next run removes it"));
        }
        Ok(())
    }

    fn clean_up(&self) {
        cluster::clean_up(&self.to, self.setting.name(), "what was built so far");
    }

    fn report(&self, ready: &Ready, outcome: Outcome, phases: &Phases, since: Instant) -> Report {
        let is_kept = self.is_pristine_kept && outcome.verification.ok;
        let Outcome { tables, .. } = outcome;
        Report {
            ok: outcome.verification.ok,
            site: self.setting.name().map(str::to_owned),
            snapshot_at: ready.snapshot_at,
            ended_at: Timestamp::now(),
            duration_ms: milliseconds(since.elapsed()),
            source: Place::of(&self.from),
            target: Place::of(&self.to),
            sample: self.choice.clone(),
            roots: ready.selection.roots.clone(),
            rows: tables.iter().map(|table| table.rows).sum(),
            rows_in_source: tables.iter().map(|table| table.rows_in_source).sum(),
            size_bytes: tables.iter().map(|table| table.size_bytes).sum(),
            tables,
            edges: ready.selection.edges.clone(),
            coverage: ready.selection.coverage.clone(),
            verification: outcome.verification,
            phases: phases.ended.clone(),
            password_file: ready.password.file.clone(),
            pristine_database: is_kept.then(|| Names::of(&self.to.database()).pristine),
            removed_leftovers: outcome.removed_leftovers,
        }
    }
}
