//! Connections to a broker that may be anything: a good one, a stalled one, no broker at all.
//!
//! The client library can hang in a TLS handshake and panic on what a broker sends. Every phase
//! here has a deadline, a panic ends one task, and everything runs on a thread of its own that
//! the tool can leave behind.

mod door;
mod ending;
mod session;

use std::future::Future;
use std::sync::Once;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use mkx_contract::{Failure, Result};

pub use door::Door;
pub use ending::Ending;
pub use session::{Protocol, Session, Will};

/// The thread whose panics are answers.
const THREAD: &str = "broker";

/// Runs `body` to its end on a thread of its own, for no longer than `limit`.
///
/// # Errors
/// Exit 4 where it does not end in time, or dies of what a broker sent.
pub fn on_its_own<T: Send + 'static, F: Future<Output = T>>(
    limit: Duration,
    body: impl FnOnce() -> F + Send + 'static,
) -> Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name() != Some(THREAD) {
                usual(panic);
            }
        }));
    });
    let (sender, receiver) = sync_channel(1);
    let cannot = |cause: &dyn std::fmt::Display| {
        Failure::peer(format!("cannot talk to the brokers: {cause}"))
    };
    std::thread::Builder::new()
        .name(THREAD.into())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let _ = sender.send(runtime.block_on(body()));
            // A name that is still being looked up is not waited for.
            runtime.shutdown_background();
            std::io::Result::Ok(())
        })
        .map_err(|error| cannot(&error))?;
    receiver.recv_timeout(limit).map_err(|error| match error {
        RecvTimeoutError::Timeout => cannot(&format!("no end after {} s", limit.as_secs())),
        RecvTimeoutError::Disconnected => cannot(&"what one sent made the client give up"),
    })
}
