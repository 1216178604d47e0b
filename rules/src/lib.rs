//! OVN as rules over engine relations.
#![deny(missing_docs)]

pub mod global;
pub mod ovsdb;
pub mod schema;
