//! Being written.

pub mod port_group;
