//! Delivery to the ports of a router (I32).

use super::RouterSet;
use super::port::PortContext;
use crate::flow::drop::DropConfig;
use crate::flow::priority::DEFAULT;
use crate::flow::{Flow, Stage};

const STAGE: Stage = Stage::LrOutDelivery;

/// The flow that every router has: what no port takes is dropped.
///
/// Cost: none after start, but for a change of drop sampling.
pub fn fixed(drop: DropConfig) -> Vec<(RouterSet, Flow)> {
    vec![(RouterSet::All, Flow::new(STAGE, DEFAULT, "1", drop.explicit()))]
}

/// The flows of one port, unless it is disabled. Multicast that a router relays was not routed, and
/// gets the port's address as its sender here.
///
/// Cost: a port costs its own flows.
pub fn port(port: &PortContext) -> Vec<Flow> {
    if !port.config.enabled {
        return Vec::new();
    }
    let outport = port.is_outport();
    let mut flows = Vec::new();
    if port.config.router.options.mcast_relay {
        let matches = format!("(ip4.mcast || ip6.mcast) && {outport}");
        flows.push(Flow::new(STAGE, 110, matches, format!("eth.src = {}; output;", port.mac())));
    }
    flows.push(Flow::new(STAGE, 100, outport, "output;"));
    flows
}
