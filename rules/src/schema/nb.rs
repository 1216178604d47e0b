//! Northbound rows (ovn-nb(5)).
//!
//! The CMS owns every column unless its note says that northflow does. The rows at the end hold only
//! columns that northflow writes back; their `uuid` is that of the row to update.

use super::{Map, TableInfo, table};
use crate::ovsdb::{Text, Uuid};

/// The tables that the rules read, each once.
pub(super) const READ: &[TableInfo] = &[
    TableInfo::of::<NbGlobal>(),
    TableInfo::of::<LogicalSwitch>(),
    TableInfo::of::<LogicalSwitchPort>(),
    TableInfo::of::<LogicalRouter>(),
    TableInfo::of::<LogicalRouterPort>(),
    TableInfo::of::<AddressSet>(),
    TableInfo::of::<PortGroup>(),
    TableInfo::of::<Mirror>(),
    TableInfo::of::<SamplingApp>(),
];

table! {
    /// The settings of the whole network; the table has one row.
    pub struct NbGlobal in Northbound "NB_Global" {
        /// A counter that the CMS raises to learn when its changes have taken effect.
        nb_cfg: i64 = "nb_cfg",
        /// Settings by name. The CMS owns them, except those that northflow fills in: see
        /// [`NbGlobalOptions`].
        options: Map = "options",
        /// Whether tunnels between chassis are encrypted.
        ipsec: bool = "ipsec",
    }

    /// A virtual layer-2 network.
    pub struct LogicalSwitch in Northbound "Logical_Switch" {
        /// Its name, for people; two switches may share one.
        name: Text = "name",
        /// Its ports. A port listed by two switches belongs to one of them only.
        ports: Vec<Uuid> = "ports",
        /// Settings by name: subnets for address assignment, multicast, VLAN transparency, tunnel key.
        other_config: Map = "other_config",
        /// What the CMS notes about it.
        external_ids: Map = "external_ids",
    }

    /// A port of a logical switch.
    pub struct LogicalSwitchPort in Northbound "Logical_Switch_Port" {
        /// Its name, unique among all logical ports.
        name: Text = "name",
        /// What is behind the port; empty for a virtual machine or container.
        type_: Text = "type",
        /// Settings by name; which ones count depends on the type.
        options: Map = "options",
        /// The port of the virtual machine whose VLAN this container port is.
        parent_name: Option<Text> = "parent_name",
        /// The VLAN that a container port or a localnet port asks for; 0 asks for any free one.
        tag_request: Option<i64> = "tag_request",
        /// The VLAN that the port has. Owned by northflow, which answers `tag_request`; see [`PortTag`].
        tag: Option<i64> = "tag",
        /// Who is behind the port: `MAC IP...` texts, or `dynamic`, `unknown`, `router`.
        addresses: Vec<Text> = "addresses",
        /// What a `dynamic` entry of `addresses` was given. Owned by northflow; see
        /// [`PortDynamicAddresses`].
        dynamic_addresses: Option<Text> = "dynamic_addresses",
        /// The addresses that traffic from the port may come from; none means any.
        port_security: Vec<Text> = "port_security",
        /// The port of another switch that a port of type `switch` leads to.
        peer: Option<Text> = "peer",
        /// Whether the port is bound to a chassis. Owned by northflow; see [`PortUp`].
        up: Option<bool> = "up",
        /// Whether the port passes traffic; absent means that it does.
        enabled: Option<bool> = "enabled",
        /// The mirrors that get a copy of the port's traffic.
        mirror_rules: Vec<Uuid> = "mirror_rules",
        /// What the CMS notes about it.
        external_ids: Map = "external_ids",
    }

    /// A virtual layer-3 router.
    pub struct LogicalRouter in Northbound "Logical_Router" {
        /// Its name, for people; two routers may share one.
        name: Text = "name",
        /// Its ports. A port listed by two routers belongs to one of them only.
        ports: Vec<Uuid> = "ports",
        /// Whether the router routes; absent means that it does.
        enabled: Option<bool> = "enabled",
        /// Settings by name: home chassis, tunnel key, neighbour learning.
        options: Map = "options",
        /// What the CMS notes about it.
        external_ids: Map = "external_ids",
    }

    /// A port of a logical router.
    pub struct LogicalRouterPort in Northbound "Logical_Router_Port" {
        /// Its name, unique among all logical ports.
        name: Text = "name",
        /// Its MAC address.
        mac: Text = "mac",
        /// Its IP addresses with prefix lengths.
        networks: Vec<Text> = "networks",
        /// The port of another router that it leads to, if it leads to no switch.
        peer: Option<Text> = "peer",
        /// Whether the port passes traffic; absent means that it does.
        enabled: Option<bool> = "enabled",
        /// Settings by name: tunnel key, redirection, MTU.
        options: Map = "options",
        /// What the CMS notes about it.
        external_ids: Map = "external_ids",
    }

    /// A named set of addresses that matches can refer to.
    pub struct AddressSet in Northbound "Address_Set" {
        /// Its name, unique.
        name: Text = "name",
        /// MAC or IP addresses, or IP prefixes.
        addresses: Vec<Text> = "addresses",
    }

    /// A named set of switch ports that matches can refer to.
    pub struct PortGroup in Northbound "Port_Group" {
        /// Its name, unique.
        name: Text = "name",
        /// Its members, ports of any switches.
        ports: Vec<Uuid> = "ports",
    }

    /// A place to which ports copy their traffic.
    pub struct Mirror in Northbound "Mirror" {
        /// Its name, unique.
        name: Text = "name",
        /// Which traffic is copied: `from-lport`, `to-lport` or `both`.
        filter: Text = "filter",
        /// Where the copies go: a tunnel's remote address or, for type `local`, a port's name.
        sink: Text = "sink",
        /// How the copies travel: `gre`, `erspan`, `local` or `lport`.
        type_: Text = "type",
        /// The tunnel's key (`gre`) or index (`erspan`).
        index: i64 = "index",
    }

    /// The number by which samples of one kind are told apart.
    pub struct SamplingApp in Northbound "Sampling_App" {
        /// The kind: `drop`, `acl-new` or `acl-est`; unique.
        type_: Text = "type",
        /// The number, from 1 to 255, that the high bits of an observation domain carry.
        id: i64 = "id",
    }
}

table! {
    /// How far the network has followed [`NbGlobal::nb_cfg`]. Owned by northflow.
    pub struct NbGlobalProgress in Northbound "NB_Global" {
        /// When northflow saw the current `nb_cfg`, in milliseconds since 1970.
        nb_cfg_timestamp: i64 = "nb_cfg_timestamp",
        /// The `nb_cfg` that the southbound database has reached.
        sb_cfg: i64 = "sb_cfg",
        /// When it did, in milliseconds since 1970.
        sb_cfg_timestamp: i64 = "sb_cfg_timestamp",
        /// The `nb_cfg` that every chassis has reached.
        hv_cfg: i64 = "hv_cfg",
        /// When the last of them did, in milliseconds since 1970.
        hv_cfg_timestamp: i64 = "hv_cfg_timestamp",
    }

    /// The settings together with those that northflow fills in: `mac_prefix`, `max_tunid`,
    /// `northd_internal_version`, `svc_monitor_mac` and `svc_monitor_mac_dst`.
    pub struct NbGlobalOptions in Northbound "NB_Global" {
        /// All settings by name; those of the CMS are written back as they were.
        options: Map = "options",
    }

    /// Whether a switch port is bound. Owned by northflow.
    pub struct PortUp in Northbound "Logical_Switch_Port" {
        /// True when a chassis has set the port up, or it needs none.
        up: Option<bool> = "up",
    }

    /// The VLAN of a switch port. Owned by northflow.
    pub struct PortTag in Northbound "Logical_Switch_Port" {
        /// The VLAN asked for, or the free one chosen.
        tag: Option<i64> = "tag",
    }

    /// What a switch port with a `dynamic` address was given. Owned by northflow.
    pub struct PortDynamicAddresses in Northbound "Logical_Switch_Port" {
        /// The MAC address and then the IP addresses.
        dynamic_addresses: Option<Text> = "dynamic_addresses",
    }
}
