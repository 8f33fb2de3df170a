//! Who listens while the others act, and what they heard.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mkx_contract::EnvironmentName;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::report::Crossing;
use crate::broker::{Ending, Session};

/// A message that goes through on a good broker has come by then.
pub const PATIENCE: Duration = Duration::from_secs(4);
/// Long enough for a broker that is at work, where much waits for nothing.
pub const IMPATIENCE: Duration = Duration::from_millis(400);

/// What was heard on one broker by those who may hear it.
#[derive(Debug, Clone, Default)]
pub struct Heard(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    payloads: HashSet<String>,
    crossings: Vec<Crossing>,
    ending: Option<Ending>,
}

impl Heard {
    /// Lets a session listen from now on.
    pub fn from(&self, environment: EnvironmentName, mut session: Session) -> JoinHandle<()> {
        let heard = self.clone();
        tokio::spawn(async move {
            let ending = session
                .listen(|message| {
                    heard.with(|state| {
                        if let Some(from) = origin(&message.payload)
                            && from != environment
                        {
                            state.crossings.push(Crossing {
                                from,
                                to: environment,
                                topic: message.topic.clone(),
                            });
                        }
                        state.payloads.insert(message.payload.clone());
                    });
                })
                .await;
            heard.with(|state| state.ending = Some(ending));
        })
    }

    /// Waits for a message; whether it came.
    pub async fn waits_for(&self, payload: &str, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while !self.has(payload) {
            if Instant::now() > deadline || self.ending().is_some() {
                return false;
            }
            sleep(Duration::from_millis(5)).await;
        }
        true
    }

    /// Whether a message was heard.
    pub fn has(&self, payload: &str) -> bool {
        self.with(|state| state.payloads.contains(payload))
    }

    /// Why a listener stopped, if one did.
    pub fn ending(&self) -> Option<Ending> {
        self.with(|state| state.ending.clone())
    }

    /// What came from the other broker.
    pub fn crossings(&self) -> Vec<Crossing> {
        self.with(|state| {
            state.crossings.dedup();
            state.crossings.clone()
        })
    }

    fn with<T>(&self, what: impl FnOnce(&mut State) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A message that is like no other, and says on which broker it was published.
pub fn canary(environment: EnvironmentName) -> String {
    let mut random = [0; 16];
    // Without randomness there are no certificates either, and no run came here.
    let _ = getrandom::fill(&mut random);
    format!(
        "mkx-canary:{environment}:{:032x}",
        u128::from_be_bytes(random)
    )
}

/// On which broker a canary was published.
fn origin(payload: &str) -> Option<EnvironmentName> {
    let (name, _) = payload.strip_prefix("mkx-canary:")?.split_once(':')?;
    [EnvironmentName::Ea, EnvironmentName::Eb]
        .into_iter()
        .find(|environment| environment.to_string() == name)
}
