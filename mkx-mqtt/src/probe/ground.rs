//! One environment's broker as the probe meets it: its doors, and topics under names of devices
//! that do not exist.

use std::collections::HashMap;

use mkx_contract::record::site::{Mqtt, PLAYER, Right, Topic};
use mkx_contract::{EnvironmentName, Failure, Result, Secret, Site};

use super::report::Identity;
use crate::authority::{Authority, Issued, Validity};
use crate::broker::Door;
use crate::certificate::Certificate;
use crate::key::Kind;
use crate::place::Files;
use crate::revocation::{PROBE, Revocations};

/// A broker, and how the probe enters it.
pub struct Ground {
    /// Whose.
    pub environment: EnvironmentName,
    /// The device that tries; production knows none of this name.
    pub device: String,
    /// Its topics.
    pub own: Topics,
    /// The topics of another device of the environment.
    pub neighbour: Topics,
    /// The filter for the topics of every device that go down, and that go up.
    pub every_device: Topics,
    /// True where the application may read what the broker says of itself.
    pub reads_system: bool,
    /// True where the revocation list names a serial number that can be tried.
    pub names_revoked: bool,
    /// The door of the other device.
    pub neighbours_door: Door,
    doors: HashMap<Identity, Door>,
}

/// The topics of one device.
#[derive(Debug, Clone)]
pub struct Topics {
    /// It writes, the application reads.
    pub up: String,
    /// The application writes, it reads.
    pub down: String,
    /// It writes, the application reads, and the broker keeps the last message.
    pub kept: String,
}

impl Topics {
    /// All of them.
    pub fn all(&self) -> [&str; 3] {
        [&self.up, &self.down, &self.kept]
    }
}

/// Both brokers; EA's first. Certificates are made for the next hour and in memory only.
pub fn both(site: &Site) -> Result<[Ground; 2]> {
    use EnvironmentName::{Ea, Eb};
    let authorities = [Party::new(site, Ea)?, Party::new(site, Eb)?];
    let [ea, eb] = &authorities;
    if ea.authority.certificate.public_key == eb.authority.certificate.public_key {
        return Err(Failure::refused(
            "cannot tell the brokers apart: both authorities have one key",
        ));
    }
    Ok([Ground::new(site, ea, eb)?, Ground::new(site, eb, ea)?])
}

/// What the files of one environment give.
struct Party {
    environment: EnvironmentName,
    authority: Authority,
    password: Secret,
    revoked: Option<Vec<u8>>,
    device: String,
    neighbour: String,
}

impl Party {
    fn new(site: &Site, environment: EnvironmentName) -> Result<Party> {
        let described = site.environment(environment);
        let files = Files::of(site, environment)?;
        let source = &described.mqtt()?.service.password;
        let revoked = Revocations::read(&files.revocations).ok().and_then(|list| {
            let ours = list.entries.iter().map(|entry| entry.serial.to_bytes_be());
            let (ours, others): (Vec<_>, Vec<_>) = ours.partition(|serial| serial == PROBE);
            ours.into_iter().chain(others).next()
        });
        Ok(Party {
            environment,
            authority: Authority::load(site, environment)?,
            password: source.read(&described.env_file_paths())?,
            revoked,
            device: device_name()?,
            neighbour: device_name()?,
        })
    }

    fn issue(
        &self,
        site: &Site,
        device: &str,
        validity: Validity,
        serial: Option<&[u8]>,
    ) -> Result<Issued> {
        self.authority
            .player(device, &site.name, Kind::Ecdsa, validity, serial)
    }
}

impl Ground {
    fn new(site: &Site, own: &Party, other: &Party) -> Result<Ground> {
        let mqtt = site.environment(own.environment).mqtt()?;
        let trusted = &own.authority.certificate;
        let stranger = stranger(site, &own.authority.certificate)?;
        let device = own.device.as_str();
        let hour = Validity::hour();
        let revoked = own.revoked.as_deref().unwrap_or(PROBE);
        let issued = [
            (
                Identity::OwnCertificate,
                own.issue(site, device, hour, None)?,
            ),
            (
                Identity::OtherCertificate,
                other.issue(site, device, hour, None)?,
            ),
            (
                Identity::Revoked,
                own.issue(site, device, hour, Some(revoked))?,
            ),
            (
                Identity::Expired,
                own.issue(site, device, Validity::past(), None)?,
            ),
            (
                Identity::WrongAuthority,
                stranger.player(device, &site.name, Kind::Ecdsa, hour, None)?,
            ),
        ];
        let mut doors = HashMap::new();
        for (identity, issued) in &issued {
            doors.insert(*identity, Door::tls(mqtt, trusted, Some(issued))?);
        }
        doors.insert(Identity::NoCertificate, Door::tls(mqtt, trusted, None)?);
        let login = |password: &Secret| Some((mqtt.service.user.clone(), password.clone()));
        let nobodys = Secret::new(device_name()?);
        for (identity, login) in [
            (Identity::Service, login(&own.password)),
            (Identity::OtherPassword, login(&other.password)),
            (Identity::WrongPassword, login(&nobodys)),
            (Identity::Anonymous, None),
        ] {
            doors.insert(identity, Door::plain(mqtt, login));
        }
        let neighbour = own.issue(site, &own.neighbour, hour, None)?;
        Ok(Ground {
            environment: own.environment,
            device: own.device.clone(),
            own: topics(mqtt, own.environment, device)?,
            neighbour: topics(mqtt, own.environment, &own.neighbour)?,
            every_device: topics(mqtt, own.environment, "+")?,
            reads_system: mqtt
                .topics
                .iter()
                .any(|topic| topic.topic.starts_with("$SYS") && topic.service == Right::Read),
            names_revoked: own.revoked.is_some(),
            neighbours_door: Door::tls(mqtt, trusted, Some(&neighbour))?,
            doors,
        })
    }

    /// Where and how somebody comes in.
    pub fn door(&self, identity: Identity) -> &Door {
        self.doors
            .get(&identity)
            .expect("every identity has a door")
    }
}

/// An authority of the same name as the environment's, with a key of its own.
fn stranger(site: &Site, like: &Certificate) -> Result<Authority> {
    let name = like.common_name.as_deref().unwrap_or("authority");
    Ok(Authority::make(name, &site.name, Kind::Ecdsa, 1)?.0)
}

/// A name as Makapix gives them to its devices, which no device has.
fn device_name() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::peer(format!("cannot make a name: {error}")))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    ))
}

/// One topic of each kind, as the site document gives them.
fn topics(mqtt: &Mqtt, environment: EnvironmentName, device: &str) -> Result<Topics> {
    let find = |what: &str, is_it: &dyn Fn(&Topic) -> bool| {
        let topic = mqtt
            .topics
            .iter()
            .find(|topic| is_it(topic))
            .ok_or_else(|| {
                Failure::input(format!(
                    "cannot probe {environment}: the site document has no topic that {what}"
                ))
                .hint(format!("see environments.{environment}.mqtt.topics"))
            })?;
        let levels: Vec<&str> = topic.topic.split('/').collect();
        let concrete: Vec<&str> = levels
            .iter()
            .map(|level| match *level {
                "+" | "#" => "mkx-probe",
                level => level,
            })
            .collect();
        Ok(mqtt
            .topic(&concrete.join("/"), PLAYER)
            .replace(PLAYER, device))
    };
    let goes_up = |topic: &Topic| topic.player == Right::Write && topic.service == Right::Read;
    let goes_down = |topic: &Topic| topic.player == Right::Read && topic.service == Right::Write;
    let up = find("a device writes and the application reads", &|topic| {
        goes_up(topic) && !topic.retained
    })?;
    let down = find("the application writes and a device reads", &goes_down)?;
    let kept =
        find("is kept", &|topic| goes_up(topic) && topic.retained).unwrap_or_else(|_| up.clone());
    Ok(Topics { up, down, kept })
}
