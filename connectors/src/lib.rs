//! The outside world of northflow: OVSDB servers and files.
#![deny(missing_docs)]

pub mod ovsdb;
