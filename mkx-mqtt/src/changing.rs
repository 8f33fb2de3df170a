//! What every verb does around a change of a broker's files: production is confirmed, the site's
//! lock is held, and the journal has a line before and one after.

use mkx_contract::tool::confirm;
use mkx_contract::tool::journal::Journal;
use mkx_contract::tool::lock::SiteLock;
use mkx_contract::{EnvironmentName, Result, Site};
use serde_json::Value;

/// Passes for development, and for production where its domain is given or typed.
pub fn confirm(
    site: &Site,
    environment: EnvironmentName,
    given: Option<&str>,
    doing: &str,
) -> Result<()> {
    match environment {
        EnvironmentName::Ea => confirm::production(&site.environments.ea.domain, given, doing),
        EnvironmentName::Eb => Ok(()),
    }
}

/// Runs `body` as one step of the journal while the site's lock is held; `body` returns its
/// answer and what the journal says about it.
pub fn step<T>(
    site: &Site,
    environment: EnvironmentName,
    what: &str,
    body: impl FnOnce() -> Result<(T, Value)>,
) -> Result<T> {
    let _lock = SiteLock::take(&site.state_directory, what)?;
    let journal = Journal::at(&site.state_directory);
    let step = journal.begin(what, environment, None, Value::Null)?;
    match body() {
        Ok((answer, detail)) => {
            step.done(detail)?;
            Ok(answer)
        }
        Err(failure) => {
            step.failed(&failure)?;
            Err(failure)
        }
    }
}
