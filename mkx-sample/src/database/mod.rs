//! What either database is asked for: how it is reached, who it is, what is in it. EA's is one
//! snapshot that is only read ([`source`]).

pub mod catalog;
pub mod endpoint;
pub mod identity;
pub mod mark;
pub mod release;
pub mod source;
