//! Answers to ARP requests and neighbour solicitations for addresses that a router has (I05).

use super::meters::Protocol;
use super::port::PortContext;
use crate::flow::register::INPORT_ETH_ADDR;
use crate::flow::text::quote;
use crate::flow::{Flow, Stage};
use crate::value::ip::{solicited_node, text6};

const STAGE: Stage = Stage::LrInIpInput;

/// The actions that answer an ARP request, `mac` being a value or a register.
pub fn arp_reply(mac: &str) -> String {
    format!(
        "eth.dst = eth.src; eth.src = {mac}; arp.op = 2; /* ARP reply */ arp.tha = arp.sha; arp.sha = {mac}; \
         arp.tpa <-> arp.spa; outport = inport; flags.loopback = 1; output;"
    )
}

/// The actions that answer a neighbour solicitation by `action`: `nd_na`, or `nd_na_router` for what
/// is a router's own.
pub fn nd_reply(action: &str, mac: &str) -> String {
    format!(
        "{action} {{ eth.src = {mac}; ip6.src = nd.target; nd.tll = {mac}; outport = inport; \
         flags.loopback = 1; output; }};"
    )
}

/// The answers of one port for its own addresses: to ARP from its own networks, and to neighbour
/// solicitations from anywhere. Where a router has its gateways in one place, only that place
/// answers for a gateway port, so that the physical network learns where it is; for ARP that is so
/// for a port that resides there as well, if it leads to a physical network.
///
/// Cost: a port costs its own flows.
pub fn port(port: &PortContext) -> Vec<Flow> {
    let mut flows = Vec::new();
    let (inport, reply) = (port.is_inport(), arp_reply(INPORT_ETH_ADDR));
    let resident = arp_residence(port).map(|name| format!(" && is_chassis_resident({})", quote(&name)));
    for net in &port.config.addresses.given.ip4 {
        let asked = format!(
            "{inport} && arp.op == 1 && arp.tpa == {} && arp.spa == {}/{}",
            net.address,
            net.network(),
            net.length
        );
        let matches = asked + resident.as_deref().unwrap_or_default();
        flows.push(port.flow(STAGE, 90, matches, reply.as_str()));
    }
    let reply = nd_reply("nd_na_router", INPORT_ETH_ADDR);
    let centralized = port.redirect().filter(|_| !port.distributed);
    let resident = centralized.map(|redirect| format!(" && is_chassis_resident({redirect})"));
    for net in port.config.addresses.ip6() {
        let (target, node) = (text6(net.address), text6(solicited_node(net.address)));
        let asked = format!("{inport} && ip6.dst == {{{target}, {node}}} && nd_ns && nd.target == {target}");
        let matches = asked + resident.as_deref().unwrap_or_default();
        flows.push(port.flow(STAGE, 90, matches, reply.as_str()).meter(port.meters.of(Protocol::NdNa)));
    }
    flows
}

/// The port whose chassis answers ARP for `port`, if only one does.
fn arp_residence(port: &PortContext) -> Option<String> {
    let gateways = &port.config.router.gateways;
    let physical = port.switch.as_ref().is_some_and(|switch| switch.localnet);
    if port.distributed || !gateways.any() || !physical {
        return None;
    }
    if let Some(name) = port.config.redirect_name() {
        return Some(name.into());
    }
    let resides = port.config.options.reside_on_redirect_chassis;
    gateways.only().filter(|_| resides).map(|gateway| gateway.redirect.to_string())
}
