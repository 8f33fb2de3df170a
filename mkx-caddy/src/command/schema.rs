//! `mkx-caddy schema`.

use mkx_contract::tool::output;
use mkx_contract::tool::schema::Schemas;
use mkx_contract::{Answer, Result, Site};

use super::users::Change;
use crate::{apply, check, probe, route};

/// Prints the JSON Schema of every record that the tool reads or writes.
pub fn run() -> Result<Answer> {
    let schemas = Schemas::default()
        .reads::<Site>()
        .reads::<route::Request>()
        .writes::<route::Answer>()
        .writes::<route::Summary>()
        .writes::<apply::Report>()
        .writes::<check::Report>()
        .writes::<probe::Probe>()
        .writes::<probe::Summary>()
        .writes::<Change>();
    output::stdout().json(&schemas.document())?;
    Ok(Answer::Yes)
}
