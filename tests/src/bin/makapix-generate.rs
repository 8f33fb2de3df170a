//! Fills a database, or a directory, with a generated Makapix production environment.

use clap::{Parser, Subcommand};
use mkx_contract::tool::voice;
use mkx_contract::{Failure, Result};
use mkx_tests::generate::{self, Spec, World, vault};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Fill a database
    Database {
        /// URL of the database to fill; it must be empty, or hold the schema without rows
        #[arg(long)]
        url: String,
        /// Accounts; there are about 88 rows to each
        #[arg(long, default_value_t = 2_000)]
        users: u64,
        /// The same seed gives the same database
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The share of posts that belong to one importing account, from 0 to 1
        #[arg(long, default_value_t = 0.3)]
        import_share: f64,
        /// The domain of the site in absolute URLs
        #[arg(long, default_value = "makapix.club")]
        domain: String,
        /// Put recognisable values into every sensitive column
        #[arg(long)]
        canaries: bool,
        /// Make the tables first, and keys and indexes after the data
        #[arg(long)]
        schema: bool,
    },
    /// Write the vault files that a database's rows refer to
    Vault {
        /// URL of the database
        #[arg(long)]
        url: String,
        /// The vault's root directory
        #[arg(long)]
        path: PathBuf,
        /// Stop after that many files
        #[arg(long)]
        max_files: Option<u64>,
    },
}

fn main() -> ExitCode {
    voice::name("makapix-generate");
    match run(Arguments::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            voice::error(&failure);
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

fn run(verb: Verb) -> Result<()> {
    let started = Instant::now();
    let say = |text: &str| eprintln!("{:7.1} s  {text}", started.elapsed().as_secs_f64());
    match verb {
        Verb::Database {
            url,
            users,
            seed,
            import_share,
            domain,
            canaries,
            schema,
        } => {
            if !(0.0..=1.0).contains(&import_share) {
                return Err(Failure::usage(format!(
                    "cannot give one account {import_share} of the posts: a share is from 0 to 1"
                )));
            }
            let world = World::new(&Spec {
                users,
                seed,
                canaries,
                import_share,
                domain,
            });
            let loaded = generate::load(&url, &world, schema, &say)?;
            say(&format!(
                "{} rows in {} tables",
                loaded.rows(),
                loaded.tables.len()
            ));
        }
        Verb::Vault {
            url,
            path,
            max_files,
        } => {
            let written = vault::write(&url, &path, max_files, &say)?;
            say(&format!("{} files, {} bytes", written.files, written.bytes));
        }
    }
    Ok(())
}
