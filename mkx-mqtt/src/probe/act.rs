//! What somebody does on a broker, and what comes of it. A connection an act.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mkx_contract::tool::interrupt;

use super::arrival::{Place, Who};
use super::hearing::{IMPATIENCE, canary};
use super::report::{Action, Identity, Outcome};
use crate::broker::{Ending, Protocol, Session, Will};

/// What came of an act; the messages that nobody must have heard are judged at the end.
#[derive(Clone)]
pub struct Drawn {
    /// What came of it.
    pub outcome: Outcome,
    /// By what it was seen.
    pub evidence: String,
    /// Messages that nobody must have heard.
    pub forbidden: Vec<String>,
}

impl Drawn {
    /// An act without messages.
    pub fn new(outcome: Outcome, evidence: impl Into<String>) -> Drawn {
        Drawn {
            outcome,
            evidence: evidence.into(),
            forbidden: Vec::new(),
        }
    }
}

/// Somebody on a broker, in one version of the protocol.
#[derive(Clone)]
pub struct Actor {
    /// The broker.
    pub place: Arc<Place>,
    /// Who.
    pub identity: Identity,
    /// The version.
    pub protocol: Protocol,
}

/// What is somebody's own, and what is not.
struct Reach<'a> {
    /// May be published on; who hears it.
    write: (&'a str, Who),
    /// May be published on, and is kept.
    keep: (&'a str, Who),
    /// Must not be published on; who would hear it.
    write_not: &'a str,
    /// Must not be kept on; who would find it.
    keep_not: (&'a str, Who),
    /// May be read; who publishes it.
    read: (&'a str, Who),
    /// Must not be read; who publishes it.
    read_not: (&'a str, Who),
    /// The filter for what may be read, over all devices.
    every: &'a str,
}

impl Actor {
    /// Does one thing.
    pub async fn act(&self, action: Action) -> Drawn {
        let stalled = &self.place.stalled;
        if interrupt::arrived() {
            return Drawn::new(Outcome::Unknown, "interrupted");
        }
        if stalled.load(Ordering::Relaxed) {
            return Drawn::new(Outcome::Unknown, "the broker does not go on");
        }
        let done = match action {
            Action::Connect => self.connect().await,
            Action::Publish => self.publish().await,
            Action::Will => self.will().await,
            Action::Retained => self.retained().await,
            Action::Subscribe => {
                let reach = self.reach();
                self.subscribe(&[reach.read_not.0, reach.read.0]).await
            }
            Action::Everything => self.subscribe(&["#"]).await,
            Action::EveryDevice => self.subscribe(&[self.reach().every]).await,
            Action::System => self.system().await,
        };
        let drawn = done.unwrap_or_else(|ending| {
            if matches!(ending, Ending::Stalled(_)) {
                stalled.store(true, Ordering::Relaxed);
            }
            Drawn::new(Outcome::Unknown, ending.to_string())
        });
        if self.identity.is_welcome()
            && matches!(drawn.outcome, Outcome::TooLittle | Outcome::Unknown)
        {
            self.place.missed.store(true, Ordering::Relaxed);
        }
        drawn
    }

    /// How long to wait for what may come. Who should not be here at all is found out already;
    /// what he can do besides is not worth the time.
    fn patience(&self) -> Duration {
        match self.identity.is_welcome() {
            true => self.place.patience(),
            false => IMPATIENCE,
        }
    }

    fn reach(&self) -> Reach<'_> {
        let ground = &self.place.ground;
        let (own, neighbour) = (&ground.own, &ground.neighbour);
        if self.identity.is_device() {
            Reach {
                write: (&own.up, Who::Service),
                keep: (&own.kept, Who::Service),
                write_not: &neighbour.up,
                keep_not: (&neighbour.kept, Who::Service),
                read: (&own.down, Who::Service),
                read_not: (&neighbour.down, Who::Service),
                every: &ground.every_device.down,
            }
        } else {
            Reach {
                write: (&neighbour.down, Who::Neighbour),
                keep: (&neighbour.down, Who::Neighbour),
                write_not: &neighbour.up,
                keep_not: (&neighbour.kept, Who::Service),
                read: (&neighbour.up, Who::Neighbour),
                read_not: (&neighbour.down, Who::Service),
                every: &ground.every_device.up,
            }
        }
    }

    /// Comes to the broker.
    pub async fn open(&self, will: Option<&Will>) -> Result<Session, Ending> {
        let door = self.place.ground.door(self.identity);
        Session::open(door, self.protocol, will).await
    }

    fn canary(&self) -> String {
        canary(self.place.ground.environment)
    }

    async fn connect(&self) -> Result<Drawn, Ending> {
        match self.open(None).await {
            Ok(session) => {
                session.close().await;
                Ok(Drawn::new(Outcome::Allowed, "accepted"))
            }
            Err(Ending::Refused(how)) => Ok(Drawn::new(Outcome::Refused, how)),
            Err(other) => Err(other),
        }
    }

    async fn publish(&self) -> Result<Drawn, Ending> {
        let reach = self.reach();
        let mut session = self.open(None).await?;
        let not = self.canary();
        let taken = session.publish(reach.write_not, &not, false).await?;
        let own = self.canary();
        session.publish(reach.write.0, &own, false).await?;
        session.close().await;
        let outcome = self.judge(&own, taken).await;
        Ok(self.drawn(outcome, taken, not))
    }

    async fn will(&self) -> Result<Drawn, Ending> {
        let reach = self.reach();
        let [not, own] = [self.canary(), self.canary()];
        for (topic, payload) in [(reach.write_not, &not), (reach.write.0, &own)] {
            let will = Will {
                topic: topic.to_owned(),
                payload: payload.clone(),
            };
            match self.open(Some(&will)).await {
                Ok(session) => drop(session),
                // A broker may refuse such a Will at once.
                Err(Ending::Refused(_)) if topic == reach.write_not => {}
                Err(ending) => return Err(ending),
            }
        }
        let outcome = self.judge(&own, None).await;
        Ok(self.drawn(outcome, None, not))
    }

    async fn retained(&self) -> Result<Drawn, Ending> {
        let reach = self.reach();
        let _alone = self.place.keeping.lock().await;
        let mut session = self.open(None).await?;
        let [not, own] = [self.canary(), self.canary()];
        let taken = session.publish(reach.keep_not.0, &not, true).await?;
        session.publish(reach.keep.0, &own, true).await?;
        let found = self.finds(reach.keep_not, &not).await;
        let kept = match found {
            Ok(Some(_)) => self.finds(reach.keep, &own).await,
            _ => Ok(None),
        };
        session.publish(reach.keep.0, "", true).await?;
        session.close().await;
        let outcome = match (found?, kept?) {
            (None, _) | (_, None) => {
                let evidence = "those who may read hear nothing";
                return Ok(Drawn::new(Outcome::Unknown, evidence));
            }
            (Some(true), _) => Outcome::TooMuch,
            (_, Some(false)) => Outcome::TooLittle,
            (_, Some(true)) if taken == Some(true) => Outcome::TooMuch,
            (_, Some(true)) => Outcome::OwnOnly,
        };
        Ok(self.drawn(outcome, taken, not))
    }

    /// Whether one who comes later finds a message; nothing where he hears of none at all.
    async fn finds(
        &self,
        (topic, who): (&str, Who),
        payload: &str,
    ) -> Result<Option<bool>, Ending> {
        let mut reader = self.place.another(who).await?;
        reader.subscribe(topic).await?;
        // What is kept comes before what is published afterwards.
        let neighbour = &self.place.ground.neighbour;
        let (publisher, fence) = match who {
            Who::Service => (Who::Neighbour, &neighbour.up),
            Who::Neighbour => (Who::Service, &neighbour.down),
        };
        reader.subscribe(fence).await?;
        let last = self.place.publish(publisher, fence).await?;
        if !reader.hears(&last, self.patience()).await? {
            return Ok(None);
        }
        let mut kept = reader.heard.iter().filter(|message| message.retained);
        let found = kept.any(|message| message.payload == payload);
        reader.close().await;
        Ok(Some(found))
    }

    async fn subscribe(&self, filters: &[&str]) -> Result<Drawn, Ending> {
        let reach = self.reach();
        let mut session = self.open(None).await?;
        let mut granted = true;
        for filter in filters {
            granted &= session.subscribe(filter).await?;
        }
        let not = self.tell(reach.read_not).await?;
        let own = self.tell(reach.read).await?;
        let hears = session.hears(&own, self.patience()).await?;
        let strange =
            session.has_heard(&not) || self.identity.is_device() && self.is_strange(&session);
        session.close().await;
        let (outcome, evidence) = match (strange, hears) {
            (true, _) => (Outcome::TooMuch, "heard what is not its own"),
            (false, true) => {
                let evidence = "heard its own, and not what another heard";
                (Outcome::OwnOnly, evidence)
            }
            // Then nothing can come either.
            (false, false) if !granted && filters.len() == 1 => {
                (Outcome::OwnOnly, "the filter is refused")
            }
            (false, false) => (Outcome::TooLittle, "did not hear its own"),
        };
        Ok(Drawn::new(outcome, evidence))
    }

    /// Lets somebody publish on a topic.
    async fn tell(&self, (topic, who): (&str, Who)) -> Result<String, Ending> {
        self.place.publish(who, topic).await
    }

    /// A device hears of nothing but itself.
    fn is_strange(&self, session: &Session) -> bool {
        let device = &self.place.ground.device;
        let mut topics = session.heard.iter().map(|message| &message.topic);
        topics.any(|topic| !topic.split('/').any(|level| level == device))
    }

    async fn system(&self) -> Result<Drawn, Ending> {
        let reach = self.reach();
        let mut session = self.open(None).await?;
        let granted = session.subscribe("$SYS/#").await?;
        session.subscribe(reach.read.0).await?;
        let own = self.tell(reach.read).await?;
        let hears = session.hears(&own, self.patience()).await?;
        let mut heard = session.heard.iter();
        let told = heard.any(|message| message.topic.starts_with("$SYS/"));
        session.close().await;
        let (outcome, evidence) = match (told, hears, granted) {
            (true, ..) => (Outcome::Allowed, "heard the broker's own topics"),
            (_, true, true) => (Outcome::Refused, "heard its own, and nothing of the broker"),
            (_, true, false) => (Outcome::Refused, "the filter is refused"),
            (_, false, _) => (Outcome::Unknown, "did not hear its own"),
        };
        Ok(Drawn::new(outcome, evidence))
    }

    /// Version 5 has an answer to what was forbidden, and it must be no.
    async fn judge(&self, own: &str, taken: Option<bool>) -> Outcome {
        let is_heard = self.place.heard.waits_for(own, self.patience()).await;
        match (is_heard, taken) {
            (false, _) => Outcome::TooLittle,
            (true, Some(true)) => Outcome::TooMuch,
            (true, _) => Outcome::OwnOnly,
        }
    }

    fn drawn(&self, outcome: Outcome, taken: Option<bool>, not: String) -> Drawn {
        let evidence = match (outcome, taken) {
            (Outcome::TooLittle, _) => "nobody heard its own",
            (_, Some(true)) => "the broker took what is not its own",
            (_, Some(false)) => "its own was heard, and what is not was answered with no",
            (_, None) => "its own was heard",
        };
        Drawn {
            outcome,
            evidence: evidence.into(),
            forbidden: vec![not],
        }
    }
}
