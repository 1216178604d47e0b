//! The inputs of the program as typed relations.

use northflow_engine::{Builder, Relation};
use northflow_rules::schema::{Link, MapEntry, SetElement, sb, seen};

use crate::local;

/// Southbound tables, under the names of [`INPUTS`](crate::INPUTS).
#[derive(Clone, Debug)]
pub struct Southbound {
    /// The one row of global settings.
    pub global: Relation<sb::SbGlobal>,
    /// Logical switches and routers.
    pub datapath: Relation<seen::Datapath>,
    /// Their ports.
    pub port: Relation<seen::Port>,
    /// Their port security.
    pub port_security: Relation<seen::PortSecurity>,
    /// Logical flows.
    pub logical_flow: Relation<seen::LogicalFlow>,
    /// `Logical_DP_Group.datapaths`.
    pub dp_group_datapaths: Relation<Link>,
    /// Multicast groups.
    pub multicast: Relation<seen::Multicast>,
    /// `Multicast_Group.ports`.
    pub multicast_ports: Relation<Link>,
    /// Address sets.
    pub address_set: Relation<seen::AddressSet>,
    /// `Address_Set.addresses`.
    pub addresses: Relation<SetElement>,
    /// Port groups.
    pub port_group: Relation<seen::PortGroup>,
    /// `Port_Group.ports`.
    pub port_group_ports: Relation<SetElement>,
    /// `HA_Chassis_Group.ha_chassis`.
    pub ha_group_members: Relation<Link>,
    /// Members of groups of chassis.
    pub ha_chassis: Relation<sb::HaChassis>,
    /// `HA_Chassis_Group.ref_chassis`.
    pub ha_group_watchers: Relation<Link>,
    /// Hypervisors and gateways.
    pub chassis: Relation<seen::Chassis>,
    /// Ends of tunnels.
    pub encap: Relation<seen::Encap>,
    /// Load balancers.
    pub load_balancer: Relation<seen::LoadBalancer>,
    /// `Load_Balancer.vips`.
    pub vips: Relation<MapEntry>,
    /// `Load_Balancer.datapaths`.
    pub load_balancer_datapaths: Relation<Link>,
    /// Next hops whose connections send replies back to them.
    pub ecmp_nexthop: Relation<sb::EcmpNexthop>,
    /// Numbers of ACLs that connections are labelled with.
    pub acl_id: Relation<sb::AclId>,
    /// Neighbours that were learned.
    pub mac_binding: Relation<seen::MacBinding>,
    /// Neighbours that were told.
    pub static_mac_binding: Relation<seen::StaticMacBinding>,
    /// Ethernet addresses that were learned.
    pub fdb: Relation<seen::Fdb>,
    /// Whose template variables there are.
    pub template_var: Relation<seen::TemplateVar>,
    /// `Chassis_Template_Var.variables`.
    pub template_var_variables: Relation<MapEntry>,
    /// DHCPv4 options.
    pub dhcp_options: Relation<sb::DhcpOptions>,
    /// DHCPv6 options.
    pub dhcpv6_options: Relation<sb::Dhcpv6Options>,
}

impl Southbound {
    /// Declares them.
    pub fn new(program: &Builder) -> Southbound {
        Southbound {
            global: program.input("sb.SB_Global"),
            datapath: program.input("sb.Datapath_Binding"),
            port: program.input("sb.Port_Binding"),
            port_security: program.input("sb.Port_Binding.port_security"),
            logical_flow: program.input("sb.Logical_Flow"),
            dp_group_datapaths: program.input("sb.Logical_DP_Group.datapaths"),
            multicast: program.input("sb.Multicast_Group"),
            multicast_ports: program.input("sb.Multicast_Group.ports"),
            address_set: program.input("sb.Address_Set"),
            addresses: program.input("sb.Address_Set.addresses"),
            port_group: program.input("sb.Port_Group"),
            port_group_ports: program.input("sb.Port_Group.ports"),
            ha_group_members: program.input("sb.HA_Chassis_Group.ha_chassis"),
            ha_chassis: program.input("sb.HA_Chassis"),
            ha_group_watchers: program.input("sb.HA_Chassis_Group.ref_chassis"),
            chassis: program.input("sb.Chassis"),
            encap: program.input("sb.Encap"),
            load_balancer: program.input("sb.Load_Balancer"),
            vips: program.input("sb.Load_Balancer.vips"),
            load_balancer_datapaths: program.input("sb.Load_Balancer.datapaths"),
            ecmp_nexthop: program.input("sb.ECMP_Nexthop"),
            acl_id: program.input("sb.ACL_ID"),
            mac_binding: program.input("sb.MAC_Binding"),
            static_mac_binding: program.input("sb.Static_MAC_Binding"),
            fdb: program.input("sb.FDB"),
            template_var: program.input("sb.Chassis_Template_Var"),
            template_var_variables: program.input("sb.Chassis_Template_Var.variables"),
            dhcp_options: program.input("sb.DHCP_Options"),
            dhcpv6_options: program.input("sb.DHCPv6_Options"),
        }
    }
}

/// What chassis know by themselves, under the names of [`LOCAL_INPUTS`](crate::LOCAL_INPUTS).
#[derive(Clone, Debug)]
pub struct Local {
    /// What the switches can do.
    pub switch: Relation<local::Switch>,
    /// The chassis that are computed.
    pub chassis: Relation<local::Chassis>,
    /// Interfaces that are logical ports.
    pub interface: Relation<local::Interface>,
    /// How long packets of these may be.
    pub mtu: Relation<local::Mtu>,
    /// Tunnels.
    pub tunnel: Relation<local::Tunnel>,
    /// Ports of tunnels that lead to all chassis.
    pub shared_tunnel: Relation<local::SharedTunnel>,
    /// Where tunnel options are found.
    pub tunnel_option: Relation<local::TunnelOption>,
    /// Chassis that answer.
    pub alive: Relation<local::Alive>,
    /// Ports to physical networks.
    pub patch: Relation<local::Patch>,
    /// Numbers of zones.
    pub zone: Relation<local::Zone>,
}

impl Local {
    /// Declares them.
    pub fn new(program: &Builder) -> Local {
        Local {
            switch: program.input("local.Switch"),
            chassis: program.input("local.Chassis"),
            interface: program.input("local.Interface"),
            mtu: program.input("local.Mtu"),
            tunnel: program.input("local.Tunnel"),
            shared_tunnel: program.input("local.SharedTunnel"),
            tunnel_option: program.input("local.TunnelOption"),
            alive: program.input("local.Alive"),
            patch: program.input("local.Patch"),
            zone: program.input("local.Zone"),
        }
    }
}
