//! Ports by which routes are advertised.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::mode::{self, Mode};
use crate::northd::Northbound;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::topology::peer::Peer;
use crate::topology::router_port::RouterPortConfig;
use crate::value::addresses::RouterAddresses;

/// A port of a router that advertises something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Advertiser {
    /// The Logical_Router_Port.
    pub port: Uuid,
    /// Its Port_Binding.
    pub binding: Uuid,
    /// Its router.
    pub router: Uuid,
    /// Whether the router has options:dynamic-routing. A route of another one that does may lead by the
    /// port.
    pub dynamic: bool,
    /// Whether the router is on one chassis alone.
    pub on_chassis: bool,
    /// Its addresses.
    pub addresses: RouterAddresses,
    /// Where it leads.
    pub peer: Option<Peer>,
    /// What it advertises.
    pub mode: Mode,
}

/// The ports that advertise something, and what is wrong with options.
///
/// Cost: a port costs itself; a router's options its ports.
pub fn advertisers(
    nb: &Northbound,
    ports: &Relation<RouterPortConfig>,
) -> (Relation<Advertiser>, Relation<Problem>) {
    let of_routers = nb.router.flat_map(|row| Some((row.uuid, Mode::read(&row.options).0?)));
    let of_ports = nb.router_port.flat_map(|row| Some((row.uuid, Mode::read(&row.options).0?)));
    let candidates = ports.map(|port| Advertiser {
        port: port.port.row,
        binding: port.binding,
        router: port.router.row,
        dynamic: port.router.options.dynamic_routing,
        on_chassis: port.router.options.is_gateway_router(),
        addresses: port.addresses.clone(),
        peer: port.peer.clone(),
        mode: Mode::default(),
    });
    let by_port = candidates.index_by(|port| port.port).named("dynamic.port");
    let with = |port: &Advertiser, mode: Mode| Advertiser { mode, ..port.clone() };
    let of_ports = of_ports.index_by(|(port, _): &(Uuid, Mode)| *port);
    let own = by_port.join(&of_ports, move |port, (_, mode)| with(port, *mode));
    let inherited = by_port
        .antijoin(&of_ports)
        .index_by(|port: &Advertiser| port.router)
        .join(&of_routers.index_by(|(router, _): &(Uuid, Mode)| *router), move |port, (_, mode)| {
            with(port, *mode)
        });

    let of_router = nb.router.filter(|row| row.enabled != Some(false)).flat_map(|row| {
        mode::complaints(&row.options, &row.name).into_iter().map(Problem::new).collect::<Vec<_>>()
    });
    let of_port = nb.router_port.flat_map(|row| {
        let told = mode::complaints(&row.options, &row.name);
        told.into_iter().map(|text| (row.uuid, text.into())).collect::<Vec<(Uuid, Text)>>()
    });
    let of_port = of_port
        .index_by(|(port, _): &(Uuid, Text)| *port)
        .join(&ports.map(|port| port.port.row).index_by(|port| *port), |(_, text), _| {
            Problem::new(text.clone())
        });
    (own.concat(&inherited).filter(|port| port.mode.any()), of_router.concat(&of_port))
}
