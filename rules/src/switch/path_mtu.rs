//! Path MTU on tunnels (D04). A chassis whose tunnel is too narrow gets a too-big error from its
//! own kernel, with the ports of the packet that caused it: turned round, it reaches the sender.

use super::port::{Port, PortAddress, PortKind};
use crate::flow::text::Mac;
use crate::flow::{Flow, Stage};

/// Matches an ICMP or ICMPv6 too-big error that came off a tunnel.
pub const TUNNELLED_TOO_BIG: &str = "((ip4 && icmp4.type == 3 && icmp4.code == 4) || \
(ip6 && icmp6.type == 2 && icmp6.code == 0)) && flags.tunnel_rx == 1";

/// An ICMP or ICMPv6 too-big error.
pub(crate) const TOO_BIG: &str = "((ip4 && icmp4.type == 3 && icmp4.code == 4) || \
(ip6 && icmp6.type == 2 && icmp6.code == 0))";

const SOURCE: &str = "switch/path_mtu.rs";

/// The flows of one port that is no router port: errors that seem to come from one of its
/// addresses go back to the port that they name, where the port is not here itself.
///
/// Cost: an address change touches its own flow.
pub fn port(port: &Port, kind: PortKind, addresses: &[PortAddress]) -> Vec<Flow> {
    if kind == PortKind::Router {
        return Vec::new();
    }
    let name = port.quoted();
    let flow = |address: &PortAddress| {
        let matches = format!(
            "{TOO_BIG} && eth.src == {} && outport == {name} && !is_chassis_resident({name}) \
             && flags.tunnel_rx == 1",
            address.mac
        );
        Flow::new(Stage::LsInCheckPortSec, 110, matches, "outport <-> inport; next;").written_in(SOURCE)
    };
    addresses.iter().map(flow).collect()
}

/// The flow of a switch port whose peer is a router port with address `mac`. `gateway_router`:
/// the router is bound to one chassis (Logical_Router.options:chassis).
///
/// Cost: a change of the router port's address touches one flow.
pub fn router_port(port: &Port, mac: Mac, gateway_router: bool) -> Flow {
    let (matches, actions) = if gateway_router {
        let matches =
            format!("{TOO_BIG} && eth.src == {mac} && {} && flags.tunnel_rx == 1", port.is_outport());
        (matches, "outport <-> inport; next;".to_string())
    } else {
        let table = Stage::LsInL2Lkup.table();
        (
            format!("{TOO_BIG} && eth.dst == {mac} && flags.tunnel_rx == 1"),
            format!("outport <-> inport; next(pipeline=ingress,table={table});"),
        )
    };
    Flow::new(Stage::LsInCheckPortSec, 120, matches, actions).written_in(SOURCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::{lines, port as named};

    const ERROR: &str =
        "((ip4 && icmp4.type == 3 && icmp4.code == 4) || (ip6 && icmp6.type == 2 && icmp6.code == 0))";

    #[test]
    fn an_error_turns_round_at_each_address() {
        let address = PortAddress::read("0a:00:00:00:00:01 10.0.0.1").unwrap();
        assert_eq!(
            lines(&port(&named("p1"), PortKind::Vif, std::slice::from_ref(&address))),
            [format!(
                "ls_in_check_port_sec 110 | {ERROR} && eth.src == 0a:00:00:00:00:01 && outport == \"p1\" && !is_chassis_resident(\"p1\") && flags.tunnel_rx == 1 | outport <-> inport; next;"
            )]
        );
        assert!(port(&named("r"), PortKind::Router, &[address]).is_empty());
    }

    #[test]
    fn an_error_turns_round_at_a_router_port() {
        let mac = Mac([0x0a, 0, 0, 0, 1, 1]);
        assert_eq!(
            lines(&[router_port(&named("r"), mac, false), router_port(&named("r"), mac, true)]),
            [
                format!(
                    "ls_in_check_port_sec 120 | {ERROR} && eth.dst == 0a:00:00:00:01:01 && flags.tunnel_rx == 1 | outport <-> inport; next(pipeline=ingress,table=32);"
                ),
                format!(
                    "ls_in_check_port_sec 120 | {ERROR} && eth.src == 0a:00:00:00:01:01 && outport == \"r\" && flags.tunnel_rx == 1 | outport <-> inport; next;"
                ),
            ]
        );
    }
}
