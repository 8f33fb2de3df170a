//! mkx-mqtt from outside, with private Mosquitto brokers on loopback.

#![allow(clippy::unwrap_used)]

mod certs;
mod check;
mod crash;
mod hostile;
mod passwd;
mod phase;
mod probe;
mod render;
mod usage;
mod world;
