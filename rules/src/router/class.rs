//! The classes of routers on which fixed flows sit, as [`crate::switch::class`] has them for switches.

use serde::{Deserialize, Serialize};

use super::nat;
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
    /// By what the router learns from.
    Learning {
        /// From all requests (options:always_learn_from_arp_request).
        always: bool,
    },
    /// By what the router learns from, and who hears of it.
    Hearing {
        /// From all requests.
        always: bool,
        /// A port is on a chassis of another availability zone.
        transit: bool,
    },
    /// By whether IP multicast is routed (options:mcast_relay).
    Relaying(bool),
    /// IP multicast is routed.
    RelayingMulticast {
        /// Some port takes all of it.
        flood: bool,
    },
    /// Some port takes all IP multicast (Logical_Router_Port options:mcast_flood).
    Flooding,
    /// A load balancer with a VIP is there.
    Balanced,
    /// By what it translates.
    Nat(nat::Set),
}

/// The classes that the router's own row and gateways decide.
pub fn sets(router: &Router) -> Vec<RouterSet> {
    let always = router.options.always_learn_from_arp_request;
    let mut sets =
        vec![RouterSet::All, RouterSet::Learning { always }, RouterSet::Relaying(router.options.mcast_relay)];
    if router.options.is_gateway_router() {
        sets.push(RouterSet::Gateway);
    } else if router.gateways.any() {
        sets.push(RouterSet::WithGatewayPort);
    } else {
        sets.push(RouterSet::Distributed);
    }
    sets
}
