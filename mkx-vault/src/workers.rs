//! Runs of files, shared out over a few threads.

use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use mkx_contract::Result;

/// Calls `each` for every run on one of `jobs` threads, with that thread's own state, and returns
/// the states, and the first failure. After one, no further run is begun on any thread.
pub fn share<T: Send>(
    jobs: usize,
    runs: &[Range<usize>],
    state: impl Fn() -> T + Sync,
    each: impl Fn(&mut T, Range<usize>) -> Result<()> + Sync,
) -> (Vec<T>, Result<()>) {
    let next = AtomicUsize::new(0);
    let failure = OnceLock::new();
    let work = || {
        let mut own = state();
        while failure.get().is_none() {
            let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) else {
                break;
            };
            if let Err(first) = each(&mut own, run.clone()) {
                let _ = failure.set(first);
            }
        }
        own
    };
    let states = if jobs <= 1 || runs.len() <= 1 {
        vec![work()]
    } else {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..jobs.min(runs.len()))
                .map(|_| scope.spawn(work))
                .collect();
            let states = threads.into_iter().map(|thread| thread.join());
            states
                .map(|own| own.unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        })
    };
    (states, failure.into_inner().map_or(Ok(()), Err))
}
