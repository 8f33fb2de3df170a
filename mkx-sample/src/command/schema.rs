//! `mkx-sample schema`.

use mkx_contract::record::manifest;
use mkx_contract::tool::output;
use mkx_contract::tool::schema::Schemas;
use mkx_contract::{Answer, Result, Site};

use crate::build::report::Report;
use crate::choose::plan::Plan;
use crate::judge::Verification;
use crate::policy::Policy;
use crate::target::reset::ResetReport;

/// Prints the JSON Schema of every record that the tool reads or writes.
pub fn run() -> Result<Answer> {
    let schemas = Schemas::default()
        .reads::<Site>()
        .reads::<Policy>()
        .writes::<super::policy::Written>()
        .writes::<super::policy::Checked>()
        .writes::<Report>()
        .writes::<ResetReport>()
        .writes::<Plan>()
        .writes::<manifest::File>()
        .writes::<manifest::End>()
        .writes::<Verification>();
    output::stdout().json(&schemas.document())?;
    Ok(Answer::Yes)
}
