//! EA's schema to EB: `pg_dump --schema-only` in the run's own snapshot, and `pg_restore` of its
//! sections. The archive is never parsed; what is left out is left out of the list of contents.

mod place;
mod program;
mod tether;

use std::path::{Path, PathBuf};

use mkx_contract::{Failure, Kind, Result};

use crate::database::endpoint::Endpoint;
use place::Place;
pub use program::Programs;

/// What EB must not have: what would connect to other servers, and privileges, which are EB's own.
const LEFT_OUT: [&str; 14] = [
    "ACL ",
    "COMMENT - EXTENSION ",
    "COMMENT - EVENT TRIGGER ",
    "COMMENT - PUBLICATION ",
    "COMMENT - SERVER ",
    "COMMENT - SUBSCRIPTION ",
    "DEFAULT ACL ",
    "EVENT TRIGGER ",
    "FOREIGN ",
    "PUBLICATION ",
    "SECURITY LABEL ",
    "SERVER ",
    "SUBSCRIPTION ",
    "USER MAPPING ",
];

/// A part of the schema, restored on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Schemas, which extensions may live in.
    Schemas,
    /// Extensions, made by the connecting role: its owner may not be allowed to.
    Extensions,
    /// Types, functions, tables, views.
    Definitions,
    /// Indexes, constraints, triggers.
    Constraints,
}

/// The schema of EA, as an archive and a list for each part.
pub struct Schema<'a> {
    folder: PathBuf,
    programs: &'a Programs,
    label: String,
}

impl Schema<'_> {
    /// Dumps the schema into a folder, which must be there.
    ///
    /// # Errors
    /// Exit 4 where `pg_dump` fails.
    pub fn dump<'a>(
        source: &Endpoint,
        snapshot: &str,
        programs: &'a Programs,
        folder: &Path,
        label: &str,
    ) -> Result<Schema<'a>> {
        let schema = Schema {
            folder: folder.to_owned(),
            programs,
            label: label.to_owned(),
        };
        let url = source.program_url("-c default_transaction_read_only=on");
        let arguments = [
            format!("--dbname={url}"),
            format!("--snapshot={snapshot}"),
            "--schema-only".into(),
            "--format=custom".into(),
            "--no-owner".into(),
            "--no-privileges".into(),
            "--no-publications".into(),
            "--no-subscriptions".into(),
            "--no-security-labels".into(),
            "--no-tablespaces".into(),
            "--no-password".into(),
            "--lock-wait-timeout=30s".into(),
        ];
        let program = &programs.dump;
        let dump = program.command(&arguments).stdout_path(schema.archive());
        program.run(dump, "read production's schema")?;
        Ok(schema)
    }

    fn archive(&self) -> PathBuf {
        self.folder.join("schema.dump")
    }

    /// Restores one part; `role` owns what is made.
    ///
    /// # Errors
    /// Exit 4 with what `pg_restore` says.
    pub fn restore(&self, target: &Endpoint, part: Part, role: &str, jobs: usize) -> Result<()> {
        let program = &self.programs.restore;
        let place = Place::of(target, &self.label, &self.folder, &self.archive())?;
        let contents = program.command(&[
            format!("--section={}", part.section()),
            "--list".into(),
            place.path("schema.dump"),
        ]);
        let list = self.folder.join("contents");
        program.run(contents.stdout_path(&list), "list the schema's contents")?;
        let contents = std::fs::read_to_string(&list).map_err(|error| cannot_use(&list, &error))?;
        let wanted: Vec<&str> = contents
            .lines()
            .filter(|line| part_of(line, part))
            .collect();
        for (wanted, jobs) in rounds(&wanted, jobs) {
            place.write("wanted", &wanted)?;
            let arguments = self.arguments(target, part, role, jobs, &place);
            let restored = program.restore(&arguments, part.doing());
            restored.map_err(|failure| self.advised(failure))?;
        }
        Ok(())
    }

    fn advised(&self, failure: Failure) -> Failure {
        match &self.programs.advice {
            Some(advice) if failure.kind == Kind::Peer => failure.hint(advice),
            _ => failure,
        }
    }

    fn arguments(
        &self,
        target: &Endpoint,
        part: Part,
        role: &str,
        jobs: usize,
        place: &Place,
    ) -> Vec<String> {
        // Indexes are built in memory where there is some; a restore is never cut short.
        let options = "-c statement_timeout=0 -c synchronous_commit=off \
                       -c maintenance_work_mem=256MB -c default_transaction_read_only=off -c jit=off";
        let mut arguments = vec![
            format!("--dbname={}", target.program_url(options)),
            format!("--use-list={}", place.path("wanted")),
            format!("--section={}", part.section()),
            "--no-owner".into(),
            "--no-privileges".into(),
            "--no-tablespaces".into(),
            "--no-password".into(),
            format!("--jobs={jobs}"),
        ];
        if part != Part::Extensions {
            arguments.push(format!("--role={role}"));
        }
        arguments.push(place.path("schema.dump"));
        arguments
    }
}

impl Part {
    fn section(self) -> &'static str {
        match self {
            Part::Constraints => "post-data",
            _ => "pre-data",
        }
    }

    fn doing(self) -> &'static str {
        match self {
            Part::Schemas => "make the schemas",
            Part::Extensions => "make the extensions",
            Part::Definitions => "make the tables",
            Part::Constraints => "make the indexes and constraints",
        }
    }
}

/// True where a line of `pg_restore --list` belongs to the part of its section.
fn part_of(line: &str, part: Part) -> bool {
    let entry = match line.split_once("; ") {
        Some((number, rest)) if number.parse::<u32>().is_ok() => rest.splitn(3, ' ').nth(2),
        _ => None,
    };
    let Some(entry) = entry else {
        return false;
    };
    let is_one_of = |kinds: &[&str]| kinds.iter().any(|kind| entry.starts_with(kind));
    let is_schema = is_one_of(&["SCHEMA ", "COMMENT - SCHEMA "]);
    let is_extension = is_one_of(&["EXTENSION ", "PROCEDURAL LANGUAGE "]);
    !is_one_of(&LEFT_OUT)
        && match part {
            Part::Schemas => is_schema,
            Part::Extensions => is_extension,
            Part::Definitions => !is_schema && !is_extension,
            Part::Constraints => true,
        }
}

/// The lines in the order of their restoring, with the jobs for each round. Where indexes of
/// partitions are attached, nothing else happens meanwhile: two sessions that attach to one tree at
/// once can leave its topmost index invalid, and a foreign key to it then fails.
fn rounds(wanted: &[&str], jobs: usize) -> Vec<(String, usize)> {
    let is = |line: &str, kind: &str| line.split("; ").nth(1).is_some_and(|l| l.contains(kind));
    let has_attachments = wanted.iter().any(|line| is(line, " INDEX ATTACH "));
    let round_of = |line: &str| match has_attachments {
        true if is(line, " INDEX ATTACH ") => 1,
        true if is(line, " FK CONSTRAINT ") => 2,
        _ => 0,
    };
    [jobs, 1, jobs]
        .into_iter()
        .enumerate()
        .map(|(round, jobs)| {
            let lines = wanted.iter().filter(|line| round_of(line) == round);
            (lines.flat_map(|line| [*line, "\n"]).collect(), jobs)
        })
        .filter(|(lines, _): &(String, usize)| !lines.is_empty())
        .collect()
}

fn cannot_use(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::peer(format!("cannot use {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, part: Part, expected: bool) {
        assert_eq!(part_of(line, part), expected, "{line}");
    }

    #[test]
    fn each_entry_belongs_to_one_part_or_to_none() {
        check(
            "12; 3079 16385 EXTENSION - pg_trgm ",
            Part::Extensions,
            true,
        );
        check(
            "12; 3079 16385 EXTENSION - pg_trgm ",
            Part::Definitions,
            false,
        );
        check("7; 2615 16390 SCHEMA - odd name owner", Part::Schemas, true);
        check(
            "215; 1259 16450 TABLE public users owner",
            Part::Definitions,
            true,
        );
        check(
            "215; 1259 16450 FOREIGN TABLE public far owner",
            Part::Definitions,
            false,
        );
        check("3; 1417 16451 SERVER - far owner", Part::Definitions, false);
        check(
            "3; 0 0 USER MAPPING - USER MAPPING a SERVER far a",
            Part::Definitions,
            false,
        );
        check("3; 6104 1 PUBLICATION - p owner", Part::Constraints, false);
        check(
            "3; 3466 1 EVENT TRIGGER - t owner",
            Part::Constraints,
            false,
        );
        check(
            "3; 2606 1 FK CONSTRAINT public a a_fkey owner",
            Part::Constraints,
            true,
        );
        check(
            "3; 0 0 ACL public TABLE users owner",
            Part::Definitions,
            false,
        );
        check(
            ";     Archive created at 2026-01-01",
            Part::Definitions,
            false,
        );
    }

    #[test]
    fn indexes_of_partitions_are_attached_one_by_one() {
        let index = "3357; 2606 16627 CONSTRAINT depot events events_pkey owner";
        let attach = "3384; 0 0 INDEX ATTACH depot events_2024_pkey owner";
        let foreign = "3408; 2606 16700 FK CONSTRAINT depot alarms alarms_event_id_fkey owner";
        let line = |line: &str| format!("{line}\n");
        assert_eq!(
            rounds(&[foreign, attach, index], 4),
            [(line(index), 4), (line(attach), 1), (line(foreign), 4)]
        );
        assert_eq!(
            rounds(&[index, foreign], 4),
            [(line(index) + &line(foreign), 4)]
        );
        assert_eq!(rounds(&[], 4), []);
    }
}
