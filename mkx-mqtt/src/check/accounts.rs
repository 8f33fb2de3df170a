//! The accounts of the plain port.

use mkx_contract::{EnvironmentName, Result, Secret};

use super::{Look, file};
use crate::account::{Hash, lines};
use crate::rule::Rule;

/// Looks at them.
pub fn check(look: &mut Look) {
    let path = look.files.passwords.clone();
    let environment = look.environment;
    let Ok(text) = std::fs::read_to_string(&path) else {
        look.find(Rule::PasswordsMissing, &path, "it cannot be read");
        return;
    };
    file::secret(look, &path);
    let other = look.others.as_ref().map(|others| &others.passwords);
    let other = other.and_then(|path| std::fs::read_to_string(path).ok());
    let other = other.unwrap_or_default();
    let user = look.mqtt.service.user.clone();
    let mut is_there = false;
    for line in lines(&text) {
        if line.name != user {
            let message = format!(
                "it has an account {:?}: devices have certificates, not passwords",
                line.name
            );
            look.find(Rule::AccountUnknown, &path, message).fix =
                format!("mkx-mqtt passwd {environment} {} --delete", line.name);
            continue;
        }
        is_there = true;
        let Some(hash) = Hash::parse(line.text) else {
            let message = format!("the password of {user} is not hashed as Mosquitto does it");
            look.find(Rule::PasswordPlain, &path, message);
            continue;
        };
        match password(look, environment) {
            Ok(own) if hash.is_of(&own) => {}
            Ok(_) => {
                let message =
                    format!("the password of {user} is not the one that the site document names");
                look.find(Rule::PasswordOther, &path, message);
            }
            Err(failure) => {
                let message = format!(
                    "the password of {user} could not be held against it: {}",
                    failure.message
                );
                let finding = look.find(Rule::PasswordUnread, &path, message);
                finding.fix = failure.hint.unwrap_or_else(|| finding.fix.clone());
            }
        }
        let is_shared = password(look, environment.other()).is_ok_and(|other| hash.is_of(&other))
            || lines(&other).any(|other| other.text == line.text);
        if is_shared {
            look.share(Rule::PasswordShared, &user, &path);
        }
    }
    if !is_there {
        look.find(
            Rule::AccountMissing,
            &path,
            format!("it has no account {user}"),
        );
    }
}

/// What the site document names.
fn password(look: &Look, environment: EnvironmentName) -> Result<Secret> {
    let described = look.site.environment(environment);
    let source = &described.mqtt()?.service.password;
    source.read(&described.env_file_paths())
}
