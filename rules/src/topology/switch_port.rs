//! Ports of logical switches (B06, B26): which are there, their keys, and what rules ask of them.

use northflow_engine::{Index, Relation};
use serde::{Deserialize, Serialize};

use super::facing::Facing;
use super::port_identity;
use super::port_key::Claimant;
use super::qos_queue::{self, Queue};
use super::tunnel_key::Assigned;
use crate::flow::drop::DropConfig;
use crate::flow::stage::DatapathType;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::{Link, nb};
use crate::switch::port::{Port, PortKind};
use crate::value::addresses::{Addresses, PortAddress};

/// A port on its switch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SwitchPort {
    /// The port.
    pub port: Port,
    /// The switch that it is on.
    pub switch: Uuid,
    /// Its type.
    pub kind: PortKind,
    /// Its Port_Binding.
    pub binding: Uuid,
}

/// A port as the rules for flows see it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortConfig {
    /// The port.
    pub port: Port,
    /// The switch that it is on.
    pub switch: Uuid,
    /// Its type.
    pub kind: PortKind,
    /// Its Port_Binding.
    pub binding: Uuid,
    /// Whether it is in use (Logical_Switch_Port.enabled, true by default).
    pub enabled: bool,
    /// The global settings.
    pub config: FlowConfig,
    /// Whether it is up, if that matters.
    pub up: bool,
    /// Whether it may hide any address: `unknown` is among its addresses, or it leads to another
    /// switch.
    pub unknown: bool,
    /// Whether port security limits its senders.
    pub secured: bool,
    /// Its addresses, the dynamic one last; those of the router port that it faces where it has the
    /// address `router`.
    pub addresses: Vec<Addresses>,
    /// The router port behind it.
    pub facing: Option<Facing>,
    /// The options that rules for flows read.
    pub options: PortOptions,
    /// What DHCP clients behind the port are told, if anything.
    pub dhcp: Option<Dhcp>,
    /// Its queue, as Port_Binding.options:qdisc_queue_id has it: its own or, where it needs none, the
    /// one that it names.
    pub queue: Option<Text>,
}

/// What of a port's row decides the answers to DHCP clients behind it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Dhcp {
    /// Logical_Switch_Port.dhcpv4_options.
    pub v4: Option<Uuid>,
    /// Logical_Switch_Port.dhcpv6_options.
    pub v6: Option<Uuid>,
    /// options:hostname.
    pub hostname: Option<Text>,
}

impl PortConfig {
    /// Whether connections through the port are tracked although it leads to a router: it faces a
    /// distributed gateway port and is told so (B25).
    pub fn keeps_conntrack(&self) -> bool {
        let gateway = self.facing.as_ref().is_some_and(|facing| facing.gateway.is_some());
        gateway && self.options.enable_router_port_acl
    }
}

/// What of the global settings flows of switches depend on; one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FlowConfig {
    /// Whether dropped packets are sampled.
    pub drop: DropConfig,
    /// NB_Global options:ignore_lsp_down, true by default: addresses of ports that are down are
    /// answered for.
    pub ignore_down: bool,
}

/// Options of a port that rules for flows read (ovn-nb(5), Logical_Switch_Port).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortOptions {
    /// `lsp_learn_fdb`, true by default.
    pub learn_fdb: bool,
    /// `localnet_learn_fdb`.
    pub localnet_learn_fdb: bool,
    /// `force_fdb_lookup`.
    pub force_fdb_lookup: bool,
    /// `pkt_clone_type` is `mc_unknown`.
    pub clone_to_unknown: bool,
    /// `disable_arp_nd_rsp`.
    pub disable_arp_nd_rsp: bool,
    /// `receive_multicast`, true by default.
    pub receive_multicast: bool,
    /// `mcast_flood`.
    pub mcast_flood: bool,
    /// `mcast_flood_reports`.
    pub mcast_flood_reports: bool,
    /// `enable_router_port_acl`.
    pub enable_router_port_acl: bool,
    /// `arp_proxy`, of a port with a router port behind it.
    pub arp_proxy: Option<Text>,
    /// `virtual-ip`, of a virtual port.
    pub virtual_ip: Option<Text>,
    /// `virtual-parents`, of a virtual port.
    pub virtual_parents: Vec<Text>,
}

/// The ports that are on a switch, each on one: of a port that several switches name, the switch
/// with the least identifier has it. A name that a router port has (`taken`) is not free for a
/// switch port.
///
/// Cost: a port costs itself.
pub fn switch_ports(
    listed: &Relation<Link>,
    ports: &Relation<nb::LogicalSwitchPort>,
    taken: &Relation<Text>,
) -> SwitchPorts {
    let members = switches_of(listed).reduce(|group| group.rows().min().copied());
    let names = ports.map(|row| SwitchPort {
        port: Port { row: row.uuid, name: row.name.clone() },
        switch: Uuid::ZERO,
        kind: PortKind::read(&row.type_),
        binding: Uuid::ZERO,
    });
    let names =
        names
            .index_by(|port| port.port.row)
            .join(&port_identity::bindings(ports).index_by(|binding| binding.port), |port, binding| {
                SwitchPort { binding: binding.binding, ..port.clone() }
            });
    let all =
        names
            .index_by(|port| port.port.row)
            .named("switch_port.name")
            .join(&members.index_by(|link| link.member).named("switch_port.switch"), |port, link| {
                SwitchPort { switch: link.owner, ..port.clone() }
            });
    let by_name = all.index_by(|port| port.port.name.clone()).named("switch_port");
    let taken = taken.index_by(Text::clone);
    let twice = ports_of_several(listed, &all)
        .concat(&by_name.semijoin(&taken))
        .map(|port| Problem::new(format!("duplicate logical port {}", port.port.name)));
    SwitchPorts { ports: by_name.antijoin(&taken), problems: twice }
}

/// What is known of the ports of switches.
#[derive(Clone, Debug)]
pub struct SwitchPorts {
    /// The ports.
    pub ports: Relation<SwitchPort>,
    /// Names that are there twice.
    pub problems: Relation<Problem>,
}

/// Which switches name each port.
fn switches_of(listed: &Relation<Link>) -> Index<Uuid, Link> {
    listed.index_by(|link| link.member)
}

/// Ports that several switches name.
///
/// Cost: a port of several switches costs itself.
fn ports_of_several(listed: &Relation<Link>, ports: &Relation<SwitchPort>) -> Relation<SwitchPort> {
    let several = switches_of(listed).reduce(|group| (group.count() > 1).then(|| group.any().member));
    ports.index_by(|port| port.port.row).semijoin(&several.index_by(|port| *port))
}

/// Who wants a key.
///
/// Cost: a port costs itself.
pub fn claimants(ports: &Relation<SwitchPort>, rows: &Relation<nb::LogicalSwitchPort>) -> Relation<Claimant> {
    let requested = rows.map(|row| (row.uuid, row.options.get_number::<i32>("requested-tnl-key")));
    ports.index_by(|port| port.port.row).join(&requested.index_by(|(row, _)| *row), |port, (_, requested)| {
        Claimant {
            owner: port.port.row,
            name: port.port.name.clone(),
            datapath: port.switch,
            kind: DatapathType::Switch,
            requested: *requested,
        }
    })
}

/// What rules for flows see of the ports that have a key. `dynamic` gives, by row, the address that
/// takes the place of `dynamic` in the port's own.
///
/// Cost: a port costs itself; columns that no flow depends on cost nothing.
pub fn port_configs(
    ports: &Relation<SwitchPort>,
    rows: &Relation<nb::LogicalSwitchPort>,
    keys: &Relation<Assigned>,
    dynamic: &Relation<(Uuid, Text)>,
    facing: &Relation<Facing>,
    queues: &Relation<Queue>,
    states: &Relation<nb::SwitchPortState>,
    config: &Relation<FlowConfig>,
) -> Relation<PortConfig> {
    // The rows come last, so that what is kept on the way to them is small.
    let keyed = ports.index_by(|port| port.port.row).semijoin(&keys.index_by(|assigned| assigned.owner));
    let addressed = keyed.index_by(|port| port.port.row).join_optional(
        &dynamic.index_by(|(row, _)| *row),
        |port, dynamic| {
            Some((port.port.row, port.switch, port.binding, dynamic.map(|(_, text)| text.clone())))
        },
    );
    let configured = addressed.index_by(|_| ()).join(&config.index_by(|_| ()), |port, config| {
        let (row, switch, binding, dynamic) = port.clone();
        Placement { row, switch, binding, dynamic, up: false, facing: None, queue: None, config: *config }
    });
    // Nothing depends on it otherwise, and it is what changes most.
    let counts = config.filter(|config| !config.ignore_down);
    let up = states.filter(|row| row.up == Some(true)).map(|row| row.uuid);
    let up = up.index_by(|_| ()).semijoin(&counts.index_by(|_| ()));
    let configured = configured
        .index_by(|placement| placement.row)
        .join_optional(&up.index_by(|row| *row), |placement, up| {
            Some(Placement { up: up.is_some(), ..placement.clone() })
        });
    configured
        .index_by(|placement| placement.row)
        .join_optional(&facing.index_by(|facing| facing.port.row), |placement, facing| {
            Some(Placement { facing: facing.cloned(), ..placement.clone() })
        })
        .index_by(|placement| placement.row)
        .join_optional(&queues.index_by(|queue| queue.port), |placement, queue| {
            Some(Placement { queue: queue.map(|queue| queue.id), ..placement.clone() })
        })
        .index_by(|placement| placement.row)
        .join(&rows.index_by(|row| row.uuid).named("nb.switch_port"), |placement, row| {
            port_config(row, placement)
        })
}

/// What a port's configuration is made of beside its row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Placement {
    row: Uuid,
    switch: Uuid,
    binding: Uuid,
    dynamic: Option<Text>,
    facing: Option<Facing>,
    queue: Option<u32>,
    up: bool,
    config: FlowConfig,
}

/// A port is served if it is enabled and leads to no router; an external one also needs chassis that
/// stand in for it.
fn dhcp(row: &nb::LogicalSwitchPort, kind: PortKind) -> Option<Dhcp> {
    let stand_in = kind != PortKind::External || row.ha_chassis_group.is_some();
    let served = row.enabled != Some(false) && kind != PortKind::Router && stand_in;
    let told = row.dhcpv4_options.is_some() || row.dhcpv6_options.is_some();
    (served && told).then(|| Dhcp {
        v4: row.dhcpv4_options,
        v6: row.dhcpv6_options,
        hostname: row.options.get("hostname").cloned(),
    })
}

fn queue(row: &nb::LogicalSwitchPort, kind: PortKind, own: Option<u32>) -> Option<Text> {
    if kind == PortKind::Router {
        return None;
    }
    let own = own.map(|id| Text::from(id.to_string()));
    own.into_iter().chain(row.options.get(qos_queue::QUEUE).cloned()).min()
}

fn port_config(row: &nb::LogicalSwitchPort, placement: &Placement) -> PortConfig {
    let kind = PortKind::read(&row.type_);
    let options = &row.options;
    let flag = |key| options.get_bool(key, false);
    let own = row.addresses.iter().filter_map(|text| PortAddress::read(text).fixed());
    let dynamic = placement.dynamic.as_deref().and_then(Addresses::read);
    let routed = row.addresses.iter().any(|address| &**address == "router");
    let routed = placement.facing.as_ref().filter(|_| routed).map(|facing| Addresses {
        mac: facing.addresses.given.mac,
        ip4: facing.addresses.given.ip4.clone(),
        ip6: facing.addresses.ip6().copied().collect(),
    });
    PortConfig {
        port: Port { row: row.uuid, name: row.name.clone() },
        switch: placement.switch,
        kind,
        binding: placement.binding,
        config: placement.config,
        enabled: row.enabled != Some(false),
        up: placement.up,
        unknown: kind == PortKind::Switch || row.addresses.iter().any(|address| &**address == "unknown"),
        secured: row.port_security.iter().any(|element| {
            // Whatever follows the mark of virtual routers is skipped.
            let element =
                element.strip_prefix("VRRPv3").map_or(&**element, |rest| rest.get(1..).unwrap_or_default());
            Addresses::read(element).is_some()
        }),
        addresses: own.chain(dynamic).chain(routed).collect(),
        facing: placement.facing.clone(),
        dhcp: dhcp(row, kind),
        queue: queue(row, kind, placement.queue),
        options: PortOptions {
            learn_fdb: options.get_bool("lsp_learn_fdb", true),
            localnet_learn_fdb: flag("localnet_learn_fdb"),
            force_fdb_lookup: flag("force_fdb_lookup"),
            clone_to_unknown: options.text("pkt_clone_type") == "mc_unknown",
            disable_arp_nd_rsp: flag("disable_arp_nd_rsp"),
            receive_multicast: options.get_bool("receive_multicast", true),
            mcast_flood: flag("mcast_flood"),
            mcast_flood_reports: flag("mcast_flood_reports"),
            enable_router_port_acl: flag("enable_router_port_acl"),
            arp_proxy: options.get("arp_proxy").filter(|_| placement.facing.is_some()).cloned(),
            virtual_ip: options.get("virtual-ip").filter(|_| kind == PortKind::Virtual).cloned(),
            virtual_parents: options
                .text("virtual-parents")
                .split(',')
                .filter(|name| kind == PortKind::Virtual && !name.is_empty())
                .map(Text::from)
                .collect(),
        },
    }
}
