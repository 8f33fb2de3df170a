//! What `plan` and `sync` answer.

use mkx_contract::Record;
use mkx_contract::record::finding::Findings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::Faults;

/// What `sync` would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// EA's vault.
    pub from: String,
    /// EB's vault.
    pub to: String,
    /// Files that the manifest names.
    pub files: u64,
    /// Files that would be copied.
    pub to_copy: u64,
    /// Their size.
    pub bytes_to_copy: u64,
    /// Files that EB has already.
    pub unchanged: u64,
    /// Optional files that EA does not have.
    pub absent: u64,
    /// Free space in EB's vault; null where there is nothing to copy.
    pub free_bytes: Option<u64>,
    /// What must stay free.
    pub min_free_bytes: u64,
    /// True where the files fit.
    pub fits: bool,
    /// What is not as it should be, file by file.
    #[serde(flatten)]
    pub faults: Faults,
    /// The same by cause.
    pub findings: Findings,
}

impl Record for Plan {
    const RECORD: &'static str = "mkx.vault.plan/1";
}

/// What `sync` did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// True where EB now has every file that the manifest requires.
    pub ok: bool,
    /// EA's vault.
    pub from: String,
    /// EB's vault.
    pub to: String,
    /// Files that the manifest names.
    pub files: u64,
    /// Files that were copied.
    pub copied: u64,
    /// Files that EB had already.
    pub unchanged: u64,
    /// Optional files that EA does not have.
    pub absent: u64,
    /// Size of what was copied.
    pub bytes_copied: u64,
    /// How many of the copies share their blocks with EA's until one is written to (reflinks).
    pub reflinked: u64,
    /// Unfinished files of a run that died, removed.
    pub leftovers_removed: u64,
    /// What is not as it should be, file by file.
    #[serde(flatten)]
    pub faults: Faults,
    /// The same by cause.
    pub findings: Findings,
    /// The whole run, reading the manifest left out.
    pub duration_ms: u64,
    /// Files looked at or copied in a second.
    pub files_per_second: u64,
}

impl Record for Report {
    const RECORD: &'static str = "mkx.vault.report/1";
}
