//! EB's next database: built beside the live one, step by step, in its own name.

use std::path::{Path, PathBuf};

use crate::database::mark::Mark;
use mkx_contract::{Failure, Result};
use postgres::Client;

use crate::build::copy::{CopiedTable, Copying};
use crate::build::dump::{Part, Programs, Schema};
use crate::build::progress::Phases;
use crate::build::sequences::{self, Sequence};
use crate::build::statistics;
use crate::build::views;
use crate::build::watch::Watch;
use crate::choose::selection::Selection;
use crate::database::catalog::Catalog;
use crate::database::endpoint::Endpoint;
use crate::database::source::Source;
use crate::target::cluster::{Cluster, Locale};
use crate::target::grants::Privilege;

/// Sessions in the database that is built.
const OPTIONS: &str = "-c statement_timeout=0 -c synchronous_commit=off -c search_path=pg_catalog \
                       -c default_transaction_read_only=off -c maintenance_work_mem=256MB -c jit=off";

/// What a build is made of.
pub struct Build<'a> {
    /// EA, in its snapshot.
    pub source: &'a mut Source,
    /// EA's tables.
    pub catalog: &'a Catalog,
    /// What to copy.
    pub selection: &'a Selection,
    /// What dumps EA's schema and restores it.
    pub programs: &'a Programs,
    /// Where EA's sequences stand.
    pub sequences: &'a [Sequence],
    /// Who owns what, and what others may do.
    pub privilege: Privilege<'a>,
    /// Sessions side by side.
    pub jobs: usize,
    /// A folder of this run's own.
    pub folder: &'a Path,
    /// What no other build has, for temporary files in a container.
    pub label: &'a str,
    /// The new database's mark.
    pub mark: &'a Mark,
    /// Ends what the servers do at a signal.
    pub watch: &'a Watch,
}

impl<'a> Build<'a> {
    /// Builds the database, up to what must be true before it may be judged.
    ///
    /// # Errors
    /// Exit 4, exit 130; the caller removes what is there.
    pub fn run(&mut self, cluster: &mut Cluster, phases: &mut Phases) -> Result<Vec<CopiedTable>> {
        let target = cluster.endpoint(&cluster.names.build);
        let schema = phases.run("schema", || self.schema(cluster, &target))?;
        let copying = Copying {
            source: self.source.shared(),
            catalog: self.catalog,
            target: &target,
            owner: self.privilege.owner,
            jobs: self.jobs,
            watch: self.watch,
        };
        let copied = phases.run("copy", || copying.run(&self.selection.tables))?;
        phases.run("indexes", || {
            schema.restore(&target, Part::Constraints, self.privilege.owner, self.jobs)
        })?;
        phases.run("finish", || self.finish(&target))?;
        Ok(copied)
    }

    fn session(&self, target: &Endpoint) -> Result<Client> {
        let client = target.connect(OPTIONS)?;
        self.watch.over(target, &client);
        Ok(client)
    }

    fn schema(&mut self, cluster: &mut Cluster, target: &Endpoint) -> Result<Schema<'a>> {
        let locale = Locale::of(&mut self.source.client)?;
        let build = cluster.names.build.clone();
        cluster.create(&build, self.privilege.database_owner(), &locale, self.mark)?;
        let (endpoint, snapshot) = (&self.source.endpoint, &self.source.snapshot);
        let schema = Schema::dump(endpoint, snapshot, self.programs, self.folder, self.label)?;
        schema.restore(target, Part::Schemas, self.privilege.owner, 1)?;
        schema.restore(target, Part::Extensions, self.privilege.owner, 1)?;
        let mut client = self.session(target)?;
        self.privilege.prepare(&mut client, target)?;
        schema.restore(target, Part::Definitions, self.privilege.owner, 1)?;
        Ok(schema)
    }

    fn finish(&mut self, target: &Endpoint) -> Result<()> {
        let mut client = self.session(target)?;
        sequences::set(self.sequences, &mut client, target)?;
        let filled = views::filled(&mut self.source.client, &self.source.endpoint)?;
        views::refresh(&filled, &mut client, target)?;
        self.privilege.apply(&mut client, target)?;
        let mut sessions = vec![client];
        for _ in 1..self.jobs {
            sessions.push(self.session(target)?);
        }
        statistics::analyze(sessions, target, self.privilege.owner)
    }
}

/// A folder for the files of one run; what a killed run left in it goes.
pub struct Folder(pub PathBuf);

impl Folder {
    /// Makes it under the state directory, whose lock is held.
    ///
    /// # Errors
    /// Exit 4.
    pub fn make(state_directory: &Path) -> Result<Folder> {
        let path = state_directory.join("sample-run");
        let made = match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => std::fs::create_dir(&path),
        };
        made.map_err(|error| Failure::peer(format!("cannot make {}: {error}", path.display())))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
