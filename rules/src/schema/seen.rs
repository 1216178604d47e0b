//! Southbound rows as chassis see them (ovn-sb(5)): the columns that a controller reads, whoever writes
//! them. Columns that may be large sets are inputs of their own and not here.

use super::{Map, table};
use crate::ovsdb::{Text, Uuid};

table! {
    /// A logical switch or router.
    pub struct Datapath in Southbound "Datapath_Binding" {
        /// The number that packets of it carry.
        tunnel_key: i64 = "tunnel_key",
        /// `logical-switch` or `logical-router`.
        type_: Option<Text> = "type",
        /// Its names, and the settings that chassis read.
        external_ids: Map = "external_ids",
    }

    /// A logical port.
    pub struct Port in Southbound "Port_Binding" {
        /// Its name, unique.
        logical_port: Text = "logical_port",
        /// What is behind the port.
        type_: Text = "type",
        /// The datapath it is a port of.
        datapath: Uuid = "datapath",
        /// The number that packets of the port carry, unique in the datapath.
        tunnel_key: i64 = "tunnel_key",
        /// The port of the virtual machine whose VLAN this container port is.
        parent_port: Option<Text> = "parent_port",
        /// The VLAN of a container port or a localnet port.
        tag: Option<i64> = "tag",
        /// Settings by name.
        options: Map = "options",
        /// The chassis that has bound it.
        chassis: Option<Uuid> = "chassis",
        /// Further chassis that have bound it.
        additional_chassis: Vec<Uuid> = "additional_chassis",
        /// The chassis that stand in for it.
        ha_chassis_group: Option<Uuid> = "ha_chassis_group",
        /// The port, by name, for which a port of type `mirror` receives copies.
        mirror_port: Option<Text> = "mirror_port",
        /// The addresses behind it.
        mac: Vec<Text> = "mac",
        /// Through which end of tunnels the chassis that has bound it wants its packets.
        encap: Option<Uuid> = "encap",
    }

    /// From and to which addresses a logical port may send and be sent to.
    pub struct PortSecurity in Southbound "Port_Binding" {
        /// The addresses; without any there are no restrictions.
        port_security: Vec<Text> = "port_security",
    }

    /// One step of packet processing.
    pub struct LogicalFlow in Southbound "Logical_Flow" {
        /// The datapath it is for; absent if it is for a group.
        logical_datapath: Option<Uuid> = "logical_datapath",
        /// The group of datapaths it is for; absent if it is for one.
        logical_dp_group: Option<Uuid> = "logical_dp_group",
        /// `ingress` or `egress`.
        pipeline: Text = "pipeline",
        /// The stage, counted from 0 in each pipeline.
        table_id: i64 = "table_id",
        /// From 0 to 65535; the highest matching flow of a stage wins.
        priority: i64 = "priority",
        /// Which packets it is for; empty means all.
        match_: Text = "match",
        /// What happens to them.
        actions: Text = "actions",
        /// Hints that let a chassis skip work.
        tags: Map = "tags",
        /// The meter that limits what it sends to the controller.
        controller_meter: Option<Text> = "controller_meter",
    }

    /// A load balancer; its VIPs and its datapaths are inputs of their own.
    pub struct LoadBalancer in Southbound "Load_Balancer" {
        /// `tcp`, `udp` or `sctp`.
        protocol: Option<Text> = "protocol",
        /// The switches that have it, as old northds say it.
        datapath_group: Option<Uuid> = "datapath_group",
        /// The switches that have it.
        ls_datapath_group: Option<Uuid> = "ls_datapath_group",
        /// The routers that have it.
        lr_datapath_group: Option<Uuid> = "lr_datapath_group",
        /// Its settings by name.
        options: Map = "options",
    }

    /// A neighbour that a router port has learned.
    pub struct MacBinding in Southbound "MAC_Binding" {
        /// The router port.
        logical_port: Text = "logical_port",
        /// The address of the neighbour.
        ip: Text = "ip",
        /// The Ethernet address of the neighbour.
        mac: Text = "mac",
    }

    /// A neighbour that a router port was told.
    pub struct StaticMacBinding in Southbound "Static_MAC_Binding" {
        /// The router port.
        logical_port: Text = "logical_port",
        /// The address of the neighbour.
        ip: Text = "ip",
        /// The Ethernet address of the neighbour.
        mac: Text = "mac",
        /// Whether it counts before what is learned.
        override_dynamic_mac: bool = "override_dynamic_mac",
    }

    /// Where an Ethernet address was learned.
    pub struct Fdb in Southbound "FDB" {
        /// The address.
        mac: Text = "mac",
        /// The tunnel key of the datapath.
        dp_key: i64 = "dp_key",
        /// The tunnel key of the port.
        port_key: i64 = "port_key",
    }

    /// Whose template variables these are; the variables are an input of their own.
    pub struct TemplateVar in Southbound "Chassis_Template_Var" {
        /// The name of the chassis, unique.
        chassis: Text = "chassis",
    }

    /// A hypervisor or gateway.
    pub struct Chassis in Southbound "Chassis" {
        /// Its system identifier, unique.
        name: Text = "name",
        /// What it can do and how it is set up.
        other_config: Map = "other_config",
    }

    /// An end of tunnels.
    pub struct Encap in Southbound "Encap" {
        /// `geneve` or `vxlan`.
        type_: Text = "type",
        /// Its address.
        ip: Text = "ip",
        /// The name of its chassis.
        chassis_name: Text = "chassis_name",
        /// Settings.
        options: Map = "options",
    }

    /// What a group of chassis is called; its members are an input of their own.
    pub struct HaGroup in Southbound "HA_Chassis_Group" {
        /// Its name, unique.
        name: Text = "name",
    }

    /// A set of ports of one datapath to which a packet goes at once; its ports are an input of their own.
    pub struct Multicast in Southbound "Multicast_Group" {
        /// The datapath.
        datapath: Uuid = "datapath",
        /// Its name, unique in the datapath.
        name: Text = "name",
        /// The number that packets to this group carry.
        tunnel_key: i64 = "tunnel_key",
    }

    /// A named set of addresses; the addresses are an input of their own.
    pub struct AddressSet in Southbound "Address_Set" {
        /// Its name, unique.
        name: Text = "name",
    }

    /// The ports of one switch that are in a group; the ports are an input of their own.
    pub struct PortGroup in Southbound "Port_Group" {
        /// The switch's tunnel key, `_`, and the name of the northbound group; unique.
        name: Text = "name",
    }
}
