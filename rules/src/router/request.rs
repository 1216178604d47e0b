//! Next hops whose Ethernet address is not known: they are asked for it (I25).

use std::net::Ipv6Addr;

use super::RouterSet;
use crate::flow::priority::DEFAULT;
use crate::flow::register::{NEXT_HOP_IP4, NEXT_HOP_IP6, NEXT_HOP_IS_IP4, SOURCE_IP4};
use crate::flow::{Flow, Stage};
use crate::meter::copp::Punt;
use crate::value::ip::{Ip6Net, solicited_node, text6_unmapped};
use crate::value::mac::Mac;

const STAGE: Stage = Stage::LrInArpRequest;
const UNRESOLVED: &str = "eth.dst == 00:00:00:00:00:00";

/// The flows that every router has: what is resolved goes on, and the rest is asked for.
pub fn fixed() -> Vec<(RouterSet, Flow)> {
    let ask = |ip4, actions: String, punt| {
        let matches = format!("{UNRESOLVED} && {NEXT_HOP_IS_IP4} == {ip4}");
        Flow::new(STAGE, 100, matches, actions).punts(punt)
    };
    let arp = format!(
        "arp {{ eth.dst = ff:ff:ff:ff:ff:ff; arp.spa = {SOURCE_IP4}; arp.tpa = {NEXT_HOP_IP4}; \
         arp.op = 1; output; }}; next;"
    );
    let solicit = format!("nd_ns {{ nd.target = {NEXT_HOP_IP6}; output; }}; next;");
    let flows = [
        Flow::new(STAGE, DEFAULT, "1", "next;"),
        ask(1, arp, Punt::ArpResolve),
        ask(0, solicit, Punt::NdNsResolve),
    ];
    flows.map(|flow| (RouterSet::All, flow)).into()
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
    Some(Flow::new(STAGE, 200, matches, actions).punts(Punt::NdNsResolve))
}

/// The Ethernet address of an IPv6 multicast group (RFC 2464 section 7).
fn multicast_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    Mac([0x33, 0x33, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::lines;

    #[test]
    fn ip6_next_hops_of_routes_are_solicited_at_their_group() {
        let flow = static_route("FD01::0:A").unwrap();
        assert_eq!(
            lines(&[flow]),
            [
                "lr_in_arp_request 200 | eth.dst == 00:00:00:00:00:00 && reg9[9] == 0 && xxreg0 == FD01::0:A | nd_ns { eth.dst = 33:33:ff:00:00:0a; ip6.dst = ff02::1:ff00:a; nd.target = FD01::0:A; output; }; next;"
            ]
        );
        for other in ["10.0.0.1", "fd01::/64", "discard", ""] {
            assert_eq!(static_route(other), None, "{other}");
        }
    }
}
