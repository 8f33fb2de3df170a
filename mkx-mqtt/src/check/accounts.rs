//! The accounts of the plain port.

use mkx_contract::{EnvironmentName, Result, Secret};

use super::{Look, file};
use crate::account::{Hash, lines};
use crate::rule::Rule;

/// Looks at them.
pub fn check(look: &mut Look) {
    let path = &look.files.passwords;
    let environment = look.environment;
    let Ok(text) = std::fs::read_to_string(path) else {
        look.find(Rule::PasswordsMissing, path, "it cannot be read");
        return;
    };
    file::secret(look, path);
    let other = look.others.map(|others| &others.passwords);
    let other = other.and_then(|path| std::fs::read_to_string(path).ok());
    let other = other.unwrap_or_default();
    let user = &look.mqtt.service.user;
    let mut is_there = false;
    for (name, text) in lines(&text) {
        if name != user {
            let message =
                format!("it has an account {name:?}: devices have certificates, not passwords");
            look.find(Rule::AccountUnknown, path, message).fix =
                format!("mkx-mqtt passwd {environment} {name} --delete");
            continue;
        }
        is_there = true;
        let Some(hash) = Hash::parse(text) else {
            let message = format!("the password of {user} is not hashed as Mosquitto does it");
            look.find(Rule::PasswordPlain, path, message);
            continue;
        };
        match password(look, environment) {
            Ok(own) if hash.is_of(&own) => {}
            Ok(_) => {
                let message =
                    format!("the password of {user} is not the one that the site document names");
                look.find(Rule::PasswordOther, path, message);
            }
            Err(failure) => {
                let message =
                    format!("the password of {user} could not be held against it: {failure}");
                let finding = look.find(Rule::PasswordUnread, path, message);
                finding.fix = failure.hint.unwrap_or_else(|| finding.fix.clone());
            }
        }
        let is_shared = password(look, environment.other()).is_ok_and(|other| hash.is_of(&other))
            || lines(&other).any(|(_, other)| other == text);
        if is_shared {
            look.share(Rule::PasswordShared, user, path);
        }
    }
    if !is_there {
        let message = format!("it has no account {user}");
        look.find(Rule::AccountMissing, path, message);
    }
}

/// What the site document names.
fn password(look: &Look, environment: EnvironmentName) -> Result<Secret> {
    let described = look.site.environment(environment);
    let source = &described.mqtt()?.service.password;
    source.read(&described.env_file_paths())
}
