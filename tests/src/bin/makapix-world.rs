//! Starts a throw-away Makapix (production full, development empty), runs a command in its
//! folder, and removes everything.

use clap::Parser;
use mkx_contract::tool::voice;
use mkx_contract::{Answer, Failure, Result};
use mkx_tests::generate::Spec;
use mkx_tests::postgres_server::PASSWORD;
use mkx_tests::site::{DATABASE, Site, Size};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};

/// Run a command beside a throw-away Makapix: production full, development empty
#[derive(Parser)]
#[command(
    version,
    after_help = "Example:\n  makapix-world --users 500 -- bash\n\nThe command runs in the site's folder, with MKX_SITE set, and with EA_URL, EB_URL and\nPGPASSFILE for psql. Everything is removed when it ends, and\nits exit code is ours."
)]
struct Arguments {
    /// Accounts in production
    #[arg(long, default_value_t = 2_000)]
    users: u64,
    /// The same seed gives the same production
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Put recognisable values into every sensitive column
    #[arg(long)]
    canaries: bool,
    /// At most that many vault files
    #[arg(long)]
    max_files: Option<u64>,
    /// Say nothing but errors
    #[arg(long, short)]
    quiet: bool,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    voice::quiet(arguments.quiet);
    let mut code = None;
    let own = mkx_contract::tool::program::run("makapix-world", || {
        code = run(&arguments)?.code();
        Ok(Answer::Yes)
    });
    // The site is gone by now; the command's own code tells more than a yes or a no.
    match code.map(u8::try_from) {
        Some(Ok(code)) if code > 0 => ExitCode::from(code),
        _ => own,
    }
}

fn run(arguments: &Arguments) -> Result<ExitStatus> {
    let size = Size {
        spec: Spec {
            canaries: arguments.canaries,
            ..Spec::new(arguments.users, arguments.seed)
        },
        max_files: arguments.max_files,
    };
    voice::say(format!(
        "making a throw-away Makapix with {} accounts",
        arguments.users
    ));
    let site = Site::make(&size, &|text| voice::say(text))?;
    mkx_contract::tool::interrupt::check()?;
    run_beside(&site, &arguments.command)
}

/// The command gets our terminal, so Ctrl-C reaches it too; the site is removed when it ends.
fn run_beside(site: &Site, command: &[String]) -> Result<ExitStatus> {
    let passwords = site.path("pgpass");
    write_password_file(&passwords)?;
    let status = Command::new(&command[0])
        .args(&command[1..])
        .current_dir(site.folder())
        .env("MKX_SITE", site.document_path())
        .env(
            "EA_URL",
            site.ea.url_without_password("mkx_reader", DATABASE),
        )
        .env("EB_URL", site.eb.url_without_password("owner", DATABASE))
        .env("PGPASSFILE", &passwords)
        .status()
        .map_err(|error| Failure::usage(format!("cannot run {}: {error}", command[0])))?;
    mkx_contract::tool::interrupt::check()?;
    match status.signal() {
        Some(signal) => Err(Failure::peer(format!(
            "cannot finish {}: signal {signal} ended it",
            command[0]
        ))),
        None => Ok(status),
    }
}

fn write_password_file(path: &Path) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| writeln!(file, "*:*:*:*:{PASSWORD}"))
        .map_err(|error| Failure::peer(format!("cannot write {}: {error}", path.display())))
}
