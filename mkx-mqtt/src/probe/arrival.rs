//! Everything that is there before anybody acts: on each broker the application and a device that
//! listen, and the same two to publish what others must not hear.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::ground::Ground;
use super::hearing::{Heard, IMPATIENCE, PATIENCE, canary};
use super::report::Identity;
use crate::broker::{Door, Ending, Protocol, Session};

/// One broker with everybody in place.
pub struct Place {
    /// The broker.
    pub ground: Ground,
    /// What the application and the other device heard.
    pub heard: Heard,
    /// The application, to publish.
    pub service: Mutex<Session>,
    /// The other device, to publish.
    pub neighbour: Mutex<Session>,
    /// What is kept on a topic is one's alone for a while.
    pub keeping: Mutex<()>,
    /// Set once the broker did not go on: then nobody waits for it any more.
    pub stalled: AtomicBool,
    /// Set once what should have come did not: then nobody waits that long any more.
    pub missed: AtomicBool,
    listeners: Vec<JoinHandle<()>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
    }
}

/// Why nobody can judge what happens on a broker.
pub struct Absent {
    /// The broker.
    pub ground: Ground,
    /// Who is missing, and why.
    pub cause: String,
    /// How the connection ended.
    pub ending: Ending,
}

/// Puts everybody in place; `others` are the topics of the other broker, where nothing must come
/// from.
pub async fn arrive(ground: Ground, others: &[String]) -> Result<Arc<Place>, Box<Absent>> {
    match settle(&ground, others).await {
        Ok((heard, listeners, service, neighbour)) => Ok(Arc::new(Place {
            ground,
            heard,
            service: Mutex::new(service),
            neighbour: Mutex::new(neighbour),
            keeping: Mutex::new(()),
            stalled: AtomicBool::new(false),
            missed: AtomicBool::new(false),
            listeners,
        })),
        Err((who, ending)) => Err(Box::new(Absent {
            cause: format!("{who}: {ending}"),
            ground,
            ending,
        })),
    }
}

type Settled = (Heard, Vec<JoinHandle<()>>, Session, Session);

async fn settle(ground: &Ground, others: &[String]) -> Result<Settled, (&'static str, Ending)> {
    let service = ground.door(Identity::Service);
    let device = &ground.neighbours_door;
    let as_service = |ending| ("the application", ending);
    let as_device = |ending| ("a device", ending);
    let mut listener = open(service).await.map_err(as_service)?;
    let mut neighbour = open(device).await.map_err(as_device)?;
    for topics in [&ground.own, &ground.neighbour] {
        for topic in [&topics.up, &topics.kept] {
            listener.subscribe(topic).await.map_err(as_service)?;
        }
    }
    let down = &ground.neighbour.down;
    neighbour.subscribe(down).await.map_err(as_device)?;
    for topic in others {
        listener.subscribe(topic).await.map_err(as_service)?;
        neighbour.subscribe(topic).await.map_err(as_device)?;
    }
    let heard = Heard::default();
    let listeners = vec![
        heard.from(ground.environment, listener),
        heard.from(ground.environment, neighbour),
    ];
    let service = open(service).await.map_err(as_service)?;
    let neighbour = open(device).await.map_err(as_device)?;
    Ok((heard, listeners, service, neighbour))
}

/// Connects to a broker.
pub async fn open(door: &Door) -> Result<Session, Ending> {
    Session::open(door, Protocol::V5, None).await
}

impl Place {
    /// Publishes as the application or as the other device, and says what.
    pub async fn publish(&self, who: Who, topic: &str) -> Result<String, Ending> {
        let payload = canary(self.ground.environment);
        let session = match who {
            Who::Service => &self.service,
            Who::Neighbour => &self.neighbour,
        };
        session.lock().await.publish(topic, &payload, false).await?;
        Ok(payload)
    }

    /// How long to wait for what should come.
    pub fn patience(&self) -> Duration {
        match self.missed.load(Ordering::Relaxed) {
            true => IMPATIENCE,
            false => PATIENCE,
        }
    }

    /// Another connection of the application or of the other device.
    pub async fn another(&self, who: Who) -> Result<Session, Ending> {
        match who {
            Who::Service => open(self.ground.door(Identity::Service)).await,
            Who::Neighbour => open(&self.ground.neighbours_door).await,
        }
    }

    /// Publishes once more on every way; whether those who listen still hear it.
    pub async fn is_still_heard(&self) -> bool {
        let (up, down) = (&self.ground.neighbour.up, &self.ground.neighbour.down);
        for (who, topic) in [(Who::Neighbour, up), (Who::Service, down)] {
            match self.publish(who, topic).await {
                Ok(payload) if self.heard.waits_for(&payload, self.patience()).await => {}
                _ => return false,
            }
        }
        self.heard.ending().is_none()
    }
}

/// Who helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The application.
    Service,
    /// The other device.
    Neighbour,
}
