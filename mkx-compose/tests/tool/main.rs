//! mkx-compose from outside, on files, with Docker Compose, and on the real engine.

#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

mod audit;
mod cases;
mod containers;
mod document;
mod drift;
mod engine;
mod generated;
mod guards;
mod kept_back;
mod live_faults;
mod phase;
mod random_pairs;
mod resolved;
mod second_application;
mod site;
mod small;
mod split;
mod split_forms;
mod split_whole;
mod strangers;
mod world;
