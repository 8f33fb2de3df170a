//! mkx-caddy from outside, with private Caddy servers on loopback.

#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

mod apply;
#[path = "../../src/running/http.rs"]
#[allow(dead_code, reason = "what the tool asks with, the tests ask with too")]
mod http;
mod load;
mod phase;
mod probe;
#[path = "../../src/route/record.rs"]
#[allow(dead_code, reason = "the tests read a part of the records")]
mod record;
mod render;
mod route;
mod users;
#[allow(dead_code, reason = "unit tests use the rest")]
mod world;
