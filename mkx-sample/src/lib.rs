//! EA's database to EB's: sample, anonymise, load, verify.
//!
//! [`policy`] says what may come over and how; [`catalog`] says what there is; the two are held
//! against each other before any row is read.

pub mod build;
pub mod catalog;
pub mod census;
pub mod choice;
pub mod closure;
pub mod cluster;
pub mod command;
pub mod copy;
pub mod coverage;
pub mod dump;
pub mod endpoint;
pub mod extract;
pub mod files;
pub mod grants;
pub mod guard;
pub mod identity;
pub mod names;
pub mod password;
pub mod plan;
pub mod policy;
pub mod progress;
pub mod release;
pub mod report;
pub mod reset;
pub mod run;
pub mod sample;
pub mod selection;
pub mod sequences;
pub mod source;
pub mod sql;
pub mod statistics;
pub mod survey;
pub mod swap;
pub mod transform;
pub mod verify;
pub mod views;
pub mod watch;
