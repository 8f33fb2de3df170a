//! The tool from outside: arguments and stdin, then stdout, stderr, the exit code and what lies in
//! the vaults.

#![allow(clippy::unwrap_used)]

mod crash;
mod flags;
mod guard;
mod hostile;
mod manifest;
mod power;
mod prune;
mod space;
mod sync;
mod usage;
mod verify;
mod world;
