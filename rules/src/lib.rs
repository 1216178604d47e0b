//! OVN as rules over engine relations.
#![deny(missing_docs)]

pub mod flow;
pub mod ovsdb;
pub mod service;
pub mod switch;
