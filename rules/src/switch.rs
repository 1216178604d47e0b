//! Being written.

pub mod mirror;
