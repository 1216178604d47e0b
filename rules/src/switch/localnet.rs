//! Ports to the physical network (D12). What enters there is marked where the sender is learned;
//! ARP requests are kept to the chassis that hosts the gateway, or each chassis would answer.

use super::port::Port;
use crate::flow::register::EXTERNAL_ARP;
use crate::flow::text::quote;
use crate::flow::{Flow, Stage};

/// The action that marks a packet as entered through a localnet port.
pub const MARK: &str = "flags.localnet = 1; ";

const SOURCE: &str = "switch/localnet.rs";

/// Marks ARP requests from one localnet or l2gateway port. The flows of this file are there when
/// the switch has such a port and a router port that is a distributed gateway port or belongs to
/// a gateway router.
pub fn mark_arp(port: &Port) -> Flow {
    let matches = format!("arp.op == 1 && {}", port.is_inport());
    let actions = format!("{EXTERNAL_ARP} = 1; next;");
    Flow::new(Stage::LsInCheckPortSec, 75, matches, actions).written_in(SOURCE)
}

/// Lets marked requests pass for one such router port. `resident` is the chassis-redirect port
/// of a gateway port, or the port itself on a gateway router; `None` if the router is not
/// centralised.
pub fn pass_arp(resident: Option<&str>) -> Flow {
    let here = resident.map(|name| format!(" && is_chassis_resident({})", quote(name)));
    let matches = format!("{EXTERNAL_ARP} == 1{}", here.unwrap_or_default());
    Flow::new(Stage::LsInApplyPortSec, 75, matches, "next;").written_in(SOURCE)
}

/// Lets marked requests for a distributed NAT address pass where its port is.
pub fn pass_nat_arp(external_ip: std::net::Ipv4Addr, logical_port: &str) -> Flow {
    let matches =
        format!("{EXTERNAL_ARP} == 1 && arp.tpa == {external_ip} && is_chassis_resident(\"{logical_port}\")");
    Flow::new(Stage::LsInApplyPortSec, 85, matches, "next;").written_in(SOURCE)
}

/// Drops the other marked requests; never sampled.
pub fn drop_arp() -> Flow {
    Flow::new(Stage::LsInApplyPortSec, 70, format!("{EXTERNAL_ARP} == 1"), "drop;").written_in(SOURCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::{lines, port};

    #[test]
    fn arp_requests_reach_the_gateway_alone() {
        assert_eq!(
            lines(&[
                mark_arp(&port("ln")),
                pass_arp(Some("cr-lr0-s0")),
                pass_arp(None),
                pass_nat_arp([172, 16, 0, 9].into(), "vm"),
                drop_arp(),
            ]),
            [
                "ls_in_check_port_sec 75 | arp.op == 1 && inport == \"ln\" | reg0[22] = 1; next;",
                "ls_in_apply_port_sec 75 | reg0[22] == 1 && is_chassis_resident(\"cr-lr0-s0\") | next;",
                "ls_in_apply_port_sec 75 | reg0[22] == 1 | next;",
                "ls_in_apply_port_sec 85 | reg0[22] == 1 && arp.tpa == 172.16.0.9 && is_chassis_resident(\"vm\") | next;",
                "ls_in_apply_port_sec 70 | reg0[22] == 1 | drop;",
            ]
        );
    }
}
