//! Packets for the router itself that nothing has taken are dropped (I09).
//!
//! An address that is also one of a translation or of a service ([`Shared`]) may belong to a
//! connection: packets for it are dropped only when that has been found untrue, after routing.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::nat::home::forces_router_ip;
use super::port::PortContext;
use crate::flow::row::{Placed, place};
use crate::flow::{Flow, Stage};
use crate::ovsdb::{Text, Uuid};

/// An address that a router translates to or has a service at, as it is printed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Shared {
    /// The router.
    pub router: Uuid,
    /// The address.
    pub address: Text,
}

/// A router port and those of its addresses that are shared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct SharedOf {
    port: Uuid,
    addresses: Vec<Text>,
}

/// The flows of all ports.
///
/// Cost: a port costs its own flows, a shared address those of the ports that have it.
pub fn flows(ports: &Relation<PortContext>, shared: &Relation<Shared>) -> Relation<Placed> {
    let addresses = ports.flat_map(|port| {
        let (router, row) = (port.config.router.row, port.config.port.row);
        let addresses = port.ip4().into_iter().chain(port.ip6());
        addresses.map(|address| (router, row, Text::from(address))).collect::<Vec<_>>()
    });
    let shared = addresses
        .index_by(|(router, _, address): &(Uuid, Uuid, Text)| (*router, address.clone()))
        .semijoin(&shared.index_by(|shared| (shared.router, shared.address.clone())))
        .index_by(|(_, port, _)| *port)
        .reduce(|group| {
            let mut addresses: Vec<Text> = group.rows().map(|(_, _, address)| address.clone()).collect();
            addresses.sort_unstable();
            addresses.dedup();
            Some(SharedOf { port: group.any().1, addresses })
        });
    ports.index_by(|port| port.config.port.row).join_optional(
        &shared.index_by(|shared| shared.port),
        |context, shared| {
            let shared = shared.map_or(&[][..], |shared| &shared.addresses);
            place(context.config.router.row, port(context, shared))
        },
    )
}

/// The flows of one port.
fn port(port: &PortContext, shared: &[Text]) -> Vec<Flow> {
    let mut flows = Vec::new();
    for (family, addresses) in [("ip4", port.ip4()), ("ip6", port.ip6())] {
        let is_shared = |address: &String| shared.iter().any(|shared| **shared == **address);
        let (late, early): (Vec<String>, Vec<String>) = addresses.into_iter().partition(is_shared);
        let mut drop = |stage, priority, addresses: &[String]| {
            if !addresses.is_empty() {
                let matches = format!("{family}.dst == {}", super::port::braces(addresses));
                let flow = port.flow(stage, priority, matches, port.config.drop.explicit());
                flows.push(flow.written_in("router/own_address.rs"));
            }
        };
        if !forces_router_ip(&port.config.router.options) {
            drop(Stage::LrInIpInput, 60, &early);
        }
        drop(Stage::LrInArpResolve, 2, &late);
    }
    flows
}

#[cfg(test)]
mod tests {
    use crate::router::port::tests::port as plain;
    use crate::switch::port::tests::lines;

    #[test]
    fn shared_addresses_are_dropped_late() {
        let mut port = plain(&["10.0.0.1/24", "10.1.0.1/24"]);
        assert_eq!(
            lines(&super::port(&port, &["10.1.0.1".into()])),
            [
                "lr_in_ip_input 60 | ip4.dst == {10.0.0.1} | drop; [hint]",
                "lr_in_arp_resolve 2 | ip4.dst == {10.1.0.1} | drop; [hint]",
                "lr_in_ip_input 60 | ip6.dst == {fe80::800:ff:fe00:101} | drop; [hint]",
            ]
        );
        port.config.router.options.chassis = Some("gw".into());
        port.config.router.options.lb_force_snat_ip = Some("router_ip".into());
        assert!(super::port(&port, &[]).is_empty());
    }
}
