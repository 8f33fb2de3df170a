//! SIGINT and SIGTERM as a flag that long work looks at between two steps.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::{Failure, Result};

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Turns the first signal into the flag; a second one ends the process at once with 130.
pub fn install() {
    let flag = FLAG
        .get_or_init(|| Arc::new(AtomicBool::new(false)))
        .clone();
    for signal in [SIGINT, SIGTERM] {
        // Order matters: the first signal finds the flag unset and only sets it.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 130, flag.clone());
        let _ = signal_hook::flag::register(signal, flag.clone());
    }
}

/// True once a signal has arrived.
pub fn arrived() -> bool {
    FLAG.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// Fails with exit code 130 once a signal has arrived.
pub fn check() -> Result<()> {
    if arrived() {
        Err(Failure::interrupted())
    } else {
        Ok(())
    }
}

/// What a failure means: once a signal has arrived, it is the signal's (exit 130), since what work
/// was in the middle of fails in many ways.
pub fn explain(failure: Failure) -> Failure {
    if arrived() {
        Failure::interrupted()
    } else {
        failure
    }
}
