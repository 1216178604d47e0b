//! The tables that the program reads, and the names of what it gives.

use northflow_rules::binding::InputTable;
use northflow_rules::schema::{sb, seen};

/// Output: rows of the switches, [`Flow`](crate::row::Flow).
pub const FLOWS: &str = "flows";
/// Output: what datapaths chassis have, [`Reach`](crate::locality::Reach).
pub const LOCAL_DATAPATHS: &str = "local_datapaths";
/// Output: the ports that matter to chassis, [`Related`](crate::locality::Related).
pub const RELATED_PORTS: &str = "related_ports";
/// Output: zones that chassis need, [`Wanted`](crate::zone::Wanted).
pub const ZONES: &str = "zones";
/// Output: connections that are to be forgotten when they are no more, [`Balanced`](crate::balanced::Balanced).
pub const BALANCED: &str = "balanced";
/// Output: next hops whose connections are to be forgotten when they are no more,
/// [`NextHop`](crate::next_hop::NextHop).
pub const NEXT_HOPS: &str = "next_hops";
/// Output: numbers of ACLs, whose connections are to be forgotten when they are no more,
/// [`AclId`](northflow_rules::schema::sb::AclId).
pub const ACL_IDS: &str = "acl_ids";
/// Output: flows that cannot be read, [`Problem`](crate::logical::Problem).
pub const PROBLEMS: &str = "problems";

/// Southbound tables that are inputs.
pub const INPUTS: &[InputTable] = &[
    InputTable::of::<sb::SbGlobal>("sb.SB_Global"),
    InputTable::of::<seen::Datapath>("sb.Datapath_Binding"),
    InputTable::of::<seen::Port>("sb.Port_Binding"),
    InputTable::of::<seen::PortSecurity>("sb.Port_Binding.port_security"),
    InputTable::of::<seen::LogicalFlow>("sb.Logical_Flow"),
    InputTable::links::<sb::LogicalDpGroup>("sb.Logical_DP_Group.datapaths", &["datapaths"]),
    InputTable::of::<seen::Multicast>("sb.Multicast_Group"),
    InputTable::links::<sb::MulticastGroup>("sb.Multicast_Group.ports", &["ports"]),
    InputTable::of::<seen::AddressSet>("sb.Address_Set"),
    InputTable::texts::<sb::AddressSet>("sb.Address_Set.addresses", &["addresses"]),
    InputTable::of::<seen::PortGroup>("sb.Port_Group"),
    InputTable::texts::<sb::PortGroup>("sb.Port_Group.ports", &["ports"]),
    InputTable::links::<sb::HaChassisGroup>("sb.HA_Chassis_Group.ha_chassis", &["ha_chassis"]),
    InputTable::of::<sb::HaChassis>("sb.HA_Chassis"),
    InputTable::links::<sb::HaChassisGroup>("sb.HA_Chassis_Group.ref_chassis", &["ref_chassis"]),
    InputTable::of::<seen::Chassis>("sb.Chassis"),
    InputTable::of::<seen::Encap>("sb.Encap"),
    InputTable::of::<seen::LoadBalancer>("sb.Load_Balancer"),
    InputTable::entries::<sb::LoadBalancer>("sb.Load_Balancer.vips", &["vips"]),
    InputTable::links::<sb::LoadBalancer>("sb.Load_Balancer.datapaths", &["datapaths"]),
    InputTable::of::<sb::EcmpNexthop>("sb.ECMP_Nexthop"),
    InputTable::of::<sb::AclId>("sb.ACL_ID"),
    InputTable::of::<seen::MacBinding>("sb.MAC_Binding"),
    InputTable::of::<seen::StaticMacBinding>("sb.Static_MAC_Binding"),
    InputTable::of::<seen::Fdb>("sb.FDB"),
    InputTable::of::<seen::TemplateVar>("sb.Chassis_Template_Var"),
    InputTable::entries::<sb::ChassisTemplateVar>("sb.Chassis_Template_Var.variables", &["variables"]),
    InputTable::of::<sb::DhcpOptions>("sb.DHCP_Options"),
    InputTable::of::<sb::Dhcpv6Options>("sb.DHCPv6_Options"),
];

/// Inputs of what chassis know by themselves; the rows are those of [`local`](crate::local).
pub const LOCAL_INPUTS: &[&str] = &[
    "local.Switch",
    "local.Chassis",
    "local.Interface",
    "local.Mtu",
    "local.Tunnel",
    "local.SharedTunnel",
    "local.TunnelOption",
    "local.Alive",
    "local.Patch",
    "local.Zone",
];
