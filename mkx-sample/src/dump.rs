//! EA's schema to EB: `pg_dump --schema-only` in the run's own snapshot, and `pg_restore` of its
//! sections. The archive is never parsed; what is left out is left out of the list of contents.

use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use duct::Expression;
use mkx_contract::{Failure, Result, Secret, interrupt};

use crate::endpoint::Endpoint;

/// Where Debian keeps the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

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
pub struct Schema {
    folder: PathBuf,
    version: u32,
    site: String,
}

impl Schema {
    /// Dumps the schema into a folder, which must be there.
    ///
    /// # Errors
    /// Exit 4 where `pg_dump` fails or is missing.
    pub fn dump(
        source: &Endpoint,
        snapshot: &str,
        version: u32,
        folder: &Path,
        site: &str,
    ) -> Result<Schema> {
        let schema = Schema {
            folder: folder.to_owned(),
            version,
            site: site.to_owned(),
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
        let program = Program::new("pg_dump", source, version)?;
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
        let program = Program::new("pg_restore", target, self.version)?;
        let place = Place::of(target, &self.site, &self.folder, &self.archive())?;
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
            program.run(program.command(&arguments), part.doing())?;
        }
        Ok(())
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
            "--exit-on-error".into(),
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

/// `pg_dump` or `pg_restore`, on the host or behind the environment's own command.
struct Program {
    name: &'static str,
    command: Vec<String>,
    password: Option<Secret>,
}

impl Program {
    /// On the host, the oldest one that is not older than the server.
    fn new(name: &'static str, endpoint: &Endpoint, version: u32) -> Result<Program> {
        let mut command = endpoint.client_command.clone();
        if command.is_empty() {
            let path = on_the_host(Path::new(VERSIONS), name, version);
            command.push(path.unwrap_or_else(|| name.into()));
        } else {
            command.push(name.into());
        }
        Ok(Program {
            name,
            command,
            password: endpoint.program_password(),
        })
    }

    fn command(&self, arguments: &[String]) -> Expression {
        let all = self.command[1..].iter().chain(arguments);
        let command = duct::cmd(&self.command[0], all).stdin_null();
        match &self.password {
            Some(password) => command.env("PGPASSWORD", password.expose()),
            None => command,
        }
    }

    fn run(&self, command: Expression, doing: &str) -> Result<()> {
        let cannot = |cause: &dyn std::fmt::Display| {
            Failure::peer(format!("cannot {doing}: {}: {cause}", self.name))
        };
        let handle = command
            .stderr_capture()
            .stdout_capture()
            .unchecked()
            .start()
            .map_err(|error| {
                cannot(&error).hint(format!(
                    "install PostgreSQL's client programs, or name a command for {} as client_command in site.json",
                    self.name
                ))
            })?;
        loop {
            if interrupt::arrived() {
                let _ = handle.kill();
                return Err(Failure::interrupted());
            }
            let waited = handle.wait_timeout(Duration::from_millis(50));
            match waited.map_err(|error| cannot(&error))? {
                Some(output) if output.status.success() => return Ok(()),
                Some(output) => {
                    return Err(cannot(&first_error(&String::from_utf8_lossy(
                        &output.stderr,
                    ))));
                }
                None => {}
            }
        }
    }
}

/// The line that says what is wrong, without the program's name, and with the detail or hint if
/// any.
fn first_error(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let at = lines
        .iter()
        .position(|line| line.contains("error:"))
        .unwrap_or(0);
    let Some(line) = lines.get(at) else {
        return "it failed without a word".into();
    };
    let mut message = line
        .split_once("error: ")
        .map_or(*line, |(_, rest)| rest)
        .to_owned();
    if let Some(more) = lines.get(at + 1).and_then(|line| {
        line.strip_prefix("DETAIL:")
            .or_else(|| line.strip_prefix("HINT:"))
    }) {
        message.push_str(&format!(" ({})", more.trim()));
    }
    message
}

/// The program of the oldest version that is not older than the server.
fn on_the_host(versions: &Path, name: &str, version: u32) -> Option<String> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(versions)
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let major: u32 = entry.file_name().to_str()?.parse().ok()?;
            let program = entry.path().join("bin").join(name);
            (major >= version && program.is_file()).then_some((major, program))
        })
        .collect();
    found.sort();
    let (_, program) = found.into_iter().next()?;
    Some(program.display().to_string())
}

/// Where `pg_restore` finds its files: the run's folder, or a folder of the container that it
/// runs in.
struct Place {
    command: Vec<String>,
    folder: String,
}

impl Place {
    /// Elsewhere, what a killed run of the site left goes.
    fn of(target: &Endpoint, site: &str, folder: &Path, archive: &Path) -> Result<Place> {
        let mut place = Place {
            command: target.client_command.clone(),
            folder: folder.display().to_string(),
        };
        if place.is_elsewhere() {
            let ours = format!("\"${{TMPDIR:-/tmp}}\"/mkx-sample-{site}");
            let make = format!("rm -rf {ours}.*; mktemp -d {ours}.XXXXXX");
            place.folder = place.shell(&make, None)?.trim().to_owned();
            place.shell(
                &format!("cat > {}/schema.dump", place.folder),
                Some(archive),
            )?;
        }
        Ok(place)
    }

    fn is_elsewhere(&self) -> bool {
        !self.command.is_empty()
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        if !self.is_elsewhere() {
            let path = PathBuf::from(self.path(name));
            return std::fs::write(&path, text).map_err(|error| cannot_use(&path, &error));
        }
        let mut file = tempfile::tempfile().map_err(|error| cannot_use(Path::new(name), &error))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.rewind())
            .map_err(|error| cannot_use(Path::new(name), &error))?;
        let shell = self
            .sh(&format!("cat > {}", self.path(name)))
            .stdin_file(file);
        self.answer(shell).map(drop)
    }

    fn sh(&self, script: &str) -> Expression {
        let arguments = self.command[1..].iter().map(String::as_str);
        duct::cmd(&self.command[0], arguments.chain(["sh", "-c", script]))
    }

    fn shell(&self, script: &str, stdin: Option<&Path>) -> Result<String> {
        let shell = self.sh(script);
        self.answer(match stdin {
            Some(path) => shell.stdin_path(path),
            None => shell.stdin_null(),
        })
    }

    fn answer(&self, shell: Expression) -> Result<String> {
        let output = shell
            .stdout_capture()
            .stderr_capture()
            .unchecked()
            .run()
            .map_err(|error| {
                Failure::peer(format!("cannot run {}: {error}", self.command.join(" ")))
            })?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Failure::peer(format!(
                "cannot run {}: {words}",
                self.command.join(" ")
            )));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_elsewhere() && self.folder.starts_with('/') {
            let _ = self.shell(&format!("rm -r {}", self.folder), None);
        }
    }
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

    #[test]
    fn the_programs_own_words_are_kept_short() {
        let text = "pg_restore: while PROCESSING TOC:\npg_restore: from TOC entry 3; x\n\
                    pg_restore: error: could not execute query: ERROR:  no\nDETAIL:  because\n";
        assert_eq!(
            first_error(text),
            "could not execute query: ERROR:  no (because)"
        );
    }

    #[test]
    fn the_oldest_program_that_knows_the_server_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        for version in ["15", "16", "17", "odd"] {
            let bin = folder.path().join(version).join("bin");
            std::fs::create_dir_all(&bin).unwrap();
            std::fs::write(bin.join("pg_dump"), "").unwrap();
        }
        let found = on_the_host(folder.path(), "pg_dump", 16).unwrap();
        assert!(found.ends_with("/16/bin/pg_dump"));
        assert_eq!(on_the_host(folder.path(), "pg_dump", 18), None);
    }
}
