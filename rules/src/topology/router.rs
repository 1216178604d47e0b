//! Logical routers as rules see them (B02, B21): which there are, their options, and what their ports
//! make of them.

use northflow_engine::Relation;
use serde::{Deserialize, Serialize};

use super::router_port::RouterPort;
use super::tunnel_key::Assigned;
use crate::ovsdb::{Text, Uuid};
use crate::schema::nb;
use crate::switch::port::Port;

/// A router that routes; one row each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Router {
    /// The northbound row.
    pub row: Uuid,
    /// What its row says.
    pub options: RouterOptions,
    /// Its distributed gateway ports.
    pub gateways: Gateways,
    /// Whether a port has options:redirect-type `bridged`.
    pub bridged: bool,
}

/// What of a Logical_Router flows depend on (ovn-nb(5), Logical_Router options).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouterOptions {
    /// `chassis`: the router is a gateway router, which is on this chassis alone.
    pub chassis: Option<Text>,
    /// `always_learn_from_arp_request`, true by default.
    pub always_learn_from_arp_request: bool,
    /// `dynamic_neigh_routers`.
    pub dynamic_neigh_routers: bool,
    /// `mcast_relay`.
    pub mcast_relay: bool,
    /// `ct-commit-all`.
    pub ct_commit_all: bool,
    /// `dynamic-routing`.
    pub dynamic_routing: bool,
    /// `lb_force_snat_ip`, as written.
    pub lb_force_snat_ip: Option<Text>,
    /// `dnat_force_snat_ip`, as written.
    pub dnat_force_snat_ip: Option<Text>,
    /// The meters that limit what goes to controllers, a row of [`nb::Copp`].
    pub copp: Option<Uuid>,
}

impl RouterOptions {
    /// Reads a row.
    pub fn read(row: &nb::LogicalRouter) -> RouterOptions {
        let options = &row.options;
        let flag = |key| options.get_bool(key, false);
        RouterOptions {
            chassis: options.get("chassis").cloned(),
            always_learn_from_arp_request: options.get_bool("always_learn_from_arp_request", true),
            dynamic_neigh_routers: flag("dynamic_neigh_routers"),
            mcast_relay: flag("mcast_relay"),
            ct_commit_all: flag("ct-commit-all"),
            dynamic_routing: flag("dynamic-routing"),
            lb_force_snat_ip: options.get("lb_force_snat_ip").cloned(),
            dnat_force_snat_ip: options.get("dnat_force_snat_ip").cloned(),
            copp: row.copp,
        }
    }

    /// Whether the router is on one chassis alone.
    pub fn is_gateway_router(&self) -> bool {
        self.chassis.is_some()
    }
}

/// The distributed gateway ports of a router: those with a chassis-redirect port.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Gateways {
    /// None.
    #[default]
    None,
    /// One.
    One(GatewayPort),
    /// Two or more: ask [`RouterPort::redirect`] which.
    Several,
}

impl Gateways {
    /// Whether there are any.
    pub fn any(&self) -> bool {
        *self != Gateways::None
    }

    /// The only one.
    pub fn only(&self) -> Option<&GatewayPort> {
        match self {
            Gateways::One(port) => Some(port),
            _ => None,
        }
    }
}

/// A distributed gateway port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GatewayPort {
    /// The Logical_Router_Port.
    pub port: Port,
    /// The name of its chassis-redirect port: resident on the chassis that is the gateway now.
    pub redirect: Text,
}

/// The routers that have a key.
///
/// ```text
/// router(row)  :-  Logical_Router that is not disabled, its datapath key,
///                  how many of its ports are gateways and which if it is one,
///                  whether a port bridges
/// ```
///
/// Cost: a router costs itself; a gateway port costs its router where it is the first or second.
pub fn routers(
    rows: &Relation<nb::LogicalRouter>,
    datapaths: &Relation<Assigned>,
    ports: &Relation<RouterPort>,
) -> Relation<Router> {
    let options = rows.map(|row| (row.uuid, RouterOptions::read(row)));
    let live = options
        .index_by(|(row, _)| *row)
        .semijoin(&datapaths.index_by(Assigned::owner))
        .index_by(|(row, _): &(Uuid, RouterOptions)| *row)
        .named("router");

    let gateways = ports.flat_map(|port| Some((port.router, port.gateway_port()?)));
    // Of a lone gateway the sum of identifiers is the identifier.
    let counts = gateways.tally_by(|(router, _)| *router, |(_, gateway)| gateway.port.row.0);
    let lone = counts.filter(|tally| tally.count == 1).map(|tally| (tally.key, Uuid(tally.sum)));
    let one = gateways
        .index_by(|(router, gateway)| (*router, gateway.port.row))
        .join(&lone.index_by(|(router, port)| (*router, *port)), |(router, gateway), _| {
            (*router, Gateways::One(gateway.clone()))
        });
    let several = counts.filter(|tally| tally.count > 1).map(|tally| (tally.key, Gateways::Several));
    let summary = one.concat(&several);
    let bridging = ports.filter(|port| port.bridges).map(|port| port.router).distinct();
    live.join_optional(&summary.index_by(|(router, _)| *router), |(row, options), gateways| {
        let gateways = gateways.map(|(_, gateways)| gateways.clone()).unwrap_or_default();
        Some(Router { row: *row, options: options.clone(), gateways, bridged: false })
    })
    .index_by(|router: &Router| router.row)
    .join_optional(&bridging.index_by(|router| *router), |router, bridging| {
        Some(Router { bridged: bridging.is_some(), ..router.clone() })
    })
}
