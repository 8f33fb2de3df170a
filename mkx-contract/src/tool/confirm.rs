//! The words that let a tool change production.

use std::io::{BufRead, Write};

use crate::tool::voice;
use crate::{EnvironmentName, Failure, Result, Site};

/// Passes for development, and for production as [`production`] does.
///
/// # Errors
/// As [`production`].
pub fn change(
    site: &Site,
    environment: EnvironmentName,
    given: Option<&str>,
    doing: &str,
) -> Result<()> {
    match environment {
        EnvironmentName::Ea => production(&site.environments.ea.domain, given, doing),
        EnvironmentName::Eb => Ok(()),
    }
}

/// Passes where `given` (the value of `--confirm`) is production's domain, or where the user
/// types it at a prompt; a prompt appears only where stdin and stderr are a terminal.
///
/// `doing` completes "this will …".
///
/// # Errors
/// Exit 5 otherwise.
pub fn production(domain: &str, given: Option<&str>, doing: &str) -> Result<()> {
    let refused = |message: String| {
        Err(Failure::refused(message).hint(format!("to go on, add --confirm {domain}")))
    };
    match given {
        Some(words) if words == domain => Ok(()),
        Some(words) => refused(format!(
            "cannot go on: --confirm says {words:?}, production's domain is {domain}"
        )),
        None if voice::may_prompt() => {
            let _ = write!(
                std::io::stderr(),
                "This will {doing}, which is production.\nType its domain to go on: "
            );
            let mut answer = String::new();
            let _ = std::io::stdin().lock().read_line(&mut answer);
            if answer.trim() == domain {
                Ok(())
            } else {
                refused("cannot go on: production's domain was not typed".into())
            }
        }
        None => refused(format!(
            "cannot {doing} without confirmation: it is production"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_domain_of_production_confirms() {
        assert!(production("makapix.club", Some("makapix.club"), "stop it").is_ok());
        for wrong in ["", "yes", "development.makapix.club", "MAKAPIX.CLUB"] {
            let failure = production("makapix.club", Some(wrong), "stop it").unwrap_err();
            assert_eq!(failure.kind.exit_code(), 5);
        }
    }
}
