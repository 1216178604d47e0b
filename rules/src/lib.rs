//! OVN as rules over engine relations.
//!
//! What ovn-northd computes, as functions of database rows: no sockets, no files, no clocks, no
//! logging. [`northd::program`] is the whole of it; each feature of OVN has one file.
#![deny(missing_docs)]

pub mod acl;
pub mod binding;
pub mod chassis;
pub mod flow;
pub mod global;
pub mod lb;
pub mod meter;
pub mod multicast;
pub mod network_function;
pub mod northd;
pub mod ovsdb;
pub mod problem;
pub mod router;
pub mod schema;
pub mod service;
pub mod switch;
pub mod topology;
pub mod value;
