//! How every tool behaves: how it begins and ends, reads and writes records, speaks to people, and
//! changes things.

pub mod about;
pub mod arguments;
pub mod confirm;
pub mod input;
pub mod interrupt;
pub mod journal;
pub mod lock;
pub mod output;
pub mod program;
pub mod schema;
pub mod site;
pub mod voice;
