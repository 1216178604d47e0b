//! Ports of type external (G11): machines that reach the network through a localnet port, at every
//! chassis. Those that do not stand in for such a port keep its traffic from routers, which would
//! otherwise route it once a chassis.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::port::{Port, PortKind};
use crate::flow::drop::DropConfig;
use crate::flow::row::{Placed, place};
use crate::flow::text::{ip6, solicited_node};
use crate::flow::{Flow, Stage};
use crate::ovsdb::Uuid;
use crate::topology::switch_port::PortConfig;
use crate::value::addresses::Addresses;

const STAGE: Stage = Stage::LsInExternalPort;

/// An external port and a localnet port of its switch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Entrance {
    port: Port,
    switch: Uuid,
    addresses: Vec<Addresses>,
    localnet: Port,
    drop: DropConfig,
}

/// The drops of all switches with external, localnet and router ports.
///
/// Cost: a port of one of these kinds costs its pairs with those of the other two.
pub fn drops(ports: &Relation<PortConfig>) -> Relation<Placed> {
    let external = ports.filter(|port| port.kind == PortKind::External).map(|port| {
        let (port, switch, addresses) = (port.clone(), port.switch, port.addresses.clone());
        Entrance { localnet: port.port.clone(), drop: port.config.drop, port: port.port, switch, addresses }
    });
    let localnet =
        ports.filter(|port| port.kind == PortKind::Localnet).map(|port| (port.switch, port.port.clone()));
    let entrances = external.index_by(|entrance| entrance.switch).join(
        &localnet.index_by(|(switch, _)| *switch),
        |entrance, (_, localnet)| Entrance { localnet: localnet.clone(), ..entrance.clone() },
    );
    let owned = ports.filter(|port| port.facing.is_some()).map(|port| (port.switch, port.addresses.clone()));
    entrances
        .index_by(|entrance| entrance.switch)
        .join_flat(&owned.index_by(|(switch, _)| *switch), |entrance, (switch, owned)| {
            place(*switch, flows(entrance, owned))
        })
}

/// What of an external port is dropped at one localnet port on its way to one router port, where the
/// external port is not resident.
fn flows(entrance: &Entrance, owned: &[Addresses]) -> Vec<Flow> {
    let Entrance { port, localnet, drop, .. } = entrance;
    let mut flows = Vec::new();
    let mut push = |matches: String, desc: &str| {
        let flow = Flow::new(STAGE, 100, matches, drop.explicit()).hint(port.row).desc(desc);
        flows.push(flow.io_port(localnet.name.clone()));
    };
    let elsewhere = format!("!is_chassis_resident({})", port.quoted());
    for address in &entrance.addresses {
        let from = format!("{} && eth.src == {}", localnet.is_inport(), address.mac);
        for router in owned {
            for ip in router.ips4() {
                let asked = format!("{from} && {elsewhere} && arp.tpa == {ip} && arp.op == 1");
                push(asked, "Drop ARP for unknown router ports");
            }
            for ip in router.ips6() {
                let (node, ip) = (ip6(solicited_node(ip)), ip6(ip));
                let asked = format!(
                    "{from} && {elsewhere} && nd_ns && ip6.dst == {{{ip}, {node}}} && nd.target == {ip}"
                );
                push(asked, "Drop ND for unbound router ports");
            }
            let sent = format!("{from} && eth.dst == {} && {elsewhere}", router.mac);
            push(sent, "Packet does not come from a chassis resident");
        }
    }
    flows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::{lines, port};

    #[test]
    fn other_chassis_keep_external_ports_from_routers() {
        let read = |text| Addresses::read(text).unwrap();
        let entrance = Entrance {
            port: port("e1"),
            switch: Uuid(1),
            addresses: vec![read("0a:00:00:00:01:01 10.0.1.1")],
            localnet: port("ln"),
            drop: DropConfig::default(),
        };
        assert_eq!(
            lines(&flows(&entrance, &[read("0a:00:00:00:ff:01 10.0.1.254 fd00::ff")])),
            [
                "ls_in_external_port 100 | inport == \"ln\" && eth.src == 0a:00:00:00:01:01 && !is_chassis_resident(\"e1\") && arp.tpa == 10.0.1.254 && arp.op == 1 | drop; [port ln] [desc Drop ARP for unknown router ports] [hint]",
                "ls_in_external_port 100 | inport == \"ln\" && eth.src == 0a:00:00:00:01:01 && !is_chassis_resident(\"e1\") && nd_ns && ip6.dst == {fd00::ff, ff02::1:ff00:ff} && nd.target == fd00::ff | drop; [port ln] [desc Drop ND for unbound router ports] [hint]",
                "ls_in_external_port 100 | inport == \"ln\" && eth.src == 0a:00:00:00:01:01 && eth.dst == 0a:00:00:00:ff:01 && !is_chassis_resident(\"e1\") | drop; [port ln] [desc Packet does not come from a chassis resident] [hint]",
            ]
        );
    }
}
