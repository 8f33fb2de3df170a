//! After a broker was told to read its files again: does it do what they say?

use std::time::{Duration, Instant};

use mkx_contract::{EnvironmentName, Failure, Result, Site};

use crate::authority::{Authority, Validity};
use crate::broker::{self, Door, Ending, Protocol, Session};
use crate::key::Kind;
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
        let device = "mkx-probe-revocation";
        let issued = authority.player(device, &site.name, Kind::Ecdsa, Validity::hour(), serial)?;
        Door::tls(mqtt, &authority.certificate, Some(&issued))
    };
    let (good, revoked) = (door(None)?, door(Some(PROBE))?);
    let outcome = broker::on_its_own(DEADLINE * 2, async move {
        let since = Instant::now();
        loop {
            let good = attempt(&good).await;
            let revoked = attempt(&revoked).await;
            let cause = match (&good, &revoked) {
                (None, Some(Ending::Refused(_))) => return Ok(()),
                (Some(ending), _) => format!("it does not accept a good certificate: {ending}"),
                (None, None) => "it accepts a revoked certificate".into(),
                (None, Some(ending)) => format!("a revoked certificate: {ending}"),
            };
            if since.elapsed() > DEADLINE {
                return Err(cause);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
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
    let device = "mkx-probe-server";
    let issued = authority.player(device, &site.name, Kind::Ecdsa, Validity::hour(), None)?;
    let door = Door::tls(mqtt, &authority.certificate, Some(&issued))?;
    let expected = fingerprint.to_owned();
    let outcome = broker::on_its_own(DEADLINE * 2, async move {
        let since = Instant::now();
        loop {
            let cause = match attempt(&door).await {
                None if door.shown().as_deref() == Some(&expected) => return Ok(()),
                None => "it shows another certificate".into(),
                Some(ending) => ending.to_string(),
            };
            if since.elapsed() > DEADLINE {
                return Err(cause);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })?;
    outcome.map_err(|cause| {
        Failure::peer(format!(
            "cannot show that the broker of {environment} took its new certificate: {cause}"
        ))
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
