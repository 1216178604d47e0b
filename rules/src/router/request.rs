//! Next hops whose Ethernet address is not known: they are asked for it (I25).

use std::net::Ipv6Addr;

use super::RouterSet;
use super::meters::Protocol;
use crate::flow::priority::DEFAULT;
use crate::flow::register::{NEXT_HOP_IP4, NEXT_HOP_IP6, NEXT_HOP_IS_IP4, SOURCE_IP4};
use crate::flow::{Flow, Stage};
use crate::value::ip::{Ip6Net, solicited_node, text6_unmapped};
use crate::value::mac::Mac;

const STAGE: Stage = Stage::LrInArpRequest;
const UNRESOLVED: &str = "eth.dst == 00:00:00:00:00:00";

/// The flow that every router has: what is resolved goes on.
pub fn fixed() -> Vec<(RouterSet, Flow)> {
    vec![(RouterSet::All, Flow::new(STAGE, DEFAULT, "1", "next;"))]
}

/// The flows of every router that hand packets of `protocol` to controllers.
pub fn punted(protocol: Protocol) -> Vec<Flow> {
    let (ip4, actions) = match protocol {
        Protocol::ArpResolve => (
            1,
            format!(
                "arp {{ eth.dst = ff:ff:ff:ff:ff:ff; arp.spa = {SOURCE_IP4}; arp.tpa = {NEXT_HOP_IP4}; \
                 arp.op = 1; output; }}; next;"
            ),
        ),
        Protocol::NdNsResolve => (0, format!("nd_ns {{ nd.target = {NEXT_HOP_IP6}; output; }}; next;")),
        _ => return Vec::new(),
    };
    vec![Flow::new(STAGE, 100, format!("{UNRESOLVED} && {NEXT_HOP_IS_IP4} == {ip4}"), actions)]
}

/// The flow for the next hop of a static route, if it is one IPv6 address: it is asked at its
/// solicited-node group (RFC 4861 section 7.2.2). The text of the next hop is kept as written.
pub fn static_route(next_hop: &str) -> Option<Flow> {
    let net = Ip6Net::parse(next_hop).ok().filter(|net| net.length == 128)?;
    let group = solicited_node(net.address);
    let matches = format!("{UNRESOLVED} && {NEXT_HOP_IS_IP4} == 0 && {NEXT_HOP_IP6} == {next_hop}");
    let actions = format!(
        "nd_ns {{ eth.dst = {}; ip6.dst = {}; nd.target = {next_hop}; output; }}; next;",
        multicast_mac(group),
        text6_unmapped(group)
    );
    Some(Flow::new(STAGE, 200, matches, actions))
}

/// The Ethernet address of an IPv6 multicast group (RFC 2464 section 7).
fn multicast_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    Mac([0x33, 0x33, a, b, c, d])
}
