//! Tells a broker to read its files again, with the command that the site document names.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mkx_contract::tool::voice;
use mkx_contract::{EnvironmentName, Failure, Result, Site};

const DEADLINE: Duration = Duration::from_secs(20);

/// Runs the command; false where the site has none.
///
/// # Errors
/// Exit 4 where it fails or does not end.
pub fn broker(site: &Site, environment: EnvironmentName) -> Result<bool> {
    let command = &site.environment(environment).mqtt()?.reload;
    let Some((program, arguments)) = command.split_first() else {
        voice::warn(format!(
            "the site document has no environments.{environment}.mqtt.reload: send the broker SIGHUP yourself"
        ));
        return Ok(false);
    };
    let shown = command.join(" ");
    let cannot = |cause: &dyn std::fmt::Display| {
        Failure::peer(format!("cannot tell the broker ({shown}): {cause}"))
            .hint("the files are in place: send the broker SIGHUP, then run the same again to have it shown")
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| cannot(&error))?;
    let since = Instant::now();
    loop {
        match child.try_wait().map_err(|error| cannot(&error))? {
            Some(status) if status.success() => return Ok(true),
            Some(status) => return Err(cannot(&status)),
            None if since.elapsed() > DEADLINE => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(cannot(&"it does not end"));
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
