//! The report of a run: what a person wants to keep of it. No secret is in it.

use std::path::PathBuf;

use jiff::Timestamp;
use mkx_contract::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::build::copy::CopiedTable;
use crate::build::progress::Phase;
use crate::choose::choice::Choice;
use crate::choose::coverage::CoverageAdded;
use crate::choose::plan::Roots;
use crate::choose::selection::EdgeRows;
use crate::database::endpoint::Endpoint;
use crate::judge::Verification;

/// What `run` did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// True where EB now holds this sample.
    pub ok: bool,
    /// The site's name; null where there was no site document.
    pub site: Option<String>,
    /// The moment of EA that the sample shows, RFC 3339 in UTC.
    #[schemars(with = "String")]
    pub snapshot_at: Timestamp,
    /// When the run ended.
    #[schemars(with = "String")]
    pub ended_at: Timestamp,
    /// How long it took.
    pub duration_ms: u64,
    /// EA's database.
    pub source: Place,
    /// EB's database.
    pub target: Place,
    /// How the sample was chosen.
    pub sample: Choice,
    /// Rows of the root table (users).
    pub roots: Roots,
    /// All rows that came.
    pub rows: u64,
    /// All rows that EA has.
    pub rows_in_source: u64,
    /// What they were on the way.
    pub size_bytes: u64,
    /// Table by table.
    pub tables: Vec<CopiedTable>,
    /// What each edge of the policy brought.
    pub edges: Vec<EdgeRows>,
    /// What was added so that every enum-like value occurs.
    pub coverage: Vec<CoverageAdded>,
    /// The judge's word on it.
    pub verification: Verification,
    /// The parts of the run.
    pub phases: Vec<Phase>,
    /// The file that holds the development password; null where the site names its place.
    pub password_file: Option<PathBuf>,
    /// The untouched copy that `reset` goes back to; null where none was made.
    pub pristine_database: Option<String>,
    /// Databases that a killed run had left behind and this one removed.
    pub removed_leftovers: Vec<String>,
}

impl Record for Report {
    const RECORD: &'static str = "mkx.sample.report/2";
}

/// A database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// `127.0.0.1:5432`.
    pub address: String,
    /// The database's name.
    pub database: String,
    /// The role that opened it.
    pub role: String,
}

impl Place {
    /// Of an endpoint.
    pub fn of(endpoint: &Endpoint) -> Place {
        Place {
            address: endpoint.address(),
            database: endpoint.database(),
            role: endpoint.role(),
        }
    }
}
