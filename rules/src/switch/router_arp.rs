//! ARP requests and neighbour solicitations for addresses that a router owns (D11): they go to the
//! router alone, and where there are others on the switch to those as well.

use std::net::IpAddr;

use super::flood_group::Group;
use super::port::Port;
use crate::flow::text::{Mac, ip6, quote};
use crate::flow::{Flow, Stage};
use crate::ovsdb::Text;
use crate::topology::facing::Facing;

const STAGE: Stage = Stage::LsInL2Lkup;
const SOURCE: &str = "switch/router_arp.rs";

/// The flows for the addresses of the router port itself. A disabled router port answers nothing.
///
/// Cost: an address costs its own flow; the first ordinary port of a switch those of its router
/// ports.
pub fn own_addresses(facing: &Facing) -> Vec<Flow> {
    if !facing.enabled {
        return Vec::new();
    }
    let ip4 = facing.addresses.given.ip4.iter().map(|net| IpAddr::V4(net.address));
    let ip6 = facing.addresses.ip6().map(|net| IpAddr::V6(net.address));
    ip4.chain(ip6).flat_map(|address| requests(facing, &spelled(address), address.is_ipv4())).collect()
}

fn spelled(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => ip6(address),
    }
}

/// The flows for one address that the router owns, spelled as it stands in the match. Packets that
/// came from VXLAN have been routed already.
pub fn requests(facing: &Facing, address: &str, is_ip4: bool) -> Vec<Flow> {
    let asked = match is_ip4 {
        true => format!("flags[1] == 0 && arp.op == 1 && arp.tpa == {address}"),
        false => format!("flags[1] == 0 && nd_ns && nd.target == {address}"),
    };
    let to = |name: &str| match facing.mixed {
        true => format!("clone {{outport = {}; output; }}; {}", quote(name), Group::FloodL2.output()),
        false => format!("outport = {}; output;", quote(name)),
    };
    let flow = |matches: String, name: &str| {
        Flow::new(STAGE, 80, matches, to(name)).hint(facing.port.row).written_in(SOURCE)
    };
    match facing.redirect() {
        None => vec![flow(asked, &facing.port.name)],
        Some(redirect) => {
            let resident = format!("is_chassis_resident({})", quote(&redirect.name));
            vec![
                flow(format!("{asked} && {resident}"), &facing.port.name),
                flow(format!("{asked} && !{resident}"), &redirect.name),
            ]
        }
    }
}

/// Requests that the router itself sends, known by their source, go to all but routers. `macs` are
/// the addresses outside of its translations as the CMS spells them, in order.
pub fn self_originated(facing: &Facing, macs: &[Text]) -> Option<Flow> {
    let own = std::iter::once(facing.addresses.given.mac.to_string());
    let sources: Vec<String> = own.chain(macs.iter().map(Text::to_string)).collect();
    let matches = format!(
        "eth.src == {{{}}} && eth.dst == ff:ff:ff:ff:ff:ff && (arp.op == 1 || rarp.op == 3 || nd_ns)",
        sources.join(", ")
    );
    let flow = Flow::new(STAGE, 75, matches, Group::FloodL2.output()).written_in(SOURCE);
    (facing.enabled && facing.mixed).then_some(flow)
}

/// Where the router port is a distributed gateway port, the addresses outside of its distributed
/// translations are reached through it where their port is (D06).
pub fn translated(port: &Port, enabled: bool, mac: Mac, logical_port: &str, drop: &str) -> Flow {
    let actions = if enabled { format!("outport = {}; output;", port.quoted()) } else { drop.to_owned() };
    // The name stands in the match as it is.
    let matches = format!("eth.dst == {mac} && is_chassis_resident(\"{logical_port}\")");
    port.flow(STAGE, 50, matches, actions).written_in(SOURCE)
}
