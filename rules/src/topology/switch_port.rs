//! Ports of logical switches (B06, B26): which are there, their keys, and what rules ask of them.

use northflow_engine::Relation;
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
use crate::schema::{Link, Table, nb};
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

impl SwitchPort {
    /// Keys indexes by the port.
    pub fn row(&self) -> Uuid {
        self.port.row
    }

    /// Keys indexes by the port's name.
    pub fn name(&self) -> Text {
        self.port.name.clone()
    }

    /// Keys indexes by the switch.
    pub fn switch(&self) -> Uuid {
        self.switch
    }
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
    /// Keys indexes by the port's name.
    pub fn name(&self) -> Text {
        self.port.name.clone()
    }

    /// Keys indexes by the port.
    pub fn row(&self) -> Uuid {
        self.port.row
    }

    /// Keys indexes by the switch.
    pub fn switch(&self) -> Uuid {
        self.switch
    }

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
    let bindings = port_identity::bindings(ports).index_by(|binding| binding.port);
    let all = ports.index_by(Table::uuid).join_groups(
        (&bindings, &listed.index_by(Link::member)),
        |row, (binding, links)| {
            Some(SwitchPort {
                port: Port { row: row.uuid, name: row.name.clone() },
                switch: links.rows().map(|link| link.owner).min()?,
                kind: PortKind::read(&row.type_),
                binding: binding.first()?.binding,
            })
        },
    );
    let by_name = all.index_by(SwitchPort::name).named("switch_port");
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

/// Ports that several switches name.
///
/// Cost: a port of several switches costs itself.
fn ports_of_several(listed: &Relation<Link>, ports: &Relation<SwitchPort>) -> Relation<SwitchPort> {
    let several =
        listed.index_by(Link::member).reduce(|group| (group.count() > 1).then(|| group.any().member));
    ports.index_by(SwitchPort::row).semijoin(&several.index_by(|port| *port))
}

/// Who wants a key.
///
/// Cost: a port costs itself.
pub fn claimants(ports: &Relation<SwitchPort>, rows: &Relation<nb::LogicalSwitchPort>) -> Relation<Claimant> {
    ports.index_by(SwitchPort::row).join(&rows.index_by(Table::uuid), |port, row| Claimant {
        owner: port.port.row,
        name: port.port.name.clone(),
        datapath: port.switch,
        kind: DatapathType::Switch,
        requested: row.options.get_number("requested-tnl-key"),
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
    ports.index_by(SwitchPort::row).join_groups(
        (
            &keys.index_by(Assigned::owner),
            &rows.index_by(Table::uuid).named("nb.switch_port"),
            &dynamic.index_by(|(row, _)| *row),
            &facing.index_by(|facing| facing.port.row),
            &queues.index_by(|queue| queue.port),
            &states.index_by(Table::uuid),
            &config.everywhere(),
        ),
        |port, (key, row, dynamic, facing, queue, state, config)| {
            key.first()?;
            let config = *config.first()?;
            let placement = Placement {
                port,
                dynamic: dynamic.first().map(|(_, text)| text),
                facing: facing.first(),
                queue: queue.first().map(|queue| queue.id),
                up: !config.ignore_down && state.first().is_some_and(|state| state.up == Some(true)),
                config,
            };
            Some(port_config(row.first()?, &placement))
        },
    )
}

/// What a port's configuration is made of beside its row.
struct Placement<'a> {
    port: &'a SwitchPort,
    dynamic: Option<&'a Text>,
    facing: Option<&'a Facing>,
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

fn port_config(row: &nb::LogicalSwitchPort, placement: &Placement<'_>) -> PortConfig {
    let kind = PortKind::read(&row.type_);
    let options = &row.options;
    let flag = |key| options.get_bool(key, false);
    let own = row.addresses.iter().filter_map(|text| PortAddress::read(text).fixed());
    let dynamic = placement.dynamic.and_then(|text| Addresses::read(text));
    let routed = row.addresses.iter().any(|address| &**address == "router");
    let routed = placement.facing.filter(|_| routed).map(|facing| Addresses {
        mac: facing.addresses.given.mac,
        ip4: facing.addresses.given.ip4.clone(),
        ip6: facing.addresses.ip6().copied().collect(),
    });
    PortConfig {
        port: Port { row: row.uuid, name: row.name.clone() },
        switch: placement.port.switch,
        kind,
        binding: placement.port.binding,
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
        facing: placement.facing.cloned(),
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
