//! Ports of logical routers (B12, B15, B26): which are there, their addresses, and what rules ask of
//! them.

use northflow_engine::{Index, Relation, key_hash};
use serde::{Deserialize, Serialize};

use super::peer::Peer;
use super::router::{GatewayPort, Router};
use super::tunnel_key::Assigned;
use crate::flow::drop::DropConfig;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::{Link, Map, nb};
use crate::switch::port::Port;
use crate::value::addresses::RouterAddresses;

/// A port of a router that is not disabled, with a MAC address that can be read.
///
/// This is the least that tells a port from another; [`RouterPortConfig`] is for flows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouterPort {
    /// The Logical_Router_Port.
    pub port: Port,
    /// The router that it is on.
    pub router: Uuid,
    /// Its Port_Binding.
    pub binding: Uuid,
    /// Its MAC address as the CMS spells it.
    pub mac: Text,
    /// Its addresses: MAC, networks in the order of the column, and the link-local one.
    pub addresses: RouterAddresses,
    /// Logical_Router_Port.enabled, true by default.
    pub enabled: bool,
    /// Logical_Router_Port.peer: the port of another router that it wants to lead to.
    pub wants_peer: Option<Text>,
    /// Its chassis-redirect port, if it is a distributed gateway port: chassis may be its gateway
    /// (gateway_chassis or ha_chassis_group), and its router is no gateway router.
    pub redirect: Option<Redirect>,
    /// options:redirect-type is `bridged`, in any case.
    pub bridges: bool,
}

impl RouterPort {
    /// The port as a gateway, if it is one.
    pub fn gateway_port(&self) -> Option<GatewayPort> {
        let redirect = self.redirect.as_ref()?.name.clone();
        Some(GatewayPort { port: self.port.clone(), redirect })
    }
}

/// A chassis-redirect port: stands for another port on the chassis that is its gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Redirect {
    /// Whose tunnel key: no row of the northbound database, but derived from that of the port.
    pub owner: Uuid,
    /// `cr-` and the name of the port.
    pub name: Text,
    /// Its Port_Binding.
    pub binding: Uuid,
}

impl Redirect {
    /// The chassis-redirect port of `port` on `datapath`.
    pub fn of(port: &Port, datapath: Uuid) -> Redirect {
        let name: Text = format!("cr-{}", port.name).into();
        let owner = Uuid::from_hash(key_hash(&("chassis-redirect", port.row)));
        Redirect { owner, binding: binding_uuid(&name, datapath), name }
    }
}

/// The Port_Binding of a port that is known by its name on its datapath.
fn binding_uuid(name: &Text, datapath: Uuid) -> Uuid {
    Uuid::from_hash(key_hash(&("Port_Binding", name, datapath)))
}

/// A router port as the rules for flows see it; those with a key have one row each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouterPortConfig {
    /// The port.
    pub port: Port,
    /// Its router.
    pub router: Router,
    /// Its Port_Binding.
    pub binding: Uuid,
    /// Its MAC address as the CMS spells it.
    pub mac: Text,
    /// Its addresses: MAC, networks in the order of the column, and the link-local one.
    pub addresses: RouterAddresses,
    /// Logical_Router_Port.enabled, true by default.
    pub enabled: bool,
    /// Its chassis-redirect port, if it is a distributed gateway port.
    pub redirect: Option<Redirect>,
    /// Where it leads.
    pub peer: Option<Peer>,
    /// The options that rules for flows read.
    pub options: RouterPortOptions,
    /// Whether dropped packets are sampled.
    pub drop: DropConfig,
}

impl RouterPortConfig {
    /// The name of the chassis-redirect port, if it is a distributed gateway port.
    pub fn redirect_name(&self) -> Option<&str> {
        self.redirect.as_ref().map(|redirect| &*redirect.name)
    }
}

/// What of a Logical_Router_Port flows depend on (ovn-nb(5), Logical_Router_Port options).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouterPortOptions {
    /// `gateway_mtu`, if it is above zero.
    pub gateway_mtu: Option<i32>,
    /// `gateway_mtu_bypass`.
    pub gateway_mtu_bypass: Option<Text>,
    /// `redirect-type`.
    pub redirect_type: Option<Text>,
    /// `reside-on-redirect-chassis`.
    pub reside_on_redirect_chassis: bool,
    /// `route_table`: the table that traffic from the port is looked up in; empty for the main one.
    pub route_table: Text,
    /// `mcast_flood`.
    pub mcast_flood: bool,
    /// `prefix_delegation`.
    pub prefix_delegation: bool,
    /// `routing-protocol-redirect`: the switch port that routing protocols are handed to.
    pub routing_protocol_redirect: Option<Text>,
    /// `routing-protocols`.
    pub routing_protocols: Option<Text>,
    /// Logical_Router_Port.ipv6_ra_configs.
    pub ipv6_ra_configs: Map,
    /// Logical_Router_Port.dhcp_relay, a row of [`nb::DhcpRelay`].
    pub dhcp_relay: Option<Uuid>,
}

impl RouterPortOptions {
    /// Reads a row.
    pub fn read(row: &nb::LogicalRouterPort) -> RouterPortOptions {
        let options = &row.options;
        RouterPortOptions {
            gateway_mtu: options.get_number("gateway_mtu").filter(|mtu| *mtu > 0),
            gateway_mtu_bypass: options.get("gateway_mtu_bypass").cloned(),
            redirect_type: options.get("redirect-type").cloned(),
            reside_on_redirect_chassis: options.get_bool("reside-on-redirect-chassis", false),
            route_table: options.text("route_table").into(),
            mcast_flood: options.get_bool("mcast_flood", false),
            prefix_delegation: options.get_bool("prefix_delegation", false),
            routing_protocol_redirect: options.get("routing-protocol-redirect").cloned(),
            routing_protocols: options.get("routing-protocols").cloned(),
            ipv6_ra_configs: row.ipv6_ra_configs.clone(),
            dhcp_relay: row.dhcp_relay,
        }
    }
}

/// What is known of the ports of routers.
#[derive(Clone, Debug)]
pub struct RouterPorts {
    /// The ports.
    pub ports: Relation<RouterPort>,
    /// Addresses that cannot be read, ports that several routers name, gateways on gateway routers.
    pub problems: Relation<Problem>,
}

/// What of its router decides what a port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Home {
    router: Uuid,
    gateway_router: bool,
}

/// The ports that are on a router, each on one: of a port that several routers name, the router with
/// the least identifier has it.
///
/// Cost: a port costs itself; a router that becomes a gateway router, or is disabled, its ports.
pub fn router_ports(
    listed: &Relation<Link>,
    routers: &Relation<nb::LogicalRouter>,
    rows: &Relation<nb::LogicalRouterPort>,
) -> RouterPorts {
    let homes = routers
        .filter(|row| row.enabled != Some(false))
        .map(|row| Home { router: row.uuid, gateway_router: row.options.contains("chassis") });
    let listed = listed
        .index_by(Link::owner)
        .join(&homes.index_by(|home| home.router), |link, home| (link.member, *home));
    let by_port = listed.index_by(|(port, _): &(Uuid, Home)| *port);
    let home_of = by_port.reduce(|group| group.rows().min().copied());
    let homes: Index<Uuid, (Uuid, Home)> = home_of.index_by(|(port, _)| *port).named("router_port.router");
    // What flows do not depend on is cut off here.
    let read = rows.map(Columns::read);
    let ports = read
        .index_by(|columns| columns.port.row)
        .named("router_port")
        .join_flat(&homes, |columns, (_, home)| router_port(columns, *home));

    let complaints = rows.flat_map(|row| {
        let (_, complaints) = RouterAddresses::read(&row.mac, row.networks.iter().map(|net| &**net));
        complaints.into_iter().map(|text| (row.uuid, Text::from(text))).collect::<Vec<_>>()
    });
    let bad = complaints
        .index_by(|(port, _): &(Uuid, Text)| *port)
        .join(&homes, |(_, text), _| Problem::new(text.clone()));
    let several = by_port.reduce(|group| (group.count() > 1).then(|| group.any().0));
    let twice = ports
        .index_by(|port| port.port.row)
        .semijoin(&several.index_by(|port| *port))
        .map(|port| Problem::new(format!("duplicate logical router port {}", port.port.name)));
    let misplaced = read.filter(|columns| columns.gateway).index_by(|columns| columns.port.row).join_flat(
        &homes,
        |columns, (_, home)| {
            let name = &columns.port.name;
            home.gateway_router.then(|| {
                Problem::new(format!(
                    "Bad configuration: distributed gateway port configured on port {name} on L3 gateway router"
                ))
            })
        },
    );
    let problems = rows.builder().union(&[bad, twice, misplaced]);
    RouterPorts { ports, problems }
}

/// The columns that decide what a port is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Columns {
    port: Port,
    mac: Text,
    networks: Vec<Text>,
    enabled: bool,
    wants_peer: Option<Text>,
    gateway: bool,
    bridges: bool,
}

impl Columns {
    fn read(row: &nb::LogicalRouterPort) -> Columns {
        Columns {
            port: Port { row: row.uuid, name: row.name.clone() },
            mac: row.mac.clone(),
            networks: row.networks.clone(),
            enabled: row.enabled != Some(false),
            wants_peer: row.peer.clone(),
            gateway: !row.gateway_chassis.is_empty() || row.ha_chassis_group.is_some(),
            bridges: row.options.text("redirect-type").eq_ignore_ascii_case("bridged"),
        }
    }
}

fn router_port(columns: &Columns, home: Home) -> Option<RouterPort> {
    let (addresses, _) = RouterAddresses::read(&columns.mac, columns.networks.iter().map(|net| &**net));
    let port = &columns.port;
    let redirect = (columns.gateway && !home.gateway_router).then(|| Redirect::of(port, home.router));
    Some(RouterPort {
        port: port.clone(),
        router: home.router,
        binding: binding_uuid(&port.name, home.router),
        mac: columns.mac.clone(),
        addresses: addresses?,
        enabled: columns.enabled,
        wants_peer: columns.wants_peer.clone(),
        redirect,
        bridges: columns.bridges,
    })
}

/// What rules for flows see of the ports that have a key.
///
/// Cost: a port costs itself, and so does its peer where it joins or leaves; a router whose options
/// change costs its ports.
pub fn router_port_configs(
    ports: &Relation<RouterPort>,
    rows: &Relation<nb::LogicalRouterPort>,
    routers: &Relation<Router>,
    peers: &Relation<(Uuid, Peer)>,
    keys: &Relation<Assigned>,
    drop: &Relation<DropConfig>,
) -> Relation<RouterPortConfig> {
    let options = rows.map(|row| (row.uuid, RouterPortOptions::read(row)));
    let sampled =
        routers.index_by(|_| ()).join(&drop.index_by(|_| ()), |router, drop| (router.clone(), *drop));
    ports
        .index_by(|port| port.port.row)
        .semijoin(&keys.index_by(Assigned::owner))
        .index_by(|port: &RouterPort| port.port.row)
        .join(&options.index_by(|(row, _)| *row), |port, (_, options)| (port.clone(), options.clone()))
        .index_by(|(port, _): &(RouterPort, RouterPortOptions)| port.port.row)
        .join_optional(&peers.index_by(|(row, _)| *row), |(port, options), peer| {
            Some((port.clone(), options.clone(), peer.map(|(_, peer)| peer.clone())))
        })
        .index_by(|(port, _, _): &(RouterPort, RouterPortOptions, Option<Peer>)| port.router)
        .named("router_port.configured")
        .join(
            &sampled.index_by(|(router, _): &(Router, DropConfig)| router.row),
            |(port, options, peer), (router, drop)| RouterPortConfig {
                port: port.port.clone(),
                router: router.clone(),
                binding: port.binding,
                mac: port.mac.clone(),
                addresses: port.addresses.clone(),
                enabled: port.enabled,
                redirect: port.redirect.clone(),
                peer: peer.clone(),
                options: options.clone(),
                drop: *drop,
            },
        )
}
