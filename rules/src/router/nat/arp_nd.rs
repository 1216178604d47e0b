//! Answers to ARP requests and neighbour solicitations for outside addresses (J10).

use super::entry::NatEntry;
use crate::flow::drop::DropConfig;
use crate::flow::register::INPORT_ETH_ADDR;
use crate::flow::text::quote;
use crate::flow::{Flow, Stage};
use crate::meter::copp::Punt;
use crate::router::arp_nd::{arp_reply, nd_reply};
use crate::value::ip::{solicited_node, text6};
use std::net::IpAddr;

const STAGE: Stage = Stage::LrInIpInput;

/// What asks for the outside address.
fn asks(entry: &NatEntry) -> String {
    match entry.nat.external {
        IpAddr::V4(ip4) => format!("arp.op == 1 && arp.tpa == {ip4}"),
        IpAddr::V6(ip6) => {
            let (target, node) = (text6(ip6), text6(solicited_node(ip6)));
            format!("ip6.dst == {{{target}, {node}}} && nd_ns && nd.target == {target}")
        }
    }
}

fn answer(entry: &NatEntry, priority: u16, matches: String, mac: &str) -> Flow {
    let flow = match entry.nat.external {
        IpAddr::V4(_) => entry.flow(STAGE, priority, matches, arp_reply(mac)),
        IpAddr::V6(_) => entry.flow(STAGE, priority, matches, nd_reply("nd_na", mac)).punts(Punt::NdNa),
    };
    flow.written_in("router/nat/arp_nd.rs")
}

/// Who asks on any port of the router is answered with the address of that port.
///
/// Cost: a translation costs its own flow, which it shares with those of the same address.
pub fn anywhere(entry: &NatEntry) -> Flow {
    answer(entry, 90, asks(entry), INPORT_ETH_ADDR)
}

/// Who asks at the gateway port is answered by one chassis alone, so that the physical network learns
/// where that is: the one of the logical port, with the MAC address that goes with it, or else the gateway.
/// Nobody answers where all traffic for the port's networks goes to the gateway anyway.
///
/// Cost: a translation costs its own flows.
pub fn at_gateway(entry: &NatEntry, drop: DropConfig) -> Vec<Flow> {
    let nat = &entry.nat;
    let Some(gate) = entry.gate.as_ref().filter(|gate| !gate.inner) else { return Vec::new() };
    let (mac, resident) = match (&nat.external_mac, &nat.logical_port) {
        (Some(mac), Some(port)) => (&*mac.text, format!("\"{port}\"")),
        _ => (INPORT_ETH_ADDR, quote(&gate.redirect)),
    };
    let asked = format!("{} && {}", gate.port.is_inport(), asks(entry));
    let here = format!("{asked} && is_chassis_resident({resident})");
    let elsewhere = entry.flow(STAGE, 91, asked, drop.explicit()).written_in("router/nat/arp_nd.rs");
    vec![answer(entry, 92, here, mac), elsewhere]
}
