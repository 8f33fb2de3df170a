//! How every tool behaves: how it begins and ends, reads and writes records, speaks to people,
//! changes things, and runs programs.

pub mod about;
pub mod arguments;
pub mod compose;
pub mod confirm;
pub mod findings;
pub mod input;
pub mod interrupt;
pub mod journal;
pub mod lock;
pub mod output;
pub mod process;
pub mod program;
pub mod progress;
pub mod replace;
pub mod schema;
pub mod site;
pub mod step;
pub mod voice;
