//! The outside world of northflow: OVSDB servers and files, switches, and the `northflow` command.
#![deny(missing_docs)]

pub mod change;
pub mod controller;
mod inspect;
pub mod memory;
pub mod net;
pub mod northd;
pub mod offline;
pub mod openflow;
pub mod ovsdb;
pub mod process;
pub mod record;
pub mod recording;
pub mod relation;
pub mod replay;
pub mod replica;
pub mod tables;
pub mod writer;
