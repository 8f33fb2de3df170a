//! A program ends with the run that started it, however that ends.

use std::sync::OnceLock;

/// The kernel sends the program SIGTERM once the *thread* that started it is gone, so that must be
/// one that lives as long as the run.
const TETHER: [&str; 3] = ["setpriv", "--pdeathsig", "TERM"];

/// What stands in front of a program for that; nothing where this machine's `setpriv` does not know
/// it (that of util-linux does since 2.33) or is not there.
pub fn tether() -> &'static [&'static str] {
    static IS_KNOWN: OnceLock<bool> = OnceLock::new();
    let is_known = IS_KNOWN.get_or_init(|| {
        let tried = duct::cmd(TETHER[0], [&TETHER[1..], &["true"]].concat())
            .stdin_null()
            .stdout_null()
            .stderr_null()
            .run();
        tried.is_ok()
    });
    if *is_known { &TETHER } else { &[] }
}
