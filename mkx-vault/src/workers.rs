//! Runs of files, shared out over a few threads.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Calls `each` for every run on one of `jobs` threads, with that thread's own state, and returns
/// the states. Where `each` returns false, no further run is begun on any thread.
pub fn share<T: Send>(
    jobs: usize,
    runs: &[Range<usize>],
    state: impl Fn() -> T + Sync,
    each: impl Fn(&mut T, Range<usize>) -> bool + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let work = || {
        let mut own = state();
        while !stopped.load(Ordering::Relaxed) {
            let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) else {
                break;
            };
            if !each(&mut own, run.clone()) {
                stopped.store(true, Ordering::Relaxed);
            }
        }
        own
    };
    if jobs <= 1 || runs.len() <= 1 {
        return vec![work()];
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.min(runs.len()))
            .map(|_| scope.spawn(work))
            .collect();
        threads
            .into_iter()
            .map(|thread| match thread.join() {
                Ok(own) => own,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}
