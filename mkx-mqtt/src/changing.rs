//! A change of a broker's files is a step of the journal, and begins with what a run that died has
//! left of unfinished ones.

use std::path::Path;

use mkx_contract::tool::replace;
use mkx_contract::tool::step::{self, End};
use mkx_contract::{EnvironmentName, Failure, Result, Site};
use serde_json::Value;

use crate::place::Files;

/// The failure of writing a file.
pub fn unwritten(path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    move |error| Failure::peer(format!("cannot write {}: {error}", path.display()))
}

/// Runs `body` as one step; it returns its answer and what the journal says about it.
pub fn step<T>(
    site: &Site,
    environment: EnvironmentName,
    what: &str,
    body: impl FnOnce() -> Result<(T, Value)>,
) -> Result<T> {
    let files = Files::of(site, environment)?;
    let turn = step::lock(&site.state_directory, what)?;
    turn.run(environment, Value::Null, || {
        for folder in files.folders().filter(|folder| folder.is_dir()) {
            replace::sweep(folder).map_err(|error| {
                Failure::peer(format!("cannot tidy up {}: {error}", folder.display()))
            })?;
        }
        body().map(|(answer, detail)| (answer, End::Done(detail)))
    })
}
