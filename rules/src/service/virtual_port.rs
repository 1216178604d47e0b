//! Virtual ports (G05): an address that moves between parents. Whichever parent speaks for the
//! address has it.

use std::net::IpAddr;

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use crate::flow::row::Placed;
use crate::flow::text::{ip6, solicited_node};
use crate::flow::{Flow, On, Stage};
use crate::ovsdb::{Text, Uuid};
use crate::switch::port::Port;
use crate::topology::switch_port::PortConfig;

/// A virtual port and one of the parents that it names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Claim {
    port: Port,
    switch: Uuid,
    address: Text,
    parent: Text,
}

/// A parent of a virtual port on the same switch may claim it by using its address.
///
/// Cost: a port costs itself and the virtual ports that name it.
pub fn virtual_ports(ports: &Relation<PortConfig>) -> Relation<Placed> {
    let claims = ports.flat_map(|port| {
        let parents = port.options.virtual_parents.clone();
        let claim = |parent| {
            let address = port.options.virtual_ip.clone()?;
            Some(Claim { port: port.port.clone(), switch: port.switch, address, parent })
        };
        parents.into_iter().filter_map(claim).collect::<Vec<_>>()
    });
    claims.index_by(|claim| claim.parent.clone()).join_flat(
        &ports.index_by(PortConfig::name),
        |claim, parent| {
            if parent.switch != claim.switch {
                return None;
            }
            let flow = port(&claim.port, &claim.address, &parent.port)?;
            Some(Placed { on: On::Datapath(parent.switch), flow })
        },
    )
}

/// The flow by which one parent claims a virtual port. `address` is the virtual port's
/// options:virtual-ip, which stands in the match as it is given; `None` if that is no address.
/// `parent` is in its options:virtual-parents and on the same switch.
pub fn port(port: &Port, address: &str, parent: &Port) -> Option<Flow> {
    let inport = format!("inport == \"{}\"", parent.name);
    let matches = match address.parse().ok()? {
        IpAddr::V4(_) => format!(
            "{inport} && ((arp.op == 1 && arp.spa == {address} && arp.tpa == {address}) || \
             (arp.op == 2 && arp.spa == {address}))"
        ),
        IpAddr::V6(ip) => {
            let node = ip6(solicited_node(ip));
            // Spaced as the reference has it.
            format!(
                "{inport} && ((nd_ns && ip6.dst == {{{address}, {node}}} && nd.target == {address}) ||\
                 (nd_na && nd.target == {address}))"
            )
        }
    };
    let actions = format!("bind_vport({}, inport); next;", port.quoted());
    let flow = parent.own_flow(Stage::LsInArpRsp, 100, matches, actions);
    Some(flow.written_in("service/virtual_port.rs"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::{lines, port as named};

    #[test]
    fn who_speaks_for_the_address_has_it() {
        let flow = |ip: &str| port(&named("vi"), ip, &named("lp")).unwrap();
        assert_eq!(
            lines(&[flow("10.0.0.7"), flow("FD00::7")]),
            [
                "ls_in_arp_rsp 100 | inport == \"lp\" && ((arp.op == 1 && arp.spa == 10.0.0.7 && arp.tpa == 10.0.0.7) || (arp.op == 2 && arp.spa == 10.0.0.7)) | bind_vport(\"vi\", inport); next; [port lp] [hint]",
                "ls_in_arp_rsp 100 | inport == \"lp\" && ((nd_ns && ip6.dst == {FD00::7, ff02::1:ff00:7} && nd.target == FD00::7) ||(nd_na && nd.target == FD00::7)) | bind_vport(\"vi\", inport); next; [port lp] [hint]",
            ]
        );
        assert_eq!(port(&named("vi"), "10.0.0.7/24", &named("lp")), None);
    }
}
