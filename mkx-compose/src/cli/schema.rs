//! `mkx-compose schema`.

use mkx_contract::record::finding::{Explanation, Finding};
use mkx_contract::tool::output;
use mkx_contract::tool::schema::Schemas;
use mkx_contract::{Answer, Result, Site};

use crate::audit::Audit;
use crate::audit::drift::Drift;
use crate::change::Change;
use crate::containers::{Containers, Stats};
use crate::env::check::EnvCheck;
use crate::env::diff::EnvDiff;
use crate::graph::Graph;
use crate::limits::Limits;
use crate::replace::Files;

/// Prints the JSON Schema of every record that the tool reads or writes.
pub fn run() -> Result<Answer> {
    let schemas = Schemas::default()
        .reads::<Site>()
        .writes::<Site>()
        .writes::<Files>()
        .writes::<Audit>()
        .writes::<Drift>()
        .writes::<Finding>()
        .writes::<Explanation>()
        .writes::<EnvCheck>()
        .writes::<EnvDiff>()
        .writes::<Limits>()
        .writes::<Graph>()
        .writes::<Change>()
        .writes::<Containers>()
        .writes::<Stats>();
    output::stdout().json(&schemas.document())?;
    Ok(Answer::Yes)
}
