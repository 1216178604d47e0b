//! What lies around router ports: the switch behind one, and what its router as a whole is set to.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::port::{PeerSwitch, PortContext};
use crate::ovsdb::Uuid;
use crate::schema::nb;
use crate::switch::port::PortKind;
use crate::topology::peer::Peer;
use crate::topology::router_port::RouterPortConfig;
use crate::topology::switch_port::SwitchPort;
use crate::value::addresses::Addresses;
use crate::value::mac::Mac;

/// What surrounds router ports.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Ports of switches.
    pub switch_ports: &'a Relation<SwitchPort>,
    /// Their rows.
    pub switch_rows: &'a Relation<nb::LogicalSwitchPort>,
    /// Routers with a load balancer that works on every chassis.
    pub distributed: &'a Relation<Uuid>,
}

/// Where a port is and leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Place {
    port: Uuid,
    router: Uuid,
    /// The switch port and the switch behind it.
    behind: Option<(Uuid, Uuid)>,
    switch: PeerSwitch,
}

/// What is added to a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Around {
    place: Place,
    distributed: bool,
}

/// Router ports with what lies around them.
///
/// Cost: a port costs itself; the first or last localnet or vtep port of a switch costs the router
/// ports there; the first or last distributed load balancer of a router, the ports of the router.
pub fn contexts(ports: &Relation<RouterPortConfig>, inputs: Inputs<'_>) -> Relation<PortContext> {
    let places = ports.map(|port| Place {
        port: port.port.row,
        router: port.router.row,
        behind: match &port.peer {
            Some(Peer::Switch { port, switch }) => Some((port.row, *switch)),
            _ => None,
        },
        switch: PeerSwitch::default(),
    });
    let proxied = places.index_by(|place| place.behind.map(|(port, _)| port)).join_optional(
        &proxies(inputs.switch_rows).index_by(|(port, _)| Some(*port)),
        |place, proxy| {
            let switch = PeerSwitch { proxy: proxy.map(|(_, mac)| *mac), ..place.switch.clone() };
            Some(Place { switch, ..place.clone() })
        },
    );
    let switched = proxied.index_by(|place: &Place| place.behind.map(|(_, switch)| switch)).join_optional(
        &switches(inputs).index_by(|(switch, _)| Some(*switch)),
        |place, known| {
            let proxy = place.switch.proxy;
            let switch = known.map(|(_, switch)| switch.clone()).unwrap_or_default();
            Some(Place { switch: PeerSwitch { proxy, ..switch }, ..place.clone() })
        },
    );
    let around = switched
        .index_by(|place: &Place| place.router)
        .join_optional(&inputs.distributed.index_by(|router| *router), |place, distributed| {
            Some(Around { place: place.clone(), distributed: distributed.is_some() })
        });
    ports.index_by(|port| port.port.row).named("router.port").join(
        &around.index_by(|around: &Around| around.place.port),
        |port, around| PortContext {
            config: port.clone(),
            switch: around.place.behind.map(|_| around.place.switch.clone()),
            distributed: around.distributed,
        },
    )
}

/// Switch ports that answer for others with an address of their own (options:arp_proxy).
fn proxies(rows: &Relation<nb::LogicalSwitchPort>) -> Relation<(Uuid, Mac)> {
    rows.flat_map(|row| {
        let mac = Addresses::read(row.options.get("arp_proxy")?)?.mac;
        (mac != Mac::ZERO).then_some((row.uuid, mac))
    })
}

/// Switches with localnet or vtep ports. A localnet port tags what it sends if it asks for a VLAN, or
/// has a parent and asks for any.
fn switches(inputs: Inputs<'_>) -> Relation<(Uuid, PeerSwitch)> {
    let special = inputs.switch_ports.filter(|port| matches!(port.kind, PortKind::Localnet | PortKind::Vtep));
    let tags = inputs.switch_rows.flat_map(|row| {
        let tag = row.tag_request?;
        let parent = row.parent_name.as_deref().unwrap_or_default();
        (tag != 0 || !parent.is_empty()).then_some(row.uuid)
    });
    let traits = special.index_by(SwitchPort::row).join_optional(&tags.index_by(|row| *row), |port, tag| {
        let localnet = port.kind == PortKind::Localnet;
        Some((port.switch, localnet, localnet && tag.is_some()))
    });
    traits.index_by(|(switch, _, _)| *switch).reduce(|group| {
        let mut known = PeerSwitch::default();
        for (_, localnet, tagged) in group.rows() {
            known.localnet |= *localnet;
            known.vtep |= !localnet;
            known.tagged |= *tagged;
        }
        Some((group.any().0, known))
    })
}
