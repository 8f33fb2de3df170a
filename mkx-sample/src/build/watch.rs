//! Watches over a long run: a signal ends what the servers are doing for it, and a snapshot that
//! is held for long is called out, because EA can not clean up behind it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mkx_contract::tool::{interrupt, voice};
use postgres::{CancelToken, Client};

use crate::database::endpoint::Endpoint;

/// The watcher; it ends when dropped.
pub struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    sessions: Vec<(Endpoint, CancelToken)>,
    snapshot: Option<(Instant, Duration)>,
    has_ended: bool,
}

impl Watch {
    /// Starts watching.
    pub fn start() -> Watch {
        let shared = Arc::new(Shared::default());
        let watched = shared.clone();
        Watch {
            shared,
            thread: Some(std::thread::spawn(move || watched.run())),
        }
    }

    /// A signal will end what this session is doing.
    pub fn over(&self, endpoint: &Endpoint, client: &Client) {
        let token = client.cancel_token();
        self.shared.lock().sessions.push((endpoint.clone(), token));
    }

    /// Ends what every session is doing.
    pub fn cancel_all(&self) {
        self.shared.cancel_all();
    }

    /// A snapshot of EA is held from now on; a warning comes after `limit`.
    pub fn snapshot_is_held(&self, limit: Duration) {
        self.shared.lock().snapshot = Some((Instant::now(), limit));
    }

    /// The snapshot has been given up.
    pub fn snapshot_is_released(&self) {
        self.shared.lock().snapshot = None;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.lock().has_ended = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cancel_all(&self) {
        let sessions = std::mem::take(&mut self.lock().sessions);
        for (endpoint, token) in &sessions {
            endpoint.cancel(token);
        }
    }

    fn run(&self) {
        loop {
            let state = self.lock();
            if state.has_ended {
                return;
            }
            let waited = self.changed.wait_timeout(state, Duration::from_millis(100));
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if interrupt::arrived() {
                drop(state);
                self.cancel_all();
            } else if let Some((since, limit)) = state.snapshot
                && since.elapsed() > limit
            {
                state.snapshot = None;
                voice::warn(format!(
                    "production's snapshot has been held for {} minutes; until it is released, \
                     production can not clean up rows that are deleted meanwhile",
                    limit.as_secs() / 60
                ));
            }
        }
    }
}
