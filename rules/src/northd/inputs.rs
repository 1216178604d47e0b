//! The inputs of the program as typed relations, under the names of [`INPUTS`](super::INPUTS).

use northflow_engine::{Builder, Relation};

use crate::schema::{Link, MapEntry, SetElement, nb, sb};

/// The northbound tables.
#[derive(Clone, Debug)]
pub struct Northbound {
    /// The one row of global settings.
    pub global: Relation<nb::NbGlobal>,
    /// Logical switches.
    pub switch: Relation<nb::LogicalSwitch>,
    /// Ports of logical switches.
    pub switch_port: Relation<nb::LogicalSwitchPort>,
    /// What has been written about ports of logical switches.
    pub switch_port_state: Relation<nb::SwitchPortState>,
    /// Probes of what is behind switch ports.
    pub switch_port_health_check: Relation<nb::SwitchPortHealthCheck>,
    /// What came of these probes.
    pub switch_port_health_status: Relation<nb::SwitchPortHealthStatus>,
    /// Rules of packet filtering.
    pub acl: Relation<nb::Acl>,
    /// What samples carry.
    pub sample: Relation<nb::Sample>,
    /// Receivers of samples.
    pub sample_collector: Relation<nb::SampleCollector>,
    /// Sampling applications.
    pub sampling_app: Relation<nb::SamplingApp>,
    /// Meters.
    pub meter: Relation<nb::Meter>,
    /// Limits of meters.
    pub meter_band: Relation<nb::MeterBand>,
    /// Control plane protection.
    pub copp: Relation<nb::Copp>,
    /// Rules of traffic shaping.
    pub qos: Relation<nb::Qos>,
    /// What DHCP clients are told.
    pub dhcp_options: Relation<nb::DhcpOptions>,
    /// Names that chassis resolve.
    pub dns: Relation<nb::Dns>,
    /// Ports that share an address.
    pub forwarding_group: Relation<nb::ForwardingGroup>,
    /// Traffic mirrors.
    pub mirror: Relation<nb::Mirror>,
    /// What goes to mirrors that are ports.
    pub mirror_rule: Relation<nb::MirrorRule>,
    /// Address sets of the CMS.
    pub address_set: Relation<nb::AddressSet>,
    /// Port groups.
    pub port_group: Relation<nb::PortGroup>,
    /// Values of template variables.
    pub template_var: Relation<nb::ChassisTemplateVar>,
    /// Logical routers.
    pub router: Relation<nb::LogicalRouter>,
    /// Ports of logical routers.
    pub router_port: Relation<nb::LogicalRouterPort>,
    /// Static routes.
    pub static_route: Relation<nb::StaticRoute>,
    /// Routing policies.
    pub policy: Relation<nb::RouterPolicy>,
    /// Sessions that watch neighbours.
    pub bfd: Relation<nb::Bfd>,
    /// Candidates for gateways.
    pub gateway_chassis: Relation<nb::GatewayChassis>,
    /// Members of HA groups.
    pub ha_chassis: Relation<nb::HaChassis>,
    /// HA groups.
    pub ha_chassis_group: Relation<nb::HaChassisGroup>,
    /// Neighbours that need not be asked for.
    pub static_mac_binding: Relation<nb::StaticMacBinding>,
    /// Where DHCP requests are relayed to.
    pub dhcp_relay: Relation<nb::DhcpRelay>,
    /// Translations of addresses.
    pub nat: Relation<nb::Nat>,
    /// Load balancers.
    pub load_balancer: Relation<nb::LoadBalancer>,
    /// Groups of load balancers.
    pub load_balancer_group: Relation<nb::LoadBalancerGroup>,
    /// Probes of backends.
    pub health_check: Relation<nb::HealthCheck>,
    /// What packets may have to pass.
    pub network_function: Relation<nb::NetworkFunction>,
    /// Probes of these.
    pub network_function_health_check: Relation<nb::NetworkFunctionHealthCheck>,
    /// Groups of these.
    pub network_function_group: Relation<nb::NetworkFunctionGroup>,
    /// `Logical_Switch.ports`.
    pub switch_ports: Relation<Link>,
    /// `Logical_Switch.acls`.
    pub switch_acls: Relation<Link>,
    /// `Logical_Switch.qos_rules`.
    pub switch_qos_rules: Relation<Link>,
    /// `Logical_Switch.load_balancer`.
    pub switch_load_balancers: Relation<Link>,
    /// `Logical_Switch.load_balancer_group`.
    pub switch_load_balancer_groups: Relation<Link>,
    /// `Logical_Switch.dns_records`.
    pub switch_dns_records: Relation<Link>,
    /// `Logical_Switch.forwarding_groups`.
    pub switch_forwarding_groups: Relation<Link>,
    /// `Port_Group.ports`.
    pub port_group_ports: Relation<Link>,
    /// `Port_Group.acls`.
    pub port_group_acls: Relation<Link>,
    /// `Address_Set.addresses`.
    pub address_set_addresses: Relation<SetElement>,
    /// `Logical_Router.ports`.
    pub router_ports: Relation<Link>,
    /// `Logical_Router.static_routes`.
    pub router_static_routes: Relation<Link>,
    /// `Logical_Router.policies`.
    pub router_policies: Relation<Link>,
    /// `Logical_Router.nat`.
    pub router_nat: Relation<Link>,
    /// `Logical_Router.load_balancer`.
    pub router_load_balancers: Relation<Link>,
    /// `Logical_Router.load_balancer_group`.
    pub router_load_balancer_groups: Relation<Link>,
    /// `Load_Balancer_Group.load_balancer`.
    pub load_balancer_group_members: Relation<Link>,
    /// `Load_Balancer.vips`.
    pub load_balancer_vips: Relation<MapEntry>,
    /// `Load_Balancer.ip_port_mappings`.
    pub load_balancer_ip_port_mappings: Relation<MapEntry>,
}

/// What the southbound database holds that others write, or that we gave out before.
#[derive(Clone, Debug)]
pub struct Southbound {
    /// The one row of global settings.
    pub global: Relation<sb::SbGlobalOptions>,
    /// Datapaths and the keys they have.
    pub datapath: Relation<sb::DatapathBindingState>,
    /// Ports, the keys they have, and where they are bound.
    pub port: Relation<sb::PortBindingState>,
    /// Chassis.
    pub chassis: Relation<sb::Chassis>,
    /// What the chassis have reached.
    pub chassis_private: Relation<sb::ChassisPrivate>,
    /// Tunnel endpoints of the chassis.
    pub encap: Relation<sb::Encap>,
    /// Learned MAC addresses.
    pub fdb: Relation<sb::Fdb>,
    /// Multicast groups that ports asked for.
    pub igmp_group: Relation<sb::IgmpGroup>,
    /// `IGMP_Group.ports`.
    pub igmp_group_ports: Relation<Link>,
    /// Multicast groups and the keys they have.
    pub multicast_group: Relation<sb::MulticastGroupState>,
    /// Learned neighbours.
    pub mac_binding: Relation<sb::MacBinding>,
    /// Learned routes.
    pub learned_route: Relation<sb::LearnedRoute>,
    /// Neighbours that chassis watch, and what is known of them.
    pub ecmp_nexthop: Relation<sb::EcmpNexthopState>,
    /// Numbers of ACLs.
    pub acl_id: Relation<sb::AclId>,
    /// Sessions that watch neighbours, and what came of them.
    pub bfd: Relation<sb::BfdState>,
    /// What came of probes.
    pub service_monitor: Relation<sb::ServiceMonitorState>,
    /// Options of names.
    pub dns: Relation<sb::DnsOptions>,
}

impl Northbound {
    /// The inputs of `program`.
    pub(super) fn new(program: &Builder) -> Northbound {
        Northbound {
            global: program.input("nb.NB_Global"),
            switch: program.input("nb.Logical_Switch"),
            switch_port: program.input("nb.Logical_Switch_Port"),
            switch_port_state: program.input("nb.Logical_Switch_Port.state"),
            switch_port_health_check: program.input("nb.Logical_Switch_Port_Health_Check"),
            switch_port_health_status: program.input("nb.Logical_Switch_Port_Health_Check.status"),
            acl: program.input("nb.ACL"),
            sample: program.input("nb.Sample"),
            sample_collector: program.input("nb.Sample_Collector"),
            sampling_app: program.input("nb.Sampling_App"),
            meter: program.input("nb.Meter"),
            meter_band: program.input("nb.Meter_Band"),
            copp: program.input("nb.Copp"),
            qos: program.input("nb.QoS"),
            dhcp_options: program.input("nb.DHCP_Options"),
            dns: program.input("nb.DNS"),
            forwarding_group: program.input("nb.Forwarding_Group"),
            mirror: program.input("nb.Mirror"),
            mirror_rule: program.input("nb.Mirror_Rule"),
            address_set: program.input("nb.Address_Set"),
            port_group: program.input("nb.Port_Group"),
            template_var: program.input("nb.Chassis_Template_Var"),
            router: program.input("nb.Logical_Router"),
            router_port: program.input("nb.Logical_Router_Port"),
            static_route: program.input("nb.Logical_Router_Static_Route"),
            policy: program.input("nb.Logical_Router_Policy"),
            bfd: program.input("nb.BFD"),
            gateway_chassis: program.input("nb.Gateway_Chassis"),
            ha_chassis: program.input("nb.HA_Chassis"),
            ha_chassis_group: program.input("nb.HA_Chassis_Group"),
            static_mac_binding: program.input("nb.Static_MAC_Binding"),
            dhcp_relay: program.input("nb.DHCP_Relay"),
            nat: program.input("nb.NAT"),
            load_balancer: program.input("nb.Load_Balancer"),
            load_balancer_group: program.input("nb.Load_Balancer_Group"),
            health_check: program.input("nb.Load_Balancer_Health_Check"),
            network_function: program.input("nb.Network_Function"),
            network_function_health_check: program.input("nb.Network_Function_Health_Check"),
            network_function_group: program.input("nb.Network_Function_Group"),
            switch_ports: program.input("nb.Logical_Switch.ports"),
            switch_acls: program.input("nb.Logical_Switch.acls"),
            switch_qos_rules: program.input("nb.Logical_Switch.qos_rules"),
            switch_load_balancers: program.input("nb.Logical_Switch.load_balancer"),
            switch_load_balancer_groups: program.input("nb.Logical_Switch.load_balancer_group"),
            switch_dns_records: program.input("nb.Logical_Switch.dns_records"),
            switch_forwarding_groups: program.input("nb.Logical_Switch.forwarding_groups"),
            port_group_ports: program.input("nb.Port_Group.ports"),
            port_group_acls: program.input("nb.Port_Group.acls"),
            address_set_addresses: program.input("nb.Address_Set.addresses"),
            router_ports: program.input("nb.Logical_Router.ports"),
            router_static_routes: program.input("nb.Logical_Router.static_routes"),
            router_policies: program.input("nb.Logical_Router.policies"),
            router_nat: program.input("nb.Logical_Router.nat"),
            router_load_balancers: program.input("nb.Logical_Router.load_balancer"),
            router_load_balancer_groups: program.input("nb.Logical_Router.load_balancer_group"),
            load_balancer_group_members: program.input("nb.Load_Balancer_Group.load_balancer"),
            load_balancer_vips: program.input("nb.Load_Balancer.vips"),
            load_balancer_ip_port_mappings: program.input("nb.Load_Balancer.ip_port_mappings"),
        }
    }
}

impl Southbound {
    /// The inputs of `program`.
    pub(super) fn new(program: &Builder) -> Southbound {
        Southbound {
            global: program.input("sb.SB_Global"),
            datapath: program.input("sb.Datapath_Binding"),
            port: program.input("sb.Port_Binding"),
            chassis: program.input("sb.Chassis"),
            chassis_private: program.input("sb.Chassis_Private"),
            encap: program.input("sb.Encap"),
            fdb: program.input("sb.FDB"),
            igmp_group: program.input("sb.IGMP_Group"),
            igmp_group_ports: program.input("sb.IGMP_Group.ports"),
            multicast_group: program.input("sb.Multicast_Group"),
            mac_binding: program.input("sb.MAC_Binding"),
            learned_route: program.input("sb.Learned_Route"),
            ecmp_nexthop: program.input("sb.ECMP_Nexthop"),
            acl_id: program.input("sb.ACL_ID"),
            bfd: program.input("sb.BFD"),
            service_monitor: program.input("sb.Service_Monitor"),
            dns: program.input("sb.DNS"),
        }
    }
}
