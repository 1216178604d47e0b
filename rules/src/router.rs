//! Logical routers: which flows there are, and what each depends on.
//!
//! As for switches ([`crate::switch`]), every function here is pure: fixed flows come with the class
//! of routers that has them, from [`fixed_flows`]; the others from one function a family, fed one
//! port ([`RouterPortConfig`]) at a time.

pub mod class;
pub mod placed;

use crate::flow::Flow;
use crate::flow::drop::DropConfig;
use crate::topology::router_port::RouterPortConfig;
pub use class::RouterSet;

/// Every flow that names no port and no other value of its router, with the class that has it.
pub fn fixed_flows(_drop: DropConfig) -> Vec<(RouterSet, Flow)> {
    Vec::new()
}

/// Every flow that one port decides.
pub fn port_flows(_port: &RouterPortConfig) -> Vec<Flow> {
    Vec::new()
}
