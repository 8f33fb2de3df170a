//! EB's sample as it was when it was filled, from the untouched copy; nothing of EA is read.

use std::time::Instant;

use mkx_contract::tool::step::End;
use mkx_contract::{EnvironmentName, Failure, Record, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::build::progress::{Phase, Phases, milliseconds};
use crate::build::report::Place;
use crate::database::endpoint::Endpoint;
use crate::setting::Setting;
use crate::target::cluster::{Cluster, clean_up};
use crate::target::grants::{Kept, Privilege};
use crate::target::{guard, swap};

const STEP: &str = "mkx-sample reset";

/// What `reset` did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResetReport {
    /// True where EB holds its sample again.
    pub ok: bool,
    /// EB's database.
    pub target: Place,
    /// When the sample was taken from EA, RFC 3339 in UTC.
    pub created_at: String,
    /// The parts.
    pub phases: Vec<Phase>,
    /// How long it took.
    pub duration_ms: u64,
}

impl Record for ResetReport {
    const RECORD: &'static str = "mkx.sample.reset/1";
}

/// Replaces EB's database by a copy of the untouched one.
///
/// # Errors
/// Exit 3 where there is no untouched copy; exit 5 where the target is not EB; exit 4, and EB is
/// as it was.
pub fn run(setting: &Setting, to: &Endpoint) -> Result<ResetReport> {
    let since = Instant::now();
    let mut phases = Phases::default();
    let held = setting.hold(to, STEP)?;
    let mut live = to.connect_if_exists(guard::READ_ONLY)?;
    if let Some(live) = &mut live {
        guard::check_reset(setting, to, live)?;
    }
    let mut cluster = Cluster::open(to, setting.name())?;
    cluster.check_names()?;
    let Some(mark) = cluster.pristine_mark()? else {
        return Err(Failure::input(format!(
            "cannot reset \"{}\" on {}: there is no untouched copy of it",
            to.database(),
            to.address()
        ))
        .hint("fill it anew: mkx-sample run"));
    };
    let kept = match &mut live {
        Some(live) => Kept::read(live, to)?,
        None => Kept::default(),
    };
    drop(live);
    let detail = json!({ "target": Place::of(to), "created_at": mark.created_at });
    let owner = setting.owner().map_or_else(|| to.role(), str::to_owned);
    let privilege = Privilege {
        kept: &kept,
        grants: setting.grants(),
        owner: &owner,
    };
    let names = cluster.names.clone();
    let work = || {
        let changed = (|| {
            phases.run("clean", || cluster.remove_leftovers())?;
            phases.run("copy", || {
                let owner = privilege.database_owner();
                cluster.clone(&names.pristine, &names.build, owner, &mark, false)?;
                privilege.seal(&mut cluster, &names.build)
            })?;
            phases.run("swap", || swap::swap(&mut cluster, &mark, false))
        })();
        // What the change left, by a session of its own: the other may have broken.
        clean_up(to, setting.name(), "it");
        changed.map(|()| ((), End::Done(json!({ "created_at": mark.created_at }))))
    };
    held.turn.run(EnvironmentName::Eb, detail, work)?;
    Ok(ResetReport {
        ok: true,
        target: Place::of(to),
        created_at: mark.created_at,
        phases: phases.ended,
        duration_ms: milliseconds(since.elapsed()),
    })
}
