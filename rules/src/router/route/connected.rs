//! Routes to the networks of a router's own ports (I12): the next hop is the destination itself.

use crate::flow::register::{
    ECMP_GROUP, NEXT_HOP_IP4, NEXT_HOP_IP6, NEXT_HOP_IS_IP4, SOURCE_IP4, SOURCE_IP6,
};
use crate::flow::{Flow, Stage};
use crate::router::port::PortContext;
use crate::value::ip::text6;

const STAGE: Stage = Stage::LrInIpRouting;
/// A longer prefix goes before a shorter one, and each has this many priorities.
const EACH_LENGTH: u16 = 8;
/// Which of them connected routes have: the highest.
const CONNECTED: u16 = 6;

/// The routes of one port, one for each of its addresses. A link-local network is that of the port
/// where a packet came in.
///
/// Cost: a port costs its own flows.
pub fn port(port: &PortContext) -> Vec<Flow> {
    let mut flows = Vec::new();
    let mut add = |matches: String, length: u8, ip4, source: String| {
        let priority = u16::from(length) * EACH_LENGTH + CONNECTED;
        let (family, next_hop, own, flag) = match ip4 {
            true => ("ip4", NEXT_HOP_IP4, SOURCE_IP4, 1),
            false => ("ip6", NEXT_HOP_IP6, SOURCE_IP6, 0),
        };
        let actions = format!(
            "ip.ttl--; {ECMP_GROUP} = 0; {next_hop} = {family}.dst; {own} = {source}; eth.src = {}; \
             outport = {}; flags.loopback = 1; {NEXT_HOP_IS_IP4} = {flag}; next;",
            port.mac(),
            port.config.port.quoted()
        );
        flows.push(port.flow(STAGE, priority, matches, actions).written_in("router/route/connected.rs"));
    };
    for net in &port.config.addresses.given.ip4 {
        let matches = format!("ip4.dst == {}/{}", net.network(), net.length);
        add(matches, net.length, true, net.address.to_string());
    }
    for net in port.config.addresses.ip6() {
        let near = match net.network().segments()[0] & 0xffc0 {
            0xfe80 => format!("{} && ", port.is_inport()),
            _ => String::new(),
        };
        let matches = format!("{near}ip6.dst == {}/{}", text6(net.network()), net.length);
        add(matches, net.length, false, text6(net.address));
    }
    flows
}

#[cfg(test)]
mod tests {
    use crate::router::port::tests::port as plain;
    use crate::switch::port::tests::lines;

    #[test]
    fn each_address_has_a_route() {
        assert_eq!(
            lines(&super::port(&plain(&["10.0.0.1/24"]))),
            [
                "lr_in_ip_routing 198 | ip4.dst == 10.0.0.0/24 | ip.ttl--; reg8[0..15] = 0; reg0 = ip4.dst; reg5 = 10.0.0.1; eth.src = 0a:00:00:00:01:01; outport = \"p\"; flags.loopback = 1; reg9[9] = 1; next; [hint]",
                "lr_in_ip_routing 518 | inport == \"p\" && ip6.dst == fe80::/64 | ip.ttl--; reg8[0..15] = 0; xxreg0 = ip6.dst; xxreg1 = fe80::800:ff:fe00:101; eth.src = 0a:00:00:00:01:01; outport = \"p\"; flags.loopback = 1; reg9[9] = 0; next; [hint]",
            ]
        );
    }
}
