//! `pg_dump` and `pg_restore`: found on the host or behind the environment's own command, of
//! releases that go with the servers and with each other.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use duct::{Expression, Handle};
use mkx_contract::tool::interrupt;
use mkx_contract::{EnvironmentName, Failure, Kind, Result, Secret};
use rustix::process::{Pid, Signal, kill_process};

use super::tether::tether;
use crate::database::endpoint::Endpoint;
use crate::database::release::Release;

/// Where Debian keeps the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// How long a program may take to break off.
const PATIENCE: Duration = Duration::from_secs(2);

/// What `pg_restore` says under an error about that statement.
const SETS_TIMEOUT: &str = "Command was: SET transaction_timeout = 0;";

/// What `pg_restore` says of its errors when it went on to the end.
const WENT_ON: &str = "pg_restore: warning: errors ignored on restore: ";

/// Both programs of a run.
pub struct Programs {
    /// `pg_dump` for EA.
    pub dump: Program,
    /// `pg_restore` for EB.
    pub restore: Program,
    /// What to do where restoring fails, when EB's server is older than EA's.
    pub advice: Option<String>,
}

impl Programs {
    /// Finds both for servers of these releases: `pg_dump` must not be older than EA's server, and
    /// `pg_restore` not older than the `pg_dump` whose archive it is to read. On the host the
    /// oldest that will do is taken.
    ///
    /// # Errors
    /// Exit 4 where one is missing or too old.
    pub fn find(
        source: &Endpoint,
        target: &Endpoint,
        ea: Release,
        eb: Release,
    ) -> Result<Programs> {
        let dump = Program::find("pg_dump", EnvironmentName::Ea, source, ea.major())?;
        dump.must_reach(ea, || format!("production's server ({ea})"))?;
        let archive = dump.release.unwrap_or(ea);
        let restore = Program::find("pg_restore", EnvironmentName::Eb, target, archive.major())?;
        restore.must_reach(archive, || {
            format!("the pg_dump that it follows ({archive})")
        })?;
        let (eb, ea) = (eb.major(), ea.major());
        let advice = format!("let development's server be as new as production's: PostgreSQL {ea}");
        Ok(Programs {
            dump,
            restore,
            advice: (eb < ea).then_some(advice),
        })
    }
}

/// `pg_dump` or `pg_restore`.
pub struct Program {
    name: &'static str,
    environment: EnvironmentName,
    command: Vec<String>,
    password: Option<Secret>,
    is_on_the_host: bool,
    /// Nothing where it does not say so in PostgreSQL's words.
    release: Option<Release>,
}

impl Program {
    fn find(
        name: &'static str,
        environment: EnvironmentName,
        endpoint: &Endpoint,
        major: i32,
    ) -> Result<Program> {
        let mut command = endpoint.client_command.clone();
        let is_on_the_host = command.is_empty();
        let path = is_on_the_host.then(|| on_the_host(Path::new(VERSIONS), name, major));
        command.push(path.flatten().unwrap_or_else(|| name.into()));
        let mut program = Program {
            name,
            environment,
            command,
            password: endpoint.program_password(),
            is_on_the_host,
            release: None,
        };
        program.release = program.release(major)?;
        Ok(program)
    }

    fn release(&self, major: i32) -> Result<Option<Release>> {
        let doing = format!("find out the version of {}", self.name);
        let asked = self.output(self.behind(&[], &["--version".into()]), &doing);
        match asked.and_then(|output| self.check(output, &doing)) {
            Ok(output) => Ok(Release::parse(&String::from_utf8_lossy(&output.stdout))),
            Err(failure) if failure.kind == Kind::Interrupted => Err(failure),
            Err(failure) => Err(failure.hint(self.advice(major))),
        }
    }

    fn must_reach(&self, other: Release, who: impl Fn() -> String) -> Result<()> {
        match self.release {
            Some(release) if release.major() < other.major() => Err(Failure::peer(format!(
                "cannot use {} {release}: it is older than {}",
                self.name,
                who()
            ))
            .hint(self.advice(other.major()))),
            _ => Ok(()),
        }
    }

    /// What to do where there is none of this version.
    fn advice(&self, major: i32) -> String {
        let (name, environment) = (self.name, self.environment);
        let setting = format!("environments.{environment}.database.client_command in site.json");
        if self.is_on_the_host {
            return format!(
                "install PostgreSQL's client programs, version {major} or later, in {VERSIONS} or first in PATH, or name a command in front of such a {name} as {setting}"
            );
        }
        let command = self.command[..self.command.len() - 1].join(" ");
        format!(
            "{command} must run where there is a {name} of version {major} or later: see {setting}"
        )
    }

    /// The program with these arguments; it ends with the run.
    pub fn command(&self, arguments: &[String]) -> Expression {
        self.behind(tether(), arguments)
    }

    fn behind(&self, front: &[&str], arguments: &[String]) -> Expression {
        let front = front.iter().map(|word| (*word).to_owned());
        let mut words = front.chain(self.command.iter().chain(arguments).cloned());
        let first = words.next().unwrap_or_default();
        // What it says is read, so it is to say it in one language.
        let command = duct::cmd(first, words).stdin_null().env("LC_ALL", "C");
        match &self.password {
            Some(password) => command.env("PGPASSWORD", password.expose()),
            None => command,
        }
    }

    /// Runs it; `doing` completes "cannot …".
    ///
    /// # Errors
    /// Exit 4 with what it says.
    pub fn run(&self, command: Expression, doing: &str) -> Result<()> {
        let output = self.output(command, doing)?;
        self.check(output, doing).map(drop)
    }

    fn check(&self, output: Output, doing: &str) -> Result<Output> {
        if output.status.success() {
            return Ok(output);
        }
        let words = String::from_utf8_lossy(&output.stderr);
        Err(self.cannot(doing, &first_error(&words)))
    }

    /// Restores, and stops at the first error. A `pg_restore` of version 17 or later first sets a
    /// parameter that an older server does not know; then, with nothing made yet, it is told to go
    /// on at errors, and no other one is let pass.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn restore(&self, arguments: &[String], doing: &str) -> Result<()> {
        let strict = [&["--exit-on-error".to_owned()], arguments].concat();
        let output = self.output(self.command(&strict), doing)?;
        if !lacks_only_timeout(&output) {
            return self.check(output, doing).map(drop);
        }
        let output = self.output(self.command(arguments), doing)?;
        if lacks_only_timeout(&output) && went_on(&output) {
            return Ok(());
        }
        self.check(output, doing).map(drop)
    }

    fn output(&self, command: Expression, doing: &str) -> Result<Output> {
        let handle = command
            .stderr_capture()
            .stdout_capture()
            .unchecked()
            .start()
            .map_err(|error| self.cannot(doing, &error))?;
        loop {
            if interrupt::arrived() {
                end(&handle);
                return Err(Failure::interrupted());
            }
            let waited = handle.wait_timeout(Duration::from_millis(50));
            if let Some(output) = waited.map_err(|error| self.cannot(doing, &error))? {
                return Ok(output.clone());
            }
        }
    }

    fn cannot(&self, doing: &str, cause: &dyn std::fmt::Display) -> Failure {
        Failure::peer(format!("cannot {doing}: {}: {cause}", self.name))
    }
}

/// Asks it to end, so that it breaks off what the server does for it, and makes it end.
fn end(handle: &Handle) {
    for pid in handle.pids() {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        // It may have ended by itself just now.
        pid.map(|pid| kill_process(pid, Signal::TERM));
    }
    let _ = handle.wait_timeout(PATIENCE);
    let _ = handle.kill();
}

/// True where it failed, and every error is that the server does not know `transaction_timeout`.
fn lacks_only_timeout(output: &Output) -> bool {
    let words = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = words.lines().collect();
    let mut errors = (0..lines.len())
        .filter(|at| lines[*at].starts_with("pg_restore: error: "))
        .peekable();
    output.status.code() == Some(1)
        && errors.peek().is_some()
        && errors.all(|at| lines.get(at + 1) == Some(&SETS_TIMEOUT))
}

/// True where it came to its end.
fn went_on(output: &Output) -> bool {
    let words = String::from_utf8_lossy(&output.stderr);
    let last = words.lines().last();
    last.is_some_and(|line| line.starts_with(WENT_ON))
}

/// The line that says what is wrong, without the program's name, and with the detail or hint if
/// any.
fn first_error(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let is_error = |line: &&str| line.contains("error:") && !line.contains("transaction_timeout");
    let at = lines.iter().position(is_error).unwrap_or(0);
    let Some(line) = lines.get(at) else {
        return "it failed without a word".into();
    };
    let message = line.split_once("error: ").map_or(*line, |(_, rest)| rest);
    let next = lines.get(at + 1).copied().unwrap_or_default();
    match next.strip_prefix("DETAIL:").or(next.strip_prefix("HINT:")) {
        Some(more) => format!("{message} ({})", more.trim()),
        None => message.to_owned(),
    }
}

/// The program of the oldest version that is not older than this one.
fn on_the_host(versions: &Path, name: &str, major: i32) -> Option<String> {
    let entries = std::fs::read_dir(versions).ok()?.flatten();
    let found = entries.filter_map(|entry| {
        let version: i32 = entry.file_name().to_str()?.parse().ok()?;
        let program = entry.path().join("bin").join(name);
        (version >= major && program.is_file()).then_some((version, program))
    });
    let (_, program) = found.min()?;
    Some(program.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    const UNKNOWN: &str = "pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter \"transaction_timeout\"\n\
                           Command was: SET transaction_timeout = 0;\n";

    #[track_caller]
    fn check(code: i32, words: &str, expected: bool) {
        let output = Output {
            status: ExitStatus::from_raw(code << 8),
            stdout: Vec::new(),
            stderr: words.into(),
        };
        assert_eq!(lacks_only_timeout(&output), expected, "{words}");
    }

    #[test]
    fn a_parameter_that_an_old_server_does_not_know_is_no_reason_to_fail() {
        let other = "pg_restore: error: could not execute query: ERROR:  no\nCommand was: x\n";
        check(1, UNKNOWN, true);
        check(
            1,
            &format!("pg_restore: while INITIALIZING:\n{UNKNOWN}{UNKNOWN}"),
            true,
        );
        check(1, &format!("{UNKNOWN}{other}"), false);
        check(1, &format!("{other}{UNKNOWN}"), false);
        check(1, "pg_restore: error: it could not connect\n", false);
        check(1, "", false);
        check(0, UNKNOWN, false);
        check(137, UNKNOWN, false);
    }

    #[test]
    fn the_programs_own_words_are_kept_short() {
        let text = "pg_restore: while PROCESSING TOC:\npg_restore: from TOC entry 3; x\n\
                    pg_restore: error: could not execute query: ERROR:  no\nDETAIL:  because\n";
        let expected = "could not execute query: ERROR:  no (because)";
        assert_eq!(first_error(text), expected);
        assert_eq!(first_error(&format!("{UNKNOWN}{text}")), expected);
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
