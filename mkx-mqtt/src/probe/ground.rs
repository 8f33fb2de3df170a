//! One environment's broker as the probe meets it: its doors, and topics under names of devices
//! that do not exist.

use std::collections::HashMap;

use mkx_contract::record::site::{Mqtt, PLAYER, Right, Topic};
use mkx_contract::{EnvironmentName, Failure, Result, Secret, Site};

use super::report::Identity;
use crate::authority::{Authority, Validity};
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
}

impl Ground {
    fn new(site: &Site, own: &Party, other: &Party) -> Result<Ground> {
        let mqtt = site.environment(own.environment).mqtt()?;
        let trusted = &own.authority.certificate;
        let stranger = stranger(site, trusted)?;
        let device = own.device.as_str();
        let (hour, past) = (Validity::hour(), Validity::past());
        let revoked = Some(own.revoked.as_deref().unwrap_or(PROBE));
        let mut doors = HashMap::new();
        for (identity, authority, validity, serial) in [
            (Identity::OwnCertificate, &own.authority, hour, None),
            (Identity::OtherCertificate, &other.authority, hour, None),
            (Identity::Revoked, &own.authority, hour, revoked),
            (Identity::Expired, &own.authority, past, None),
            (Identity::WrongAuthority, &stranger, hour, None),
        ] {
            let issued = authority.probe(device, validity, serial)?;
            doors.insert(identity, Door::tls(mqtt, trusted, Some(&issued))?);
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
        let neighbour = own.authority.probe(&own.neighbour, hour, None)?;
        let may_read_system =
            |topic: &Topic| topic.topic.starts_with("$SYS") && topic.service == Right::Read;
        Ok(Ground {
            environment: own.environment,
            device: own.device.clone(),
            own: topics(mqtt, own.environment, device)?,
            neighbour: topics(mqtt, own.environment, &own.neighbour)?,
            every_device: topics(mqtt, own.environment, "+")?,
            reads_system: mqtt.topics.iter().any(may_read_system),
            names_revoked: own.revoked.is_some(),
            neighbours_door: Door::tls(mqtt, trusted, Some(&neighbour))?,
            doors,
        })
    }

    /// Where and how somebody comes in.
    pub fn door(&self, identity: Identity) -> &Door {
        let door = self.doors.get(&identity);
        door.expect("every identity has a door")
    }

    /// All topics of both devices.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        let both = [&self.own, &self.neighbour].into_iter();
        both.flat_map(|topics| [topics.up.as_str(), &topics.down, &topics.kept])
    }
}

/// An authority of the same name as the environment's, with a key of its own.
fn stranger(site: &Site, like: &Certificate) -> Result<Authority> {
    let name = like.common_name.as_deref().unwrap_or("authority");
    Ok(Authority::make(name, &site.name, Kind::Ecdsa, 1)?.0)
}

/// A name that no device has: a random UUID, which an application that reads it as one
/// understands too.
fn device_name() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::peer(format!("cannot make a name: {error}")))?;
    let name = uuid::Builder::from_random_bytes(bytes).into_uuid();
    Ok(name.to_string())
}

/// One topic of each kind, as the site document gives them.
fn topics(mqtt: &Mqtt, environment: EnvironmentName, device: &str) -> Result<Topics> {
    let find = |is_it: &dyn Fn(&Topic) -> bool| {
        let topic = mqtt.topics.iter().find(|topic| is_it(topic))?;
        let levels = topic.topic.split('/').map(|level| match level {
            "+" | "#" => "mkx-probe",
            level => level,
        });
        let concrete = levels.collect::<Vec<_>>().join("/");
        Some(mqtt.topic(&concrete, PLAYER).replace(PLAYER, device))
    };
    let missing = |what: &str| {
        Failure::input(format!(
            "cannot probe {environment}: the site document has no topic that {what}"
        ))
        .hint(format!("see environments.{environment}.mqtt.topics"))
    };
    let goes_up = |topic: &Topic| topic.player == Right::Write && topic.service == Right::Read;
    let goes_down = |topic: &Topic| topic.player == Right::Read && topic.service == Right::Write;
    let up = find(&|topic| goes_up(topic) && !topic.retained);
    let up = up.ok_or_else(|| missing("a device writes and the application reads"))?;
    let down = find(&goes_down);
    let down = down.ok_or_else(|| missing("the application writes and a device reads"))?;
    let kept = find(&|topic| goes_up(topic) && topic.retained);
    let kept = kept.unwrap_or_else(|| up.clone());
    Ok(Topics { up, down, kept })
}
