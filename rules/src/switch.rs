//! Logical switches.
pub mod class;

pub use class::SwitchSet;
