//! A selection becomes EB's next database: schema, rows, indexes, judgement, swap.

pub mod copy;
pub mod dump;
pub mod password;
pub mod progress;
pub mod report;
pub mod run;
pub mod sequences;
pub mod staging;
pub mod statistics;
pub mod views;
pub mod watch;
