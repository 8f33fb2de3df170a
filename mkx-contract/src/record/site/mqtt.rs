//! What the site document says of an environment's broker.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::secret::Source;

/// What stands for a device's own name in a topic.
pub const PLAYER: &str = "{player}";

/// An environment's MQTT broker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mqtt {
    /// The name that the application uses inside: the container's own.
    pub host: String,
    /// The name that devices are given.
    pub public_host: String,
    /// The port for TLS with client certificates, on the host.
    pub port: u16,
    /// The plain port, on loopback of the host.
    pub plain_port: u16,
    /// Where this host reaches the port for TLS; absent: `public_host`.
    #[serde(default)]
    pub address: Option<String>,
    /// Further names and addresses that the broker's certificate carries.
    #[serde(default)]
    pub names: Vec<String>,
    /// Certificates and keys, relative to the environment's directory.
    pub certificate_directory: PathBuf,
    /// Configuration, ACL and password files, relative to the environment's directory.
    pub config_directory: PathBuf,
    /// The ACL's name there.
    #[serde(default = "acls")]
    pub acl_file: String,
    /// The certificate directory as the broker sees it; absent: the same path.
    #[serde(default)]
    pub broker_certificates: Option<PathBuf>,
    /// The configuration directory as the broker sees it; absent: the same path.
    #[serde(default)]
    pub broker_config: Option<PathBuf>,
    /// Where the broker itself listens; absent: on `port`, and on `plain_port` of loopback.
    #[serde(default)]
    pub listen: Option<Listen>,
    /// The user that the broker becomes when root starts it; absent: Mosquitto's default.
    #[serde(default)]
    pub user: Option<String>,
    /// The application's own account.
    pub service: Account,
    /// Who may do what; what is not named is denied.
    #[serde(default)]
    pub topics: Vec<Topic>,
    /// A second fence: every topic starts with it. Absent: none.
    #[serde(default)]
    pub topic_prefix: Option<String>,
    /// Makes the broker read its files again, as a command: `["docker", "kill", "--signal", "HUP", …]`.
    #[serde(default)]
    pub reload: Vec<String>,
}

/// Where a broker listens, in its own container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// The port for TLS.
    pub port: u16,
    /// The plain port.
    pub plain_port: u16,
    /// The address of the plain port; a container that publishes it on loopback only says
    /// `0.0.0.0`.
    #[serde(default = "loopback")]
    pub plain_address: String,
}

fn acls() -> String {
    "acls".into()
}

fn loopback() -> String {
    "127.0.0.1".into()
}

/// The application's account on the plain port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Its name.
    pub user: String,
    /// Where its password is.
    pub password: Source,
}

/// What somebody may do on a topic.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Nothing.
    #[default]
    None,
    /// Subscribe.
    Read,
    /// Publish.
    Write,
}

/// A topic, or a filter, and who may do what there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// With `{player}` for the device's own name: `home/{player}/status`.
    pub topic: String,
    /// What the device of that name may do.
    #[serde(default)]
    pub player: Right,
    /// What the application may do, for every device.
    #[serde(default)]
    pub service: Right,
    /// True where the last message is kept for those who come later.
    #[serde(default)]
    pub retained: bool,
}

impl Topic {
    /// What is wrong with the topic.
    pub fn problem(&self) -> Option<&'static str> {
        let levels: Vec<&str> = self.topic.split('/').collect();
        let last = levels.len() - 1;
        if self.topic.is_empty() || self.topic.contains(char::is_control) {
            return Some("it is not a topic");
        }
        if levels.iter().enumerate().any(|(at, level)| {
            (level.contains('#') && (*level != "#" || at != last))
                || (level.contains('+') && *level != "+")
                || (level.contains(['{', '}', '%']) && *level != PLAYER)
        }) {
            return Some("+, # and {player} must be whole levels, and # the last");
        }
        if self.player != Right::None && !levels.contains(&PLAYER) {
            return Some("a device may only have topics with {player} in them");
        }
        if levels[0].starts_with('$') && self.service == Right::Write {
            return Some("what is under $ can only be read");
        }
        None
    }
}

impl Mqtt {
    /// Where this host reaches the port for TLS.
    pub fn address(&self) -> &str {
        self.address.as_deref().unwrap_or(&self.public_host)
    }

    /// Where the broker itself listens.
    pub fn listen(&self) -> Listen {
        self.listen.clone().unwrap_or_else(|| Listen {
            port: self.port,
            plain_port: self.plain_port,
            plain_address: loopback(),
        })
    }

    /// The certificate directory as the broker sees it.
    pub fn broker_certificates(&self) -> &Path {
        self.broker_certificates
            .as_deref()
            .unwrap_or(&self.certificate_directory)
    }

    /// The configuration directory as the broker sees it.
    pub fn broker_config(&self) -> &Path {
        self.broker_config
            .as_deref()
            .unwrap_or(&self.config_directory)
    }

    /// A topic behind the environment's prefix, with what stands for the device's name.
    pub fn topic(&self, topic: &str, player: &str) -> String {
        let topic = topic.replace(PLAYER, player);
        match &self.topic_prefix {
            Some(prefix) if !topic.starts_with('$') => {
                format!("{}/{topic}", prefix.trim_end_matches('/'))
            }
            _ => topic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(topic: &str, player: Right, is_right: bool) {
        let topic = Topic {
            topic: topic.into(),
            player,
            service: Right::Read,
            retained: false,
        };
        assert_eq!(topic.problem().is_none(), is_right, "{topic:?}");
    }

    #[test]
    fn a_device_has_topics_of_its_own_only() {
        check("a/{player}/b", Right::Write, true);
        check("a/{player}/+", Right::Read, true);
        check("a/+/b", Right::None, true);
        check("$SYS/#", Right::None, true);
        check("a/+/b", Right::Read, false);
        check("#", Right::Read, false);
        check("a/x{player}/b", Right::Write, false);
        check("a/#/b", Right::None, false);
        check("a/%u", Right::None, false);
        check("", Right::None, false);
    }
}
