//! Southbound rows (ovn-sb(5)).
//!
//! Three kinds of row: those that northflow writes whole; those of which it writes some columns and
//! the chassis others, split into two types; and those of the chassis, which it only reads.

use super::{Map, UuidMap, table};
use crate::ovsdb::{Text, Uuid};

// Rows that northflow writes whole.
table! {
    /// The settings of the whole network; the table has one row. Owned by northflow, except the option
    /// `sbctl_probe_interval`.
    pub struct SbGlobal in Southbound "SB_Global" {
        /// The northbound `nb_cfg` that the database reflects.
        nb_cfg: i64 = "nb_cfg",
        /// The northbound settings, and what the chassis need to know besides.
        options: Map = "options",
        /// Whether tunnels between chassis are encrypted.
        ipsec: bool = "ipsec",
    }

    /// A logical switch or router, as the chassis know it. Owned by northflow.
    pub struct DatapathBinding in Southbound "Datapath_Binding" {
        /// The number that packets of this datapath carry in tunnels, unique.
        tunnel_key: i64 = "tunnel_key",
        /// `logical-switch` or `logical-router`.
        type_: Option<Text> = "type",
        /// The northbound switch or router.
        nb_uuid: Option<Uuid> = "nb_uuid",
        /// Its names, and the settings that chassis read.
        external_ids: Map = "external_ids",
    }

    /// What northflow says of a logical port. The other columns are those of [`PortBindingState`],
    /// [`PortBindingUp`] and [`PortBindingChassis`].
    pub struct PortBinding in Southbound "Port_Binding" {
        /// The name of the port, unique.
        logical_port: Text = "logical_port",
        /// What is behind the port; decides which chassis binds it and how.
        type_: Text = "type",
        /// Settings by name; those that chassis put there are carried over.
        options: Map = "options",
        /// The datapath it is a port of.
        datapath: Uuid = "datapath",
        /// The number that packets of this port carry in tunnels, unique in the datapath.
        tunnel_key: i64 = "tunnel_key",
        /// The port of the virtual machine whose VLAN this container port is.
        parent_port: Option<Text> = "parent_port",
        /// The VLAN of a container port or a localnet port.
        tag: Option<i64> = "tag",
        /// The port, by name, for which a port of type `mirror` receives copies.
        mirror_port: Option<Text> = "mirror_port",
        /// The mirrors that get a copy of the port's traffic.
        mirror_rules: Vec<Uuid> = "mirror_rules",
        /// The addresses behind the port.
        mac: Vec<Text> = "mac",
        /// The addresses that traffic from the port may come from; none means any.
        port_security: Vec<Text> = "port_security",
        /// What the CMS notes about the port.
        external_ids: Map = "external_ids",
        /// The chassis that may bind the port, if the CMS names one.
        requested_chassis: Option<Uuid> = "requested_chassis",
        /// Further chassis that may bind the port at the same time.
        requested_additional_chassis: Vec<Uuid> = "requested_additional_chassis",
        /// The chassis that stand in for the port.
        ha_chassis_group: Option<Uuid> = "ha_chassis_group",
        /// What older versions named these by; empty.
        gateway_chassis: Vec<Uuid> = "gateway_chassis",
        /// Addresses that chassis announce for the router behind the port.
        nat_addresses: Vec<Text> = "nat_addresses",
        /// Whether the port is up: false for a new row, and then the chassis' business.
        up: Option<bool> = "up",
    }

    /// A set of datapaths that logical flows share. Owned by northflow.
    pub struct LogicalDpGroup in Southbound "Logical_DP_Group" {
        /// Its members.
        datapaths: Vec<Uuid> = "datapaths",
    }

    /// One step of packet processing. Owned by northflow.
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
        /// For people: the stage's name, the northbound row behind it.
        external_ids: Map = "external_ids",
        /// For people: what it is for.
        flow_desc: Option<Text> = "flow_desc",
    }

    /// A set of ports of one datapath to which a packet goes at once. Owned by northflow.
    pub struct MulticastGroup in Southbound "Multicast_Group" {
        /// The datapath.
        datapath: Uuid = "datapath",
        /// Its name, unique in the datapath.
        name: Text = "name",
        /// The number that packets to this group carry in tunnels, from 32768 to 65535, unique in the
        /// datapath.
        tunnel_key: i64 = "tunnel_key",
        /// Its members.
        ports: Vec<Uuid> = "ports",
    }

    /// A named set of addresses that matches refer to. Owned by northflow.
    pub struct AddressSet in Southbound "Address_Set" {
        /// Its name, unique.
        name: Text = "name",
        /// MAC or IP addresses, or IP prefixes.
        addresses: Vec<Text> = "addresses",
    }

    /// The ports of one switch that are in a northbound port group. Owned by northflow.
    pub struct PortGroup in Southbound "Port_Group" {
        /// The switch's tunnel key, `_`, and the name of the northbound group; unique.
        name: Text = "name",
        /// The names of the ports.
        ports: Vec<Text> = "ports",
    }

    /// The number of an ACL whose connections outlive a change of the ACL; the identifier of the row is
    /// that of the ACL. Owned by northflow.
    pub struct AclId in Southbound "ACL_ID" {
        /// The number.
        id: i64 = "id",
    }

    /// The multicast snooping settings of a switch. Owned by northflow; `seq_no`, which tells chassis
    /// to forget what they learned, is not.
    pub struct IpMulticast in Southbound "IP_Multicast" {
        /// The switch, unique.
        datapath: Uuid = "datapath",
        /// Whether chassis learn who wants which group.
        enabled: Option<bool> = "enabled",
        /// Whether chassis ask who wants which group.
        querier: Option<bool> = "querier",
        /// The MAC address that queries come from.
        eth_src: Text = "eth_src",
        /// The IPv4 address that queries come from.
        ip4_src: Text = "ip4_src",
        /// The IPv6 address that queries come from.
        ip6_src: Text = "ip6_src",
        /// How many groups a chassis remembers.
        table_size: Option<i64> = "table_size",
        /// After how many seconds a chassis forgets a group.
        idle_timeout: Option<i64> = "idle_timeout",
        /// Seconds between two queries.
        query_interval: Option<i64> = "query_interval",
        /// Seconds that a host may take to answer.
        query_max_resp: Option<i64> = "query_max_resp",
    }

    /// A chassis that may stand in for a port. Owned by northflow.
    pub struct HaChassis in Southbound "HA_Chassis" {
        /// The chassis, while it is there.
        chassis: Option<Uuid> = "chassis",
        /// From 0 to 32767; the highest that is alive wins.
        priority: i64 = "priority",
        /// `chassis-name`: its name, whether it is there or not.
        external_ids: Map = "external_ids",
    }

    /// Chassis of which one stands in for ports. Owned by northflow.
    pub struct HaChassisGroup in Southbound "HA_Chassis_Group" {
        /// Its name, unique.
        name: Text = "name",
        /// The chassis, rows of [`HaChassis`].
        ha_chassis: Vec<Uuid> = "ha_chassis",
        /// The chassis that watch over them.
        ref_chassis: Vec<Uuid> = "ref_chassis",
    }

    /// A neighbour of a router port that need not be asked for. Owned by northflow.
    pub struct StaticMacBinding in Southbound "Static_MAC_Binding" {
        /// The name of the router port that has the neighbour.
        logical_port: Text = "logical_port",
        /// The neighbour's IP address.
        ip: Text = "ip",
        /// The neighbour's MAC address.
        mac: Text = "mac",
        /// Whether it counts before what was learned.
        override_dynamic_mac: bool = "override_dynamic_mac",
        /// The datapath of the router.
        datapath: Uuid = "datapath",
    }

    /// A place to which ports copy their traffic. Owned by northflow.
    pub struct Mirror in Southbound "Mirror" {
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

    /// A load balancer, for chassis that answer on its behalf. Owned by northflow.
    pub struct LoadBalancer in Southbound "Load_Balancer" {
        /// Its name.
        name: Text = "name",
        /// Its backends by VIP.
        vips: Map = "vips",
        /// `tcp`, `udp` or `sctp`.
        protocol: Option<Text> = "protocol",
        /// The datapaths that older versions said have it; empty.
        datapaths: Vec<Uuid> = "datapaths",
        /// The switches that have it, where some chassis knows no other column.
        datapath_group: Option<Uuid> = "datapath_group",
        /// The switches that have it.
        ls_datapath_group: Option<Uuid> = "ls_datapath_group",
        /// The routers that have it.
        lr_datapath_group: Option<Uuid> = "lr_datapath_group",
        /// Its settings by name.
        options: Map = "options",
    }

    /// Names that the chassis of some switches resolve. Owned by northflow, except other options than
    /// `ovn-owned`.
    pub struct Dns in Southbound "DNS" {
        /// Addresses by name, or a name by reversed address; values are in lower case.
        records: Map = "records",
        /// The switches.
        datapaths: Vec<Uuid> = "datapaths",
        /// `ovn-owned`: whether questions about other data of these names are answered too.
        options: Map = "options",
    }

    /// Values of template variables on one chassis. Owned by northflow.
    pub struct ChassisTemplateVar in Southbound "Chassis_Template_Var" {
        /// The name of the chassis, unique.
        chassis: Text = "chassis",
        /// The values by name.
        variables: Map = "variables",
    }

    /// A limit of packets or bits per second. Owned by northflow.
    pub struct Meter in Southbound "Meter" {
        /// Its name, unique.
        name: Text = "name",
        /// `kbps` or `pktps`.
        unit: Text = "unit",
        /// The limits, rows of [`MeterBand`].
        bands: Vec<Uuid> = "bands",
    }

    /// A limit of a meter. Owned by northflow.
    pub struct MeterBand in Southbound "Meter_Band" {
        /// What happens above it: `drop`.
        action: Text = "action",
        /// The limit, in the unit of the meter.
        rate: i64 = "rate",
        /// How much may exceed it at once, in kilobits or packets.
        burst_size: i64 = "burst_size",
    }

    /// A session that says whether a neighbour is alive (RFC 5880).
    pub struct Bfd in Southbound "BFD" {
        /// The router port.
        logical_port: Text = "logical_port",
        /// The neighbour.
        dst_ip: Text = "dst_ip",
        /// The port that packets are sent from, which no other session has.
        src_port: i64 = "src_port",
        /// Tells the session from others of its chassis.
        disc: i64 = "disc",
        /// Milliseconds between packets sent, at least.
        min_tx: i64 = "min_tx",
        /// Milliseconds between packets received, at least.
        min_rx: i64 = "min_rx",
        /// How many packets may be missed.
        detect_mult: i64 = "detect_mult",
        /// What a new row begins with; then the chassis' and [`BfdStatus`].
        status: Text = "status",
        /// The chassis that had the port when the row was made.
        chassis_name: Text = "chassis_name",
    }

    /// What a chassis probes. The other columns are those of [`ServiceMonitorState`],
    /// [`ServiceMonitorChassis`] and [`ServiceMonitorStatus`].
    pub struct ServiceMonitor in Southbound "Service_Monitor" {
        /// What for: `load-balancer`, `logical-switch-port` or `network-function`.
        type_: Option<Text> = "type",
        /// The address that is probed.
        ip: Text = "ip",
        /// The logical port that has it.
        logical_port: Text = "logical_port",
        /// The port of the transport layer.
        port: i64 = "port",
        /// `tcp`, `udp` or `icmp`.
        protocol: Option<Text> = "protocol",
        /// The logical port by which probes are sent, of a network function.
        logical_input_port: Text = "logical_input_port",
        /// The MAC address that probes go to, of a network function.
        mac: Text = "mac",
        /// The MAC address that probes come from.
        src_mac: Text = "src_mac",
        /// The IP address that probes come from.
        src_ip: Text = "src_ip",
        /// Interval, timeout, counts.
        options: Map = "options",
        /// Whether the port is in another availability zone.
        remote: bool = "remote",
        /// Whether another availability zone asks for it.
        ic_learned: bool = "ic_learned",
    }

    /// A DHCPv4 option that chassis can send (RFC 2132). Owned by northflow.
    pub struct DhcpOptions in Southbound "DHCP_Options" {
        /// The name by which flows call it.
        name: Text = "name",
        /// Its number on the wire.
        code: i64 = "code",
        /// How its value is written.
        type_: Text = "type",
    }

    /// A DHCPv6 option that chassis can send (RFC 8415). Owned by northflow.
    pub struct Dhcpv6Options in Southbound "DHCPv6_Options" {
        /// The name by which flows call it.
        name: Text = "name",
        /// Its number on the wire.
        code: i64 = "code",
        /// How its value is written.
        type_: Text = "type",
    }

    /// What clients of one role may write. Owned by northflow.
    pub struct RbacRole in Southbound "RBAC_Role" {
        /// The name of the role.
        name: Text = "name",
        /// For each table by name, the [`RbacPermission`].
        permissions: UuidMap = "permissions",
    }

    /// What clients of a role may write in one table. Owned by northflow.
    pub struct RbacPermission in Southbound "RBAC_Permission" {
        /// The name of the table.
        table: Text = "table",
        /// The columns of which one has to hold the client's name; an empty name lets every client in.
        authorization: Vec<Text> = "authorization",
        /// Whether rows may be inserted, and deleted by an authorized client.
        insert_delete: bool = "insert_delete",
        /// The columns that an authorized client may change.
        update: Vec<Text> = "update",
    }
}

// Columns of shared rows.
table! {
    /// What the rules read back of a datapath: the key it was given.
    pub struct DatapathBindingState in Southbound "Datapath_Binding" {
        /// The number that packets of this datapath carry in tunnels. Owned by northflow.
        tunnel_key: i64 = "tunnel_key",
        /// `logical-switch` or `logical-router`. Owned by northflow.
        type_: Option<Text> = "type",
        /// The northbound switch or router. Owned by northflow.
        nb_uuid: Option<Uuid> = "nb_uuid",
        /// Its names, among them, in rows of older versions, the northbound row. Owned by northflow.
        external_ids: Map = "external_ids",
    }

    /// What the rules read back of a port: the key it was given, and where it is bound.
    pub struct PortBindingState in Southbound "Port_Binding" {
        /// The name of the port. Owned by northflow.
        logical_port: Text = "logical_port",
        /// What is behind the port. Owned by northflow.
        type_: Text = "type",
        /// The datapath it is a port of. Owned by northflow.
        datapath: Uuid = "datapath",
        /// The number that packets of this port carry in tunnels. Owned by northflow.
        tunnel_key: i64 = "tunnel_key",
        /// The port of the virtual machine whose VLAN this container port is. Owned by northflow.
        parent_port: Option<Text> = "parent_port",
        /// Settings by name. Owned by northflow, except those that chassis put there.
        options: Map = "options",
        /// The chassis that has bound the port. Owned by the chassis.
        chassis: Option<Uuid> = "chassis",
        /// Further chassis that have bound the port. Owned by the chassis.
        additional_chassis: Vec<Uuid> = "additional_chassis",
        /// Whether the chassis has all flows of the port; absent until northflow starts it as false.
        up: Option<bool> = "up",
        /// The name of the port that has the address of a virtual port. Owned by the chassis.
        virtual_parent: Option<Text> = "virtual_parent",
    }

    /// What the rules read back of a session.
    pub struct BfdState in Southbound "BFD" {
        /// The router port. Owned by northflow.
        logical_port: Text = "logical_port",
        /// The neighbour. Owned by northflow.
        dst_ip: Text = "dst_ip",
        /// The port that packets are sent from. Owned by northflow.
        src_port: i64 = "src_port",
        /// `down`, `init`, `up` or `admin_down`. Owned by the chassis, but for `admin_down`.
        status: Text = "status",
    }

    /// What the rules read back of a multicast group: the key it was given.
    pub struct MulticastGroupState in Southbound "Multicast_Group" {
        /// The datapath. Owned by northflow.
        datapath: Uuid = "datapath",
        /// Its name. Owned by northflow.
        name: Text = "name",
        /// The number that packets to this group carry in tunnels. Owned by northflow.
        tunnel_key: i64 = "tunnel_key",
    }

    /// What the rules read back of a probe.
    pub struct ServiceMonitorState in Southbound "Service_Monitor" {
        /// What for: `load-balancer`, `logical-switch-port` or `network-function`.
        type_: Option<Text> = "type",
        /// The address that is probed.
        ip: Text = "ip",
        /// The logical port that has it.
        logical_port: Text = "logical_port",
        /// The port of the transport layer.
        port: i64 = "port",
        /// `tcp`, `udp` or `icmp`.
        protocol: Option<Text> = "protocol",
        /// The IP address that probes come from.
        src_ip: Text = "src_ip",
        /// The chassis that probes. Owned by northflow.
        chassis_name: Text = "chassis_name",
        /// `online`, `offline` or `error`. Owned by the chassis.
        status: Option<Text> = "status",
        /// Whether another availability zone asks for it.
        ic_learned: bool = "ic_learned",
    }

    /// The chassis that probes.
    pub struct ServiceMonitorChassis in Southbound "Service_Monitor" {
        /// Its name.
        chassis_name: Text = "chassis_name",
    }

    /// A neighbour that answers requests which replies have to go back to; chassis watch whether it does.
    pub struct EcmpNexthop in Southbound "ECMP_Nexthop" {
        /// Its address.
        nexthop: Text = "nexthop",
        /// The port that it is behind, a row of [`PortBinding`].
        port: Uuid = "port",
        /// The datapath of the router.
        datapath: Uuid = "datapath",
        /// Its MAC address as far as it is known; only given to a new row.
        mac: Text = "mac",
    }

    /// A prefix that chassis advertise to routers outside. Owned by northflow.
    pub struct AdvertisedRoute in Southbound "Advertised_Route" {
        /// The datapath of the router.
        datapath: Uuid = "datapath",
        /// The port by which it is advertised, a row of [`PortBinding`].
        logical_port: Uuid = "logical_port",
        /// The prefix, or one address.
        ip_prefix: Text = "ip_prefix",
        /// The port whose chassis is nearer than others.
        tracked_port: Option<Uuid> = "tracked_port",
    }

    /// A neighbour that chassis advertise to switches outside. Owned by northflow.
    pub struct AdvertisedMacBinding in Southbound "Advertised_MAC_Binding" {
        /// The datapath of the switch.
        datapath: Uuid = "datapath",
        /// The port that has the address, a row of [`PortBinding`].
        logical_port: Uuid = "logical_port",
        /// Its address.
        ip: Text = "ip",
        /// Its MAC address.
        mac: Text = "mac",
    }

    /// The MAC address of a watched neighbour, where another one has been learned.
    pub struct EcmpNexthopMac in Southbound "ECMP_Nexthop" {
        /// The address.
        mac: Text = "mac",
    }

    /// The status of a session that is switched on or off.
    pub struct BfdStatus in Southbound "BFD" {
        /// `down` or `admin_down`.
        status: Text = "status",
    }

    /// What came of a probe, where northflow knows better.
    pub struct ServiceMonitorStatus in Southbound "Service_Monitor" {
        /// `offline`, because the port is.
        status: Option<Text> = "status",
    }

    /// What the rules read back of the network's settings: an option of others among them.
    pub struct SbGlobalOptions in Southbound "SB_Global" {
        /// The options.
        options: Map = "options",
    }

    /// The column that northflow sets once, to false, and the chassis from then on.
    pub struct PortBindingUp in Southbound "Port_Binding" {
        /// Whether the chassis has all flows of the port.
        up: Option<bool> = "up",
    }

    /// What the options of a row of names are, or are to be, whoever wrote them last.
    pub struct DnsOptions in Southbound "DNS" {
        /// The options.
        options: Map = "options",
    }

    /// What a port's options are to be, whoever wrote them last.
    pub struct PortBindingOptions in Southbound "Port_Binding" {
        /// The options.
        options: Map = "options",
    }

    /// The column that northflow sets where no controller does: to the requested chassis where that is
    /// a remote one, and to nothing when a port leaves a remote chassis.
    pub struct PortBindingChassis in Southbound "Port_Binding" {
        /// The chassis that has bound the port.
        chassis: Option<Uuid> = "chassis",
    }
}

// Rows of the chassis.
table! {
    /// A machine that runs a controller, or a gateway. Owned by the chassis.
    pub struct Chassis in Southbound "Chassis" {
        /// Its system identifier, unique.
        name: Text = "name",
        /// Its host name.
        hostname: Text = "hostname",
        /// Its tunnel endpoints.
        encaps: Vec<Uuid> = "encaps",
        /// What it can do and how it is set up.
        other_config: Map = "other_config",
    }

    /// What a chassis reports about itself alone. Owned by the chassis.
    pub struct ChassisPrivate in Southbound "Chassis_Private" {
        /// The name of the chassis, unique.
        name: Text = "name",
        /// The chassis; absent once it is gone.
        chassis: Option<Uuid> = "chassis",
        /// The `nb_cfg` whose flows it has installed.
        nb_cfg: i64 = "nb_cfg",
        /// When it had, in milliseconds since 1970.
        nb_cfg_timestamp: i64 = "nb_cfg_timestamp",
    }

    /// A tunnel endpoint of a chassis. Owned by the chassis.
    pub struct Encap in Southbound "Encap" {
        /// `geneve` or `vxlan`.
        type_: Text = "type",
    }

    /// The place at which some MAC address was seen. Written by the chassis; northflow deletes it
    /// when its port is gone.
    pub struct Fdb in Southbound "FDB" {
        /// The tunnel key of the datapath.
        dp_key: i64 = "dp_key",
        /// The tunnel key of the port.
        port_key: i64 = "port_key",
        /// When the address was last seen, in milliseconds since 1970.
        timestamp: i64 = "timestamp",
    }

    /// A multicast group that ports of a chassis have asked for, or under the name `mrouters` what ports
    /// multicast routers are behind; the ports are an input of their own. Written by the chassis;
    /// northflow deletes it when its chassis or switch is gone.
    pub struct IgmpGroup in Southbound "IGMP_Group" {
        /// The address of the group.
        address: Text = "address",
        /// The switch.
        datapath: Option<Uuid> = "datapath",
        /// The chassis; absent once it is gone.
        chassis: Option<Uuid> = "chassis",
    }

    /// A neighbour that a router has learned. Written by the chassis; northflow deletes it when its
    /// port is gone.
    pub struct MacBinding in Southbound "MAC_Binding" {
        /// The name of the router port that has the neighbour.
        logical_port: Text = "logical_port",
        /// The datapath of the router.
        datapath: Uuid = "datapath",
        /// The address of the neighbour.
        ip: Text = "ip",
        /// The MAC address of the neighbour.
        mac: Text = "mac",
        /// When the neighbour was last seen, in milliseconds since 1970.
        timestamp: i64 = "timestamp",
    }

    /// A route that a router has learned. Written by the chassis; northflow deletes it when its port is
    /// gone or learns no more.
    pub struct LearnedRoute in Southbound "Learned_Route" {
        /// The datapath of the router.
        datapath: Uuid = "datapath",
        /// The port that the next hop is behind, a row of [`PortBinding`].
        logical_port: Uuid = "logical_port",
        /// Where the route leads.
        ip_prefix: Text = "ip_prefix",
        /// The address of the next router.
        nexthop: Text = "nexthop",
    }

    /// What the rules read back of a neighbour that chassis watch.
    pub struct EcmpNexthopState in Southbound "ECMP_Nexthop" {
        /// The address of the neighbour. Owned by northflow.
        nexthop: Text = "nexthop",
        /// The port that it is behind, a row of [`PortBinding`]. Owned by northflow.
        port: Uuid = "port",
        /// Its MAC address. Owned by northflow.
        mac: Text = "mac",
    }
}
