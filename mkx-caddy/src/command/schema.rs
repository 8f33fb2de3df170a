//! `mkx-caddy schema`.

use mkx_contract::schema::Schemas;
use mkx_contract::{Answer, Result, Site, output};

use super::users::Change;

/// Prints the JSON Schema of every record that the tool reads or writes.
pub fn run() -> Result<Answer> {
    let schemas = Schemas::default().reads::<Site>().writes::<Change>();
    output::stdout().json(&schemas.document())?;
    Ok(Answer::Yes)
}
