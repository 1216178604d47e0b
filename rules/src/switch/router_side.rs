//! Switch ports with a router port behind them, as the rules of switches and their services see them.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::port::Port;
use crate::flow::drop::DropConfig;
use crate::flow::text::Mac;
use crate::ovsdb::{Text, Uuid};
use crate::topology::routed::Routed;
use crate::topology::router_port::RouterPort;
use crate::topology::switch_port::PortConfig;
use crate::value::addresses::{Addresses, RouterAddresses};

/// A switch port of type router with the router port behind it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouterSide {
    /// The switch port.
    pub port: Port,
    /// Its switch.
    pub switch: Uuid,
    /// Its addresses; those of the router port are among them if it has the address `router`.
    pub addresses: Vec<Addresses>,
    /// `unknown` is among its addresses.
    pub unknown: bool,
    /// options:arp_proxy.
    pub arp_proxy: Option<Text>,
    /// The address of the router port.
    pub mac: Mac,
    /// Its chassis-redirect port, if it is a distributed gateway port.
    pub redirect: Option<Text>,
    /// The router port itself, if its router is on one chassis alone.
    pub gateway_router: Option<Text>,
    /// Whether dropped packets are sampled.
    pub drop: DropConfig,
}

impl RouterSide {
    /// What is resident where the router is reached from outside: `None` if that is everywhere.
    pub fn gateway(&self) -> Option<&Text> {
        self.redirect.as_ref().or(self.gateway_router.as_ref())
    }
}

/// The router sides of all switches.
///
/// Cost: a port costs itself and the port behind it; a router, its ports.
pub fn router_sides(ports: &Relation<PortConfig>, routed: &Routed) -> Relation<RouterSide> {
    let links = routed
        .peers
        .attachments
        .map(|attachment| (attachment.port.row, attachment.router_port.row))
        .index_by(|(_, router_port)| *router_port)
        .join(&routed.ports.index_by(|port| port.port.row), |(port, _), behind| (*port, behind.clone()));
    let gateway_routers =
        routed.routers.filter(|router| router.options.is_gateway_router()).map(|router| router.row);
    let links = links
        .index_by(|(_, behind): &(Uuid, RouterPort)| behind.router)
        .join_optional(&gateway_routers.index_by(|router| *router), |(port, behind), router| {
            Some((*port, behind.clone(), router.is_some()))
        });
    links.index_by(|(port, _, _): &(Uuid, RouterPort, bool)| *port).join(
        &ports.filter(|port| port.from_router.is_some()).index_by(|port| port.port.row),
        |(_, behind, gateway_router), port| router_side(port, behind, *gateway_router),
    )
}

fn router_side(port: &PortConfig, behind: &RouterPort, gateway_router: bool) -> RouterSide {
    let mut addresses = port.addresses.clone();
    let from_router = port.from_router.as_ref();
    if from_router.is_some_and(|from_router| from_router.addresses) {
        addresses.push(port_address(&behind.addresses));
    }
    RouterSide {
        port: port.port.clone(),
        switch: port.switch,
        addresses,
        unknown: port.unknown,
        arp_proxy: from_router.and_then(|from_router| from_router.arp_proxy.clone()),
        mac: behind.addresses.given.mac,
        redirect: behind.redirect.as_ref().map(|redirect| redirect.name.clone()),
        gateway_router: gateway_router.then(|| behind.port.name.clone()),
        drop: port.config.drop,
    }
}

fn port_address(addresses: &RouterAddresses) -> Addresses {
    Addresses {
        mac: addresses.given.mac,
        ip4: addresses.given.ip4.clone(),
        ip6: addresses.ip6().copied().collect(),
    }
}
