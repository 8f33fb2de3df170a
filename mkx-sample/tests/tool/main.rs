//! mkx-sample from outside, with private PostgreSQL servers on loopback.

#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

mod asked;
mod canaries;
mod catalog;
mod containers;
mod coverage;
mod crash;
mod files;
mod flags;
mod guard;
mod mark;
mod policy;
mod promises;
mod run;
mod seeds;
mod tls;
mod verify;
mod versions;
