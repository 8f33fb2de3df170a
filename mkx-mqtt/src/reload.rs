//! Tells a broker to read its files again, with the command that the site document names.

use std::time::Duration;

use mkx_contract::tool::{process, voice};
use mkx_contract::{EnvironmentName, Failure, Result, Site};

const DEADLINE: Duration = Duration::from_secs(20);

/// Runs the command; false where the site has none.
///
/// # Errors
/// Exit 4 where it fails or does not end.
pub fn broker(site: &Site, environment: EnvironmentName) -> Result<bool> {
    let command = &site.environment(environment).mqtt()?.reload;
    if command.is_empty() {
        voice::warn(format!(
            "the site document has no environments.{environment}.mqtt.reload: send the broker SIGHUP yourself"
        ));
        return Ok(false);
    }
    let cannot = |cause: &dyn std::fmt::Display| {
        Failure::peer(format!("cannot tell the broker ({}): {cause}", command.join(" ")))
            .hint("the files are in place: send the broker SIGHUP, then run the same again to have it shown")
    };
    let program = process::full(command, &[]).stdin_null().stdout_null();
    let program = program
        .unchecked()
        .start()
        .map_err(|error| cannot(&error))?;
    let ended = program.wait_timeout(DEADLINE);
    match ended.map_err(|error| cannot(&error))? {
        Some(output) if output.status.success() => Ok(true),
        Some(output) => Err(cannot(&output.status)),
        None => {
            let _ = program.kill();
            Err(cannot(&"it does not end"))
        }
    }
}
