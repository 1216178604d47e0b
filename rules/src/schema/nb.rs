//! Northbound rows (ovn-nb(5)).
//!
//! The CMS owns every column unless its note says that northflow does. The rows at the end hold only
//! columns that northflow writes back; their `uuid` is that of the row to update.
//!
//! Columns that hold large sets are no part of their row: they are inputs of their own, element by
//! element ([`Link`](super::Link), [`SetElement`](super::SetElement), [`MapEntry`](super::MapEntry)), so
//! that one element more is one record more. `northd/tables.rs` lists them.

use super::{IntMap, Map, table};
use crate::ovsdb::{Text, Uuid};

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
        /// The meters that limit what its flows send to controllers, a row of [`Copp`].
        copp: Option<Uuid> = "copp",
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
        /// Who is behind the port: `MAC IP...` texts, or `dynamic`, `unknown`, `router`.
        addresses: Vec<Text> = "addresses",
        /// The addresses that traffic from the port may come from; none means any.
        port_security: Vec<Text> = "port_security",
        /// The port of another switch that a port of type `switch` leads to.
        peer: Option<Text> = "peer",
        /// Whether the port passes traffic; absent means that it does.
        enabled: Option<bool> = "enabled",
        /// The mirrors that get a copy of the port's traffic.
        mirror_rules: Vec<Uuid> = "mirror_rules",
        /// What DHCPv4 clients behind the port are told, a row of [`DhcpOptions`].
        dhcpv4_options: Option<Uuid> = "dhcpv4_options",
        /// What DHCPv6 clients behind the port are told, a row of [`DhcpOptions`].
        dhcpv6_options: Option<Uuid> = "dhcpv6_options",
        /// The chassis that stand in for an external port, a row of [`HaChassisGroup`].
        ha_chassis_group: Option<Uuid> = "ha_chassis_group",
        /// How the port's liveness is probed, rows of [`SwitchPortHealthCheck`].
        health_checks: Vec<Uuid> = "health_checks",
        /// What the CMS notes about it.
        external_ids: Map = "external_ids",
    }

    /// The columns of a switch port that northflow writes. They are a row of their own, so that what comes
    /// back of our own writes wakes only the rules that made them.
    pub struct SwitchPortState in Northbound "Logical_Switch_Port" {
        /// The VLAN that the port has, which answers `tag_request`; see [`PortTag`].
        tag: Option<i64> = "tag",
        /// What a `dynamic` entry of `addresses` was given; see [`PortDynamicAddresses`].
        dynamic_addresses: Option<Text> = "dynamic_addresses",
        /// Whether the port is bound to a chassis; see [`PortUp`].
        up: Option<bool> = "up",
    }

    /// A virtual layer-3 router.
    pub struct LogicalRouter in Northbound "Logical_Router" {
        /// Its name, for people; two routers may share one.
        name: Text = "name",
        /// The meters that limit what its flows send to controllers, a row of [`Copp`].
        copp: Option<Uuid> = "copp",
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
        /// The chassis that may be the port's gateway, rows of [`GatewayChassis`].
        gateway_chassis: Vec<Uuid> = "gateway_chassis",
        /// The chassis that may be the port's gateway, a row of [`HaChassisGroup`]; it counts before
        /// `gateway_chassis`.
        ha_chassis_group: Option<Uuid> = "ha_chassis_group",
        /// What router advertisements say, by name.
        ipv6_ra_configs: Map = "ipv6_ra_configs",
        /// The prefixes that were delegated to the port. Owned by northflow; see [`RouterPortPrefix`].
        ipv6_prefix: Vec<Text> = "ipv6_prefix",
        /// Where DHCP requests are relayed to, a row of [`DhcpRelay`].
        dhcp_relay: Option<Uuid> = "dhcp_relay",
        /// What northflow reports of the port: see [`RouterPortStatus`]. Owned by northflow.
        status: Map = "status",
        /// What the CMS notes about it.
        external_ids: Map = "external_ids",
    }

    /// A named set of addresses that matches can refer to.
    pub struct AddressSet in Northbound "Address_Set" {
        /// Its name, unique.
        name: Text = "name",
    }

    /// A named set of switch ports that matches can refer to.
    pub struct PortGroup in Northbound "Port_Group" {
        /// Its name, unique.
        name: Text = "name",
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
        /// What is mirrored to a logical port and what not, rows of [`MirrorRule`].
        mirror_rules: Vec<Uuid> = "mirror_rules",
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
    /// One rule of packet filtering.
    pub struct Acl in Northbound "ACL" {
        /// Its name in logs.
        name: Option<Text> = "name",
        /// From 0 to 32767; the highest matching rule wins.
        priority: i64 = "priority",
        /// `from-lport` or `to-lport`.
        direction: Text = "direction",
        /// Which packets it is for.
        match_: Text = "match",
        /// `allow`, `allow-related`, `allow-stateless`, `drop`, `reject` or `pass`.
        action: Text = "action",
        /// Whether packets that match are logged.
        log: bool = "log",
        /// How severe a log entry is: `alert`, `warning`, `notice`, `info` or `debug`.
        severity: Option<Text> = "severity",
        /// The meter that limits log entries, by name.
        meter: Option<Text> = "meter",
        /// What connections that it allows are marked with; 0 is no mark.
        label: i64 = "label",
        /// From 0 to 3; a lower tier is evaluated first.
        tier: i64 = "tier",
        /// How packets of new connections are sampled, a row of [`Sample`].
        sample_new: Option<Uuid> = "sample_new",
        /// How packets of established connections are sampled, a row of [`Sample`].
        sample_est: Option<Uuid> = "sample_est",
        /// The network functions that packets pass, a row of [`NetworkFunctionGroup`].
        network_function_group: Option<Uuid> = "network_function_group",
        /// Settings by name: `apply-after-lb`, `log-related`, `persist-established`.
        options: Map = "options",
    }

    /// Where samples go and what they carry.
    pub struct Sample in Northbound "Sample" {
        /// The collectors, rows of [`SampleCollector`].
        collectors: Vec<Uuid> = "collectors",
        /// The observation point, unique.
        metadata: i64 = "metadata",
    }

    /// A receiver of samples.
    pub struct SampleCollector in Northbound "Sample_Collector" {
        /// Its number, from 1 to 255, unique.
        id: i64 = "id",
        /// Its name.
        name: Text = "name",
        /// How many of 65535 packets are sampled.
        probability: i64 = "probability",
        /// The set of collectors in Open vSwitch that it stands for.
        set_id: i64 = "set_id",
    }

    /// A limit of packets or bits per second.
    pub struct Meter in Northbound "Meter" {
        /// Its name, unique.
        name: Text = "name",
        /// `kbps` or `pktps`.
        unit: Text = "unit",
        /// The limits, rows of [`MeterBand`].
        bands: Vec<Uuid> = "bands",
        /// Whether each ACL that uses it has a meter of its own.
        fair: Option<bool> = "fair",
    }

    /// A limit of a meter.
    pub struct MeterBand in Northbound "Meter_Band" {
        /// What happens above it: `drop`.
        action: Text = "action",
        /// The limit, in the unit of the meter.
        rate: i64 = "rate",
        /// How much may exceed it at once, in kilobits or packets.
        burst_size: i64 = "burst_size",
    }

    /// Control plane protection: which meter limits which kind of packet to controllers.
    pub struct Copp in Northbound "Copp" {
        /// Its name, unique.
        name: Text = "name",
        /// The name of a meter by kind of packet.
        meters: Map = "meters",
    }

    /// One rule of traffic shaping or marking.
    pub struct Qos in Northbound "QoS" {
        /// From 0 to 32767; the highest matching rule wins.
        priority: i64 = "priority",
        /// `from-lport` or `to-lport`.
        direction: Text = "direction",
        /// Which packets it is for.
        match_: Text = "match",
        /// `dscp` and `mark` with their values.
        action: IntMap = "action",
        /// `rate` in kbps and `burst` in kilobits.
        bandwidth: IntMap = "bandwidth",
    }

    /// What DHCP clients are told.
    pub struct DhcpOptions in Northbound "DHCP_Options" {
        /// The network for which it holds.
        cidr: Text = "cidr",
        /// The options by name.
        options: Map = "options",
    }

    /// Names that the chassis resolve.
    pub struct Dns in Northbound "DNS" {
        /// Addresses by name, or a name by reversed address.
        records: Map = "records",
        /// Settings by name.
        options: Map = "options",
        /// What the CMS notes about it.
        external_ids: Map = "external_ids",
    }

    /// Ports that share an address, as members of a load balancer below IP.
    pub struct ForwardingGroup in Northbound "Forwarding_Group" {
        /// Its name.
        name: Text = "name",
        /// The IP address that they share.
        vip: Text = "vip",
        /// The MAC address that they share.
        vmac: Text = "vmac",
        /// Whether only ports whose tunnel is alive count.
        liveness: bool = "liveness",
        /// The ports, by name.
        child_port: Vec<Text> = "child_port",
    }

    /// Whether packets of a kind are mirrored to a logical port.
    pub struct MirrorRule in Northbound "Mirror_Rule" {
        /// Which packets it is for.
        match_: Text = "match",
        /// `mirror` or `skip`.
        action: Text = "action",
        /// The highest matching rule wins.
        priority: i64 = "priority",
    }

    /// A probe of what is behind a switch port.
    pub struct SwitchPortHealthCheck in Northbound "Logical_Switch_Port_Health_Check" {
        /// `tcp`, `udp` or `icmp`.
        protocol: Text = "protocol",
        /// The address that probes come from.
        src_ip: Text = "src_ip",
        /// The port that is probed.
        port: i64 = "port",
        /// The address that is probed.
        address: Text = "address",
        /// Settings by name: interval, timeout, counts.
        options: Map = "options",
    }

    /// What northflow writes about a probe of a switch port.
    pub struct SwitchPortHealthStatus in Northbound "Logical_Switch_Port_Health_Check" {
        /// What came of it: `online`, `offline` or `error`. Owned by northflow.
        status: Option<Text> = "status",
    }

    /// Values of template variables on one chassis.
    pub struct ChassisTemplateVar in Northbound "Chassis_Template_Var" {
        /// The name of the chassis, unique.
        chassis: Text = "chassis",
        /// The values by name.
        variables: Map = "variables",
    }
}

table! {
    /// A route of a router.
    pub struct StaticRoute in Northbound "Logical_Router_Static_Route" {
        /// The table it is in; empty for the main one.
        route_table: Text = "route_table",
        /// The prefix that it matches.
        ip_prefix: Text = "ip_prefix",
        /// Whether the prefix is of the source (`src-ip`) or the destination (`dst-ip`, the default).
        policy: Option<Text> = "policy",
        /// The address of the next hop, or `discard`.
        nexthop: Text = "nexthop",
        /// The router port by which it leaves, by name.
        output_port: Option<Text> = "output_port",
        /// The session that says whether the next hop is alive, a row of [`Bfd`].
        bfd: Option<Uuid> = "bfd",
        /// The header fields by which traffic is spread over routes of equal cost.
        selection_fields: Vec<Text> = "selection_fields",
        /// Settings by name: `ecmp_symmetric_reply`, `origin`.
        options: Map = "options",
        /// What the CMS notes about it.
        external_ids: Map = "external_ids",
    }

    /// A routing policy of a router.
    pub struct RouterPolicy in Northbound "Logical_Router_Policy" {
        /// From 0 to 32767; the highest matching policy wins.
        priority: i64 = "priority",
        /// The chain it is in.
        chain: Option<Text> = "chain",
        /// Which packets it is for.
        match_: Text = "match",
        /// `allow`, `drop`, `reroute` or `jump`.
        action: Text = "action",
        /// The chain that a `jump` leads to.
        jump_chain: Option<Text> = "jump_chain",
        /// The next hop of a `reroute`; superseded by `nexthops`.
        nexthop: Option<Text> = "nexthop",
        /// The next hops of a `reroute`.
        nexthops: Vec<Text> = "nexthops",
        /// The router port by which packets leave, a row of [`LogicalRouterPort`].
        output_port: Option<Uuid> = "output_port",
        /// The sessions that say whether the next hops are alive, rows of [`Bfd`].
        bfd_sessions: Vec<Uuid> = "bfd_sessions",
        /// Settings by name: `pkt_mark`.
        options: Map = "options",
    }

    /// A session that says whether a neighbour is alive (RFC 5880).
    pub struct Bfd in Northbound "BFD" {
        /// The router port, by name.
        logical_port: Text = "logical_port",
        /// The neighbour.
        dst_ip: Text = "dst_ip",
        /// Milliseconds between packets sent, at least.
        min_tx: Option<i64> = "min_tx",
        /// Milliseconds between packets received, at least.
        min_rx: Option<i64> = "min_rx",
        /// How many packets may be missed.
        detect_mult: Option<i64> = "detect_mult",
        /// What the chassis say of it. Owned by northflow.
        status: Option<Text> = "status",
        /// What the CMS notes about it.
        external_ids: Map = "external_ids",
        /// Settings by name.
        options: Map = "options",
    }

    /// A chassis that may be a port's gateway.
    pub struct GatewayChassis in Northbound "Gateway_Chassis" {
        /// Its name, unique.
        name: Text = "name",
        /// The name of the chassis.
        chassis_name: Text = "chassis_name",
        /// From 0 to 32767; the highest wins.
        priority: i64 = "priority",
        /// What the CMS notes about it.
        external_ids: Map = "external_ids",
        /// Settings by name.
        options: Map = "options",
    }

    /// A member of an [`HaChassisGroup`].
    pub struct HaChassis in Northbound "HA_Chassis" {
        /// The name of the chassis.
        chassis_name: Text = "chassis_name",
        /// From 0 to 32767; the highest wins.
        priority: i64 = "priority",
        /// What the CMS notes about it.
        external_ids: Map = "external_ids",
    }

    /// Chassis of which one does what all could do.
    pub struct HaChassisGroup in Northbound "HA_Chassis_Group" {
        /// Its name, unique.
        name: Text = "name",
        /// Its members, rows of [`HaChassis`].
        ha_chassis: Vec<Uuid> = "ha_chassis",
        /// What the CMS notes about it.
        external_ids: Map = "external_ids",
    }

    /// A neighbour of a router port that need not be asked for.
    pub struct StaticMacBinding in Northbound "Static_MAC_Binding" {
        /// The router port, by name.
        logical_port: Text = "logical_port",
        /// The neighbour's IP address.
        ip: Text = "ip",
        /// The neighbour's MAC address.
        mac: Text = "mac",
        /// Whether it counts before what was learned.
        override_dynamic_mac: bool = "override_dynamic_mac",
    }

    /// Where a router port relays DHCP requests to.
    pub struct DhcpRelay in Northbound "DHCP_Relay" {
        /// Its name.
        name: Text = "name",
        /// The address of the server.
        servers: Option<Text> = "servers",
    }
}

table! {
    /// A translation of addresses at a router.
    pub struct Nat in Northbound "NAT" {
        /// The address outside.
        external_ip: Text = "external_ip",
        /// The MAC address outside, of a distributed translation.
        external_mac: Option<Text> = "external_mac",
        /// The ports outside, `PORT` or `FROM-TO`; empty for all.
        external_port_range: Text = "external_port_range",
        /// The address or prefix inside.
        logical_ip: Text = "logical_ip",
        /// The switch port that has the inside address, by name.
        logical_port: Option<Text> = "logical_port",
        /// `snat`, `dnat` or `dnat_and_snat`.
        type_: Text = "type",
        /// The only outside addresses it is for, a row of [`AddressSet`].
        allowed_ext_ips: Option<Uuid> = "allowed_ext_ips",
        /// The outside addresses it is not for, a row of [`AddressSet`].
        exempted_ext_ips: Option<Uuid> = "exempted_ext_ips",
        /// The gateway port at which it happens, a row of [`LogicalRouterPort`].
        gateway_port: Option<Uuid> = "gateway_port",
        /// Among translations with a `match`, the highest wins.
        priority: i64 = "priority",
        /// Which packets it is for; empty for all.
        match_: Text = "match",
        /// Settings by name: `stateless`, `add_route`.
        options: Map = "options",
    }

    /// Addresses behind which others serve.
    pub struct LoadBalancer in Northbound "Load_Balancer" {
        /// Its name.
        name: Text = "name",
        /// `tcp`, `udp` or `sctp`; tcp by default.
        protocol: Option<Text> = "protocol",
        /// How the liveness of backends is probed, rows of [`HealthCheck`].
        health_check: Vec<Uuid> = "health_check",
        /// The header fields by which connections are spread over backends.
        selection_fields: Vec<Text> = "selection_fields",
        /// Settings by name.
        options: Map = "options",
        /// What the CMS notes about it.
        external_ids: Map = "external_ids",
    }

    /// Load balancers that switches and routers have together.
    pub struct LoadBalancerGroup in Northbound "Load_Balancer_Group" {
        /// Its name, unique.
        name: Text = "name",
    }

    /// Something that packets pass on their way, such as a firewall: in by one port and out by another.
    pub struct NetworkFunction in Northbound "Network_Function" {
        /// Its name, unique.
        name: Text = "name",
        /// From 1 to 255, unique: what connections through it are marked with.
        id: i64 = "id",
        /// The port by which connections go in, a row of [`LogicalSwitchPort`].
        inport: Uuid = "inport",
        /// The port by which they come out.
        outport: Uuid = "outport",
        /// How its liveness is probed, a row of [`NetworkFunctionHealthCheck`]; without, it is alive.
        health_check: Option<Uuid> = "health_check",
    }

    /// A probe of network functions.
    pub struct NetworkFunctionHealthCheck in Northbound "Network_Function_Health_Check" {
        /// Interval, timeout, counts.
        options: Map = "options",
    }

    /// Network functions of which one at a time is in use.
    pub struct NetworkFunctionGroup in Northbound "Network_Function_Group" {
        /// Its name, unique.
        name: Text = "name",
        /// From 1 to 255, unique: how ACLs say that packets are for it.
        id: i64 = "id",
        /// What becomes of packets while none is alive: `fail-close`, which is the default, or `fail-open`.
        fallback: Option<Text> = "fallback",
        /// Its members, rows of [`NetworkFunction`].
        network_function: Vec<Uuid> = "network_function",
        /// The one in use. Owned by northflow.
        network_function_active: Option<Uuid> = "network_function_active",
    }

    /// A probe of the backends of a VIP.
    pub struct HealthCheck in Northbound "Load_Balancer_Health_Check" {
        /// The VIP.
        vip: Text = "vip",
        /// Settings by name: interval, timeout, counts.
        options: Map = "options",
        /// What the CMS notes about it.
        external_ids: Map = "external_ids",
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

    /// The prefixes that a router port was delegated. Owned by northflow.
    pub struct RouterPortPrefix in Northbound "Logical_Router_Port" {
        /// The prefixes.
        ipv6_prefix: Vec<Text> = "ipv6_prefix",
    }

    /// What is reported of a router port: `hosting-chassis`. Owned by northflow.
    pub struct RouterPortStatus in Northbound "Logical_Router_Port" {
        /// The reports by name.
        status: Map = "status",
    }

    /// The network function of a group that packets pass. Owned by northflow.
    pub struct NetworkFunctionActive in Northbound "Network_Function_Group" {
        /// A row of [`NetworkFunction`].
        network_function_active: Option<Uuid> = "network_function_active",
    }

    /// What the chassis say of a session. Owned by northflow.
    pub struct BfdStatus in Northbound "BFD" {
        /// `down`, `init`, `up` or `admin_down`.
        status: Option<Text> = "status",
    }
}
