//! The classes of routers on which fixed flows sit, as [`crate::switch::class`] has them for switches.

use serde::{Deserialize, Serialize};

use crate::topology::router::Router;

/// A class of routers; the doc of each says who is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RouterSet {
    /// Every router that is not disabled.
    All,
    /// options:chassis is set: the router is on one chassis.
    Gateway,
    /// Some port is a distributed gateway port.
    WithGatewayPort,
    /// Neither of the two: the router is on every chassis and has no way out.
    Distributed,
}

/// The classes of a router.
pub fn sets(router: &Router) -> Vec<RouterSet> {
    let mut sets = vec![RouterSet::All];
    if router.options.is_gateway_router() {
        sets.push(RouterSet::Gateway);
    } else if router.gateways.any() {
        sets.push(RouterSet::WithGatewayPort);
    } else {
        sets.push(RouterSet::Distributed);
    }
    sets
}
