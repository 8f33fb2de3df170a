//! One connection, in either version of the protocol.

use std::time::Duration;

use rumqttc::v5;
use rumqttc::v5::mqttbytes::v5::{LastWill, PubAckReason, SubscribeReasonCode};
use rumqttc::{QoS, TlsConfiguration, Transport};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Door, Ending};

const CONNECTING: Duration = Duration::from_secs(5);
const ANSWERING: Duration = Duration::from_secs(4);
const QOS_V4: QoS = QoS::AtLeastOnce;
const QOS_V5: v5::mqttbytes::QoS = v5::mqttbytes::QoS::AtLeastOnce;
/// Requests that may be on their way.
const IN_FLIGHT: u16 = 16;
/// The largest packet that is read.
const LARGEST_BYTES: u32 = 8 * 1024 * 1024;

/// The version of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Protocol {
    /// 3.1.1
    #[serde(rename = "3.1.1")]
    V4,
    /// 5
    #[serde(rename = "5")]
    V5,
}

/// What the broker publishes when the connection breaks.
#[derive(Debug, Clone)]
pub struct Will {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: String,
}

/// What came in on a subscription.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where it was published.
    pub topic: String,
    /// What it says; nothing where it is not text.
    pub payload: String,
    /// True where the broker had kept it.
    pub retained: bool,
}

/// A connection that the broker has accepted. Dropping it breaks it, so that its Will is
/// published; [`Session::close`] takes leave.
pub struct Session {
    link: Link,
    /// What came in, in order.
    pub heard: Vec<Message>,
}

enum Link {
    V4(rumqttc::AsyncClient, Box<rumqttc::EventLoop>),
    V5(v5::AsyncClient, Box<v5::EventLoop>),
}

/// What the broker says.
enum Event {
    Accepted,
    /// Whether it says that it took the message; version 3.1.1 has no way to say no.
    Published(Option<bool>),
    Subscribed(bool),
    Heard(Message),
    Other,
}

impl Session {
    /// Connects and waits until the broker accepts.
    pub async fn open(
        door: &Door,
        protocol: Protocol,
        will: Option<&Will>,
    ) -> Result<Session, Ending> {
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|error| Ending::Unreachable(error.to_string()))?;
        let id = format!("mkx-probe-{:016x}", u64::from_be_bytes(id));
        let mut session = Session {
            link: match protocol {
                Protocol::V4 => link_v4(id, door, will),
                Protocol::V5 => link_v5(id, door, will),
            },
            heard: Vec::new(),
        };
        let accepted = |event| matches!(event, Event::Accepted).then_some(());
        session.wait(CONNECTING, "connecting", accepted).await?;
        Ok(session)
    }

    /// Publishes at QoS 1; what the broker's answer says about it, if it can say anything.
    pub async fn publish(
        &mut self,
        topic: &str,
        payload: &str,
        retain: bool,
    ) -> Result<Option<bool>, Ending> {
        let payload = payload.to_owned();
        let asked = match &self.link {
            Link::V4(client, _) => client.try_publish(topic, QOS_V4, retain, payload).is_ok(),
            Link::V5(client, _) => client.try_publish(topic, QOS_V5, retain, payload).is_ok(),
        };
        if !asked {
            return Err(Ending::Stalled("publishing"));
        }
        let taken = |event| match event {
            Event::Published(taken) => Some(taken),
            _ => None,
        };
        self.wait(ANSWERING, "publishing", taken).await
    }

    /// Subscribes; whether the broker grants it.
    pub async fn subscribe(&mut self, filter: &str) -> Result<bool, Ending> {
        let asked = match &self.link {
            Link::V4(client, _) => client.try_subscribe(filter, QOS_V4).is_ok(),
            Link::V5(client, _) => client.try_subscribe(filter, QOS_V5).is_ok(),
        };
        if !asked {
            return Err(Ending::Stalled("subscribing"));
        }
        let granted = |event| match event {
            Event::Subscribed(granted) => Some(granted),
            _ => None,
        };
        self.wait(ANSWERING, "subscribing", granted).await
    }

    /// Waits for a message; whether it came.
    pub async fn hears(&mut self, payload: &str, limit: Duration) -> Result<bool, Ending> {
        let deadline = Instant::now() + limit;
        while !self.has_heard(payload) {
            match timeout_at(deadline, self.next()).await {
                Ok(event) => drop(event?),
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Whether a message came in.
    pub fn has_heard(&self, payload: &str) -> bool {
        self.heard.iter().any(|message| message.payload == payload)
    }

    /// Takes in whatever comes, for ever.
    pub async fn listen(&mut self, mut heard: impl FnMut(&Message)) -> Ending {
        loop {
            for message in self.heard.drain(..) {
                heard(&message);
            }
            if let Err(ending) = self.next().await {
                return ending;
            }
        }
    }

    /// Takes leave, so that no Will is published.
    pub async fn close(mut self) {
        let asked = match &self.link {
            Link::V4(client, _) => client.try_disconnect().is_ok(),
            Link::V5(client, _) => client.try_disconnect().is_ok(),
        };
        if asked {
            let gone = async { while self.next().await.is_ok() {} };
            let _ = timeout(Duration::from_secs(1), gone).await;
        }
    }

    /// Waits for an event, for no longer than `limit`.
    async fn wait<T>(
        &mut self,
        limit: Duration,
        phase: &'static str,
        is_it: impl Fn(Event) -> Option<T>,
    ) -> Result<T, Ending> {
        let came = async {
            loop {
                if let Some(came) = is_it(self.next().await?) {
                    return Ok(came);
                }
            }
        };
        let came = timeout(limit, came).await;
        came.unwrap_or(Err(Ending::Stalled(phase)))
    }

    async fn next(&mut self) -> Result<Event, Ending> {
        let event = match &mut self.link {
            Link::V4(_, events) => event_v4(events.poll().await?),
            Link::V5(_, events) => event_v5(events.poll().await?),
        };
        if let Event::Heard(message) = &event {
            self.heard.push(message.clone());
        }
        Ok(event)
    }
}

fn transport(door: &Door) -> Transport {
    match &door.tls {
        Some(config) => Transport::Tls(TlsConfiguration::Rustls(config.clone())),
        None => Transport::Tcp,
    }
}

fn link_v4(id: String, door: &Door, will: Option<&Will>) -> Link {
    let mut options = rumqttc::MqttOptions::new(id, &door.host, door.port);
    let largest = usize::try_from(LARGEST_BYTES).unwrap_or(usize::MAX);
    options
        .set_transport(transport(door))
        .set_inflight(IN_FLIGHT)
        .set_max_packet_size(largest, largest);
    if let Some((user, password)) = &door.login {
        options.set_credentials(user, password.expose());
    }
    if let Some(will) = will {
        let (topic, payload) = (&will.topic, will.payload.clone());
        options.set_last_will(rumqttc::LastWill::new(topic, payload, QOS_V4, false));
    }
    let (client, events) = rumqttc::AsyncClient::new(options, usize::from(IN_FLIGHT));
    Link::V4(client, Box::new(events))
}

fn link_v5(id: String, door: &Door, will: Option<&Will>) -> Link {
    let mut options = v5::MqttOptions::new(id, &door.host, door.port);
    options
        .set_transport(transport(door))
        .set_outgoing_inflight_upper_limit(IN_FLIGHT)
        .set_max_packet_size(Some(LARGEST_BYTES));
    if let Some((user, password)) = &door.login {
        options.set_credentials(user, password.expose());
    }
    if let Some(will) = will {
        let (topic, payload) = (&will.topic, will.payload.clone());
        options.set_last_will(LastWill::new(topic, payload, QOS_V5, false, None));
    }
    let (client, events) = v5::AsyncClient::new(options, usize::from(IN_FLIGHT));
    Link::V5(client, Box::new(events))
}

fn event_v4(event: rumqttc::Event) -> Event {
    use rumqttc::Packet;
    let rumqttc::Event::Incoming(packet) = event else {
        return Event::Other;
    };
    match packet {
        Packet::ConnAck(_) => Event::Accepted,
        Packet::PubAck(_) => Event::Published(None),
        Packet::SubAck(ack) => {
            let refused = rumqttc::SubscribeReasonCode::Failure;
            Event::Subscribed(!ack.return_codes.contains(&refused))
        }
        Packet::Publish(publish) => Event::Heard(Message {
            topic: publish.topic,
            payload: String::from_utf8_lossy(&publish.payload).into_owned(),
            retained: publish.retain,
        }),
        _ => Event::Other,
    }
}

fn event_v5(event: v5::Event) -> Event {
    use v5::mqttbytes::v5::Packet;
    let v5::Event::Incoming(packet) = event else {
        return Event::Other;
    };
    match packet {
        Packet::ConnAck(_) => Event::Accepted,
        Packet::PubAck(ack) => Event::Published(Some(matches!(
            ack.reason,
            PubAckReason::Success | PubAckReason::NoMatchingSubscribers
        ))),
        Packet::SubAck(ack) => {
            let is_granted = |code: &_| matches!(code, SubscribeReasonCode::Success(_));
            Event::Subscribed(ack.return_codes.iter().all(is_granted))
        }
        Packet::Publish(publish) => Event::Heard(Message {
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            payload: String::from_utf8_lossy(&publish.payload).into_owned(),
            retained: publish.retain,
        }),
        _ => Event::Other,
    }
}
