//! Routes to the networks of router ports (I12).

use std::net::IpAddr;

use crate::flow::register::{
    ECMP_GROUP, NEXT_HOP_IP4, NEXT_HOP_IP6, NEXT_HOP_IS_IP4, SOURCE_IP4, SOURCE_IP6,
};
use crate::flow::text::ip6;
use crate::flow::{Flow, Stage};
use crate::switch::port::Port;
use crate::value::addresses::RouterAddresses;
use crate::value::ip;
use crate::value::mac::Mac;

const STAGE: Stage = Stage::LrInIpRouting;
const SOURCE: &str = "router/route/connected.rs";

/// How much one more bit of prefix weighs, so that the longest prefix wins.
pub const PER_BIT: u16 = 8;
/// What a connected route weighs more than others of its prefix.
pub const CONNECTED: u16 = 6;
/// The port of single-hop BFD (RFC 5881 section 4).
pub const BFD: u16 = 3784;

/// The flows of one port's networks. A link-local network is only looked up for packets from the port.
/// `watched`: some session watches a neighbour of the port; its packets keep their TTL, which has to
/// arrive as 255.
pub fn flows(port: &Port, addresses: &RouterAddresses, watched: bool) -> Vec<Flow> {
    let out = Out { port, mac: addresses.given.mac, watched };
    let mut flows = Vec::new();
    for net in &addresses.given.ip4 {
        let matches = format!("ip4.dst == {}/{}", net.network(), net.length);
        flows.extend(out.flows(matches, net.length, 4, IpAddr::V4(net.address)));
    }
    for net in addresses.ip6() {
        let network = net.network();
        let local = network.is_unicast_link_local();
        let from = if local { format!("{} && ", port.is_inport()) } else { String::new() };
        let matches = format!("{from}ip6.dst == {}/{}", ip6(network), net.length);
        flows.extend(out.flows(matches, net.length, 6, IpAddr::V6(net.address)));
    }
    flows
}

/// The port behind which a network is.
#[derive(Clone, Copy, Debug)]
pub struct Out<'a> {
    /// The port.
    pub port: &'a Port,
    /// Its address.
    pub mac: Mac,
    /// Some session watches a neighbour of it.
    pub watched: bool,
}

impl Out<'_> {
    /// The flows for packets that match, a network of the `family` with a prefix of `length` bits: they go
    /// straight to their destination. `source` is the port's own address, of either family.
    pub fn flows(self, matches: String, length: u8, family: u8, source: IpAddr) -> Vec<Flow> {
        let next_hop = if family == 4 { NEXT_HOP_IP4 } else { NEXT_HOP_IP6 };
        let register = if source.is_ipv4() { SOURCE_IP4 } else { SOURCE_IP6 };
        let actions = format!(
            "{ECMP_GROUP} = 0; {next_hop} = ip{family}.dst; {register} = {}; eth.src = {}; outport = {}; \
             flags.loopback = 1; {NEXT_HOP_IS_IP4} = {}; next;",
            ip::text(source),
            self.mac,
            self.port.quoted(),
            u8::from(source.is_ipv4())
        );
        let priority = u16::from(length) * PER_BIT + CONNECTED;
        let flow = |priority, matches, actions: String| {
            self.port.flow(STAGE, priority, matches, actions).written_in(SOURCE)
        };
        let probe = self
            .watched
            .then(|| flow(priority + 1, format!("{matches} && udp.dst == {BFD}"), actions.clone()));
        let mut flows = vec![flow(priority, matches, format!("ip.ttl--; {actions}"))];
        flows.extend(probe);
        flows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::{lines, port};

    #[test]
    fn every_network_has_a_route() {
        let addresses = RouterAddresses::read("0a:00:00:00:01:01", ["10.0.1.1/24"]).0.unwrap();
        assert_eq!(
            lines(&flows(&port("r"), &addresses, false)),
            [
                "lr_in_ip_routing 198 | ip4.dst == 10.0.1.0/24 | ip.ttl--; reg8[0..15] = 0; reg0 = ip4.dst; \
                 reg5 = 10.0.1.1; eth.src = 0a:00:00:00:01:01; outport = \"r\"; flags.loopback = 1; \
                 reg9[9] = 1; next; [hint]",
                "lr_in_ip_routing 518 | inport == \"r\" && ip6.dst == fe80::/64 | ip.ttl--; reg8[0..15] = 0; \
                 xxreg0 = ip6.dst; xxreg1 = fe80::800:ff:fe00:101; eth.src = 0a:00:00:00:01:01; \
                 outport = \"r\"; flags.loopback = 1; reg9[9] = 0; next; [hint]",
            ]
        );
    }

    #[test]
    fn probes_keep_their_time_to_live() {
        let addresses = RouterAddresses::read("0a:00:00:00:01:01", ["10.0.1.1/24"]).0.unwrap();
        let flows = flows(&port("r"), &addresses, true);
        assert_eq!(flows.len(), 4);
        assert_eq!(flows[1].key.priority, 199);
        assert_eq!(&*flows[1].key.matches, "ip4.dst == 10.0.1.0/24 && udp.dst == 3784");
        assert!(!flows[1].key.actions.contains("ttl"));
    }
}
