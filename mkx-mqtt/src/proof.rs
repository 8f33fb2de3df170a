//! After a broker was told to read its files again: does it do what they say?

use std::time::{Duration, Instant};

use mkx_contract::{EnvironmentName, Failure, Result, Site};

use crate::authority::{Authority, Validity};
use crate::broker::{self, Door, Ending, Protocol, Session};
use crate::revocation::PROBE;

/// A broker reads its files soon after it was told, not at once.
const DEADLINE: Duration = Duration::from_secs(15);

/// Waits until the broker refuses a revoked certificate and accepts a good one.
///
/// # Errors
/// Exit 4 where it does not come to that.
pub fn revocation_holds(
    site: &Site,
    environment: EnvironmentName,
    authority: &Authority,
) -> Result<()> {
    let mqtt = site.environment(environment).mqtt()?;
    let door = |serial| -> Result<Door> {
        let issued = authority.probe("mkx-probe-revocation", Validity::hour(), serial)?;
        Door::tls(mqtt, &authority.certificate, Some(&issued))
    };
    let doors = [door(None)?, door(Some(PROBE))?];
    let outcome = in_time(doors, async |[good, revoked]| {
        match (attempt(good).await, attempt(revoked).await) {
            (None, Some(Ending::Refused(_))) => Ok(()),
            (Some(ending), _) => Err(format!("it does not accept a good certificate: {ending}")),
            (None, None) => Err("it accepts a revoked certificate".into()),
            (None, Some(ending)) => Err(format!("a revoked certificate: {ending}")),
        }
    })?;
    outcome.map_err(|cause| {
        Failure::peer(format!(
            "cannot show that the broker of {environment} took the revocation list: {cause}"
        ))
        .hint("the list is signed and in its place; see that the broker's crlfile is this file")
    })
}

/// Waits until the broker shows a certificate with this fingerprint.
pub fn shows(
    site: &Site,
    environment: EnvironmentName,
    authority: &Authority,
    fingerprint: &str,
) -> Result<()> {
    let mqtt = site.environment(environment).mqtt()?;
    let issued = authority.probe("mkx-probe-server", Validity::hour(), None)?;
    let door = Door::tls(mqtt, &authority.certificate, Some(&issued))?;
    let expected = fingerprint.to_owned();
    let outcome = in_time(door, async move |door| match attempt(door).await {
        None if door.shown().as_deref() == Some(&expected) => Ok(()),
        None => Err("it shows another certificate".into()),
        Some(ending) => Err(ending.to_string()),
    })?;
    outcome.map_err(|cause| {
        Failure::peer(format!(
            "cannot show that the broker of {environment} took its new certificate: {cause}"
        ))
    })
}

/// Looks until it is well, or the time is over; then what is still wrong.
fn in_time<D: Send + Sync + 'static>(
    doors: D,
    look: impl AsyncFn(&D) -> Result<(), String> + Send + 'static,
) -> Result<Result<(), String>> {
    broker::on_its_own(DEADLINE * 2, move || async move {
        let since = Instant::now();
        loop {
            match look(&doors).await {
                Err(_) if since.elapsed() <= DEADLINE => {}
                outcome => return outcome,
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
}

/// How a connection ends; nothing where the broker accepts it.
async fn attempt(door: &Door) -> Option<Ending> {
    match Session::open(door, Protocol::V5, None).await {
        Ok(session) => {
            session.close().await;
            None
        }
        Err(ending) => Some(ending),
    }
}
