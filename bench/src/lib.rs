//! Measurements of northflow: workload generators, runs side by side with ovn-northd and
//! ovn-controller, and the build budget. Results of a run are kept in `RESULTS.md` beside this crate.
//!
//! Both daemons are measured alike and in turn, each on databases of its own that the same
//! operations fill, so that what disturbs the machine disturbs both: their ratio is the result,
//! not the milliseconds.
#![deny(missing_docs)]

pub mod build;
pub mod cluster;
pub mod cluster_density;
pub mod compare;
pub mod controller;
pub mod density_light;
pub mod heavy;
pub mod lab;
pub mod layer2;
pub mod multitenant;
pub mod openstack;
pub mod options;
pub mod process;
pub mod replay;
pub mod routers;
pub mod row;
pub mod rpc;
pub mod stats;
pub mod switches;
pub mod work;
pub mod workload;

/// What may stop a run; every kind says what it was about.
pub type Failure = Box<dyn std::error::Error>;
