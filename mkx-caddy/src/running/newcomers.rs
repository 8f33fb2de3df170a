//! Connections that are open when a change comes, and whose first request has not come yet.
//!
//! A change replaces every HTTP server of Caddy by a new one. The old one goes on with what it has
//! accepted, until Go 1.25: since then `net/http` closes such a connection when its first request
//! comes, without an answer (`shuttingDown` in `conn.serve`). A client may send a request again
//! then, but a browser does not on a connection that is new. No setting of Caddy changes this.

use std::time::{Duration, Instant};

use mkx_contract::tool::interrupt;
use mkx_contract::{Failure, Result, Site};
use serde_json::Value;

use super::admin::Admin;
use super::share;

/// The first release of Go whose server closes them.
const SINCE: (u64, u64) = (1, 25);

/// How long production is watched.
const WATCHED: Duration = Duration::from_secs(1);

/// Requests to production in [`WATCHED`] from which on a change is refused. At 2,000 a second a
/// change closed 0.2 connections, so at this rate it is one in 500 changes.
const BUSY: u64 = 20;

/// Whether the running Caddy closes them; nothing where it does not say what it was built with.
pub fn are_closed(admin: &Admin) -> Result<Option<bool>> {
    let text = admin.metrics()?;
    Ok(go_version(&text).map(|version| version >= SINCE))
}

/// Who does not say it is taken for one that closes them.
pub fn may_be_closed(are_closed: Option<bool>) -> bool {
    are_closed != Some(false)
}

/// `go_info{version="go1.26.8"} 1`
fn go_version(metrics: &str) -> Option<(u64, u64)> {
    let (_, rest) = metrics.split_once("go_info{version=\"go")?;
    let mut numbers = rest.split(|sign: char| !sign.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Refuses where production has so many requests that a change would likely meet such a connection.
///
/// # Errors
/// Exit 5 with how many there were, exit 4 where the admin API does not answer.
pub fn ensure_quiet(site: &Site, admin: &Admin, running: &Value) -> Result<()> {
    let upstreams = share::upstreams_of_production(site, running);
    if upstreams.is_empty() {
        return Ok(());
    }
    let since = Instant::now();
    let mut before = admin.requests_of(&upstreams)?;
    let mut arrived = 0;
    while since.elapsed() < WATCHED {
        interrupt::check()?;
        std::thread::sleep(Duration::from_millis(2));
        // Short requests fall between two looks, so this is what came at least.
        let now = admin.requests_of(&upstreams)?;
        arrived += now.saturating_sub(before);
        before = now;
    }
    if arrived < BUSY {
        return Ok(());
    }
    let domain = &site.environments.ea.domain;
    Err(Failure::refused(format!(
        "cannot change the edge: {domain} gets at least {arrived} requests a second, and the running Caddy (built with Go 1.25 or later, or it does not say) closes connections whose first request comes during a change"
    ))
    .hint("apply at a quiet hour, run a Caddy that was built with an earlier Go (2.8 to 2.10.0), or accept that clients have to ask again: --close-connections"))
}

#[cfg(test)]
mod tests {
    use super::{go_version, may_be_closed};

    #[test]
    fn only_a_server_that_says_so_is_taken_for_an_older_one() {
        assert!(!may_be_closed(Some(false)));
        assert!(may_be_closed(Some(true)) && may_be_closed(None));
    }

    #[test]
    fn the_release_of_go_is_read() {
        let metrics = "# TYPE go_info gauge\ngo_info{version=\"go1.26.8\"} 1\n";
        assert_eq!(go_version(metrics), Some((1, 26)));
        assert_eq!(
            go_version("go_info{version=\"go1.25rc1\"} 1"),
            Some((1, 25))
        );
        assert_eq!(go_version("go_info{version=\"devel\"} 1"), None);
        assert_eq!(go_version(""), None);
    }
}
