//! Virtual ports (G05): an address that moves between parents. Whichever parent speaks for the
//! address has it.

use std::net::IpAddr;

use crate::flow::text::{ip6, solicited_node};
use crate::flow::{Flow, Stage};
use crate::switch::port::Port;

/// The flow by which one parent claims a virtual port. `address` is the virtual port's
/// options:virtual-ip; `parent` is in its options:virtual-parents and on the same switch.
///
/// Cost: a change of the address touches one flow a parent.
pub fn port(port: &Port, address: IpAddr, parent: &Port) -> Flow {
    let inport = format!("inport == \"{}\"", parent.name);
    let matches = match address {
        IpAddr::V4(ip) => format!(
            "{inport} && ((arp.op == 1 && arp.spa == {ip} && arp.tpa == {ip}) || \
             (arp.op == 2 && arp.spa == {ip}))"
        ),
        IpAddr::V6(ip) => {
            let (node, ip) = (ip6(solicited_node(ip)), ip6(ip));
            // Spaced as the reference has it.
            format!(
                "{inport} && ((nd_ns && ip6.dst == {{{ip}, {node}}} && nd.target == {ip}) ||\
                 (nd_na && nd.target == {ip}))"
            )
        }
    };
    let actions = format!("bind_vport({}, inport); next;", port.quoted());
    parent.own_flow(Stage::LsInArpRsp, 100, matches, actions).written_in("service/virtual_port.rs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::{lines, port as named};

    #[test]
    fn who_speaks_for_the_address_has_it() {
        let flow = |ip: &str| port(&named("vi"), ip.parse().unwrap(), &named("lp"));
        assert_eq!(
            lines(&[flow("10.0.0.7"), flow("fd00::7")]),
            [
                "ls_in_arp_rsp 100 | inport == \"lp\" && ((arp.op == 1 && arp.spa == 10.0.0.7 && arp.tpa == 10.0.0.7) || (arp.op == 2 && arp.spa == 10.0.0.7)) | bind_vport(\"vi\", inport); next; [port lp] [hint]",
                "ls_in_arp_rsp 100 | inport == \"lp\" && ((nd_ns && ip6.dst == {fd00::7, ff02::1:ff00:7} && nd.target == fd00::7) ||(nd_na && nd.target == fd00::7)) | bind_vport(\"vi\", inport); next; [port lp] [hint]",
            ]
        );
    }
}
