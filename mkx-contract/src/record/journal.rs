//! A line of the journal.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Record;
use super::site::Name;

/// What a line says about its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Written before the first change.
    Started,
    /// The step ended as it should.
    Done,
    /// The step ended in an error; `detail` says which.
    Failed,
    /// What the step had changed was put back.
    Undone,
    /// Something longer began that later steps belong to (a flip): until a line with its id says how
    /// it ended, every other step is refused.
    Opened,
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Ties the lines of one step together.
    pub id: String,
    /// Tool and verb: `mkx-sample run`.
    pub step: String,
    /// What happened.
    pub state: State,
    /// The environment that the step changes.
    pub environment: Name,
    /// The user who ran it.
    pub user: String,
    /// Process id of the run.
    pub pid: u32,
    /// When this line was written, RFC 3339 in UTC.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Milliseconds since the step's `started` line; null on that line.
    pub duration_ms: Option<u64>,
    /// The id of the longer thing that the step belongs to; null where it stands alone.
    #[serde(default)]
    pub part_of: Option<String>,
    /// What the step did, in the tool's own terms; no secret.
    pub detail: Value,
}

impl Record for Entry {
    const RECORD: &'static str = "mkx.journal.entry/1";
}
