//! Which rows come: users by their hash, what they own and refer to along the edges, and what
//! coverage adds. What comes of it is a [`selection::Selection`]: SELECTs and counts.

pub mod census;
pub mod choice;
pub mod closure;
pub mod coverage;
pub mod extract;
pub mod plan;
pub mod selection;
pub mod survey;

#[cfg(test)]
mod tests;
