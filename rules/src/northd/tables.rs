//! The tables that the program reads and writes.

use crate::binding::{InputTable, OutputTable, Role};
use crate::flow::row::FlowRow;
use crate::schema::{Table, nb, sb};

/// Every input of the program: rows, and the elements of columns that hold large sets.
pub const INPUTS: &[InputTable] = &[
    InputTable::of::<nb::NbGlobal>("nb.NB_Global"),
    InputTable::of::<nb::LogicalSwitch>("nb.Logical_Switch"),
    InputTable::of::<nb::LogicalSwitchPort>("nb.Logical_Switch_Port"),
    InputTable::of::<nb::SwitchPortState>("nb.Logical_Switch_Port.state"),
    InputTable::of::<nb::SwitchPortHealthCheck>("nb.Logical_Switch_Port_Health_Check"),
    InputTable::of::<nb::SwitchPortHealthStatus>("nb.Logical_Switch_Port_Health_Check.status"),
    InputTable::of::<nb::Acl>("nb.ACL"),
    InputTable::of::<nb::Sample>("nb.Sample"),
    InputTable::of::<nb::SampleCollector>("nb.Sample_Collector"),
    InputTable::of::<nb::SamplingApp>("nb.Sampling_App"),
    InputTable::of::<nb::Meter>("nb.Meter"),
    InputTable::of::<nb::MeterBand>("nb.Meter_Band"),
    InputTable::of::<nb::Copp>("nb.Copp"),
    InputTable::of::<nb::Qos>("nb.QoS"),
    InputTable::of::<nb::DhcpOptions>("nb.DHCP_Options"),
    InputTable::of::<nb::Dns>("nb.DNS"),
    InputTable::of::<nb::ForwardingGroup>("nb.Forwarding_Group"),
    InputTable::of::<nb::Mirror>("nb.Mirror"),
    InputTable::of::<nb::MirrorRule>("nb.Mirror_Rule"),
    InputTable::of::<nb::AddressSet>("nb.Address_Set"),
    InputTable::of::<nb::PortGroup>("nb.Port_Group"),
    InputTable::of::<nb::ChassisTemplateVar>("nb.Chassis_Template_Var"),
    InputTable::of::<nb::LogicalRouter>("nb.Logical_Router"),
    InputTable::of::<nb::LogicalRouterPort>("nb.Logical_Router_Port"),
    InputTable::of::<nb::StaticRoute>("nb.Logical_Router_Static_Route"),
    InputTable::of::<nb::RouterPolicy>("nb.Logical_Router_Policy"),
    InputTable::of::<nb::Bfd>("nb.BFD"),
    InputTable::of::<nb::GatewayChassis>("nb.Gateway_Chassis"),
    InputTable::of::<nb::HaChassis>("nb.HA_Chassis"),
    InputTable::of::<nb::HaChassisGroup>("nb.HA_Chassis_Group"),
    InputTable::of::<nb::StaticMacBinding>("nb.Static_MAC_Binding"),
    InputTable::of::<nb::DhcpRelay>("nb.DHCP_Relay"),
    InputTable::of::<nb::Nat>("nb.NAT"),
    InputTable::of::<nb::LoadBalancer>("nb.Load_Balancer"),
    InputTable::of::<nb::LoadBalancerGroup>("nb.Load_Balancer_Group"),
    InputTable::of::<nb::HealthCheck>("nb.Load_Balancer_Health_Check"),
    InputTable::of::<nb::NetworkFunction>("nb.Network_Function"),
    InputTable::of::<nb::NetworkFunctionHealthCheck>("nb.Network_Function_Health_Check"),
    InputTable::of::<nb::NetworkFunctionGroup>("nb.Network_Function_Group"),
    InputTable::links::<nb::LogicalSwitch>("nb.Logical_Switch.ports", &["ports"]),
    InputTable::links::<nb::LogicalSwitch>("nb.Logical_Switch.acls", &["acls"]),
    InputTable::links::<nb::LogicalSwitch>("nb.Logical_Switch.qos_rules", &["qos_rules"]),
    InputTable::links::<nb::LogicalSwitch>("nb.Logical_Switch.load_balancer", &["load_balancer"]),
    InputTable::links::<nb::LogicalSwitch>("nb.Logical_Switch.load_balancer_group", &["load_balancer_group"]),
    InputTable::links::<nb::LogicalSwitch>("nb.Logical_Switch.dns_records", &["dns_records"]),
    InputTable::links::<nb::LogicalSwitch>("nb.Logical_Switch.forwarding_groups", &["forwarding_groups"]),
    InputTable::links::<nb::PortGroup>("nb.Port_Group.ports", &["ports"]),
    InputTable::links::<nb::PortGroup>("nb.Port_Group.acls", &["acls"]),
    InputTable::texts::<nb::AddressSet>("nb.Address_Set.addresses", &["addresses"]),
    InputTable::links::<nb::LogicalRouter>("nb.Logical_Router.ports", &["ports"]),
    InputTable::links::<nb::LogicalRouter>("nb.Logical_Router.static_routes", &["static_routes"]),
    InputTable::links::<nb::LogicalRouter>("nb.Logical_Router.policies", &["policies"]),
    InputTable::links::<nb::LogicalRouter>("nb.Logical_Router.nat", &["nat"]),
    InputTable::links::<nb::LogicalRouter>("nb.Logical_Router.load_balancer", &["load_balancer"]),
    InputTable::links::<nb::LogicalRouter>("nb.Logical_Router.load_balancer_group", &["load_balancer_group"]),
    InputTable::links::<nb::LoadBalancerGroup>("nb.Load_Balancer_Group.load_balancer", &["load_balancer"]),
    InputTable::entries::<nb::LoadBalancer>("nb.Load_Balancer.vips", &["vips"]),
    InputTable::entries::<nb::LoadBalancer>("nb.Load_Balancer.ip_port_mappings", &["ip_port_mappings"]),
    InputTable::of::<sb::SbGlobalOptions>("sb.SB_Global"),
    InputTable::of::<sb::DatapathBindingState>("sb.Datapath_Binding"),
    InputTable::of::<sb::PortBindingState>("sb.Port_Binding"),
    InputTable::of::<sb::Chassis>("sb.Chassis"),
    InputTable::of::<sb::ChassisPrivate>("sb.Chassis_Private"),
    InputTable::of::<sb::Encap>("sb.Encap"),
    InputTable::of::<sb::Fdb>("sb.FDB"),
    InputTable::of::<sb::MacBinding>("sb.MAC_Binding"),
    InputTable::of::<sb::LearnedRoute>("sb.Learned_Route"),
    InputTable::of::<sb::EcmpNexthopState>("sb.ECMP_Nexthop"),
    InputTable::of::<sb::IgmpGroup>("sb.IGMP_Group"),
    InputTable::links::<sb::IgmpGroup>("sb.IGMP_Group.ports", &["ports"]),
    InputTable::of::<sb::MulticastGroupState>("sb.Multicast_Group"),
    InputTable::of::<sb::AclId>("sb.ACL_ID"),
    InputTable::of::<sb::BfdState>("sb.BFD"),
    InputTable::of::<sb::ServiceMonitorState>("sb.Service_Monitor"),
    InputTable::of::<sb::DnsOptions>("sb.DNS"),
];

/// Every output of the program that goes to a database, referenced tables before those that refer
/// to them.
pub const OUTPUTS: &[OutputTable] = &[
    OutputTable::of::<sb::DatapathBinding>("sb.Datapath_Binding", Role::Own, &["nb_uuid"]),
    OutputTable::of::<sb::Mirror>("sb.Mirror", Role::Own, &["name"]),
    OutputTable::of::<sb::HaChassis>("sb.HA_Chassis", Role::Own, &["priority", "external_ids"]),
    OutputTable::of::<sb::HaChassisGroup>("sb.HA_Chassis_Group", Role::Own, &["name"]),
    OutputTable::elements::<sb::HaChassisGroup>("sb.HA_Chassis_Group.ref_chassis", &["ref_chassis"]),
    OutputTable::of::<sb::PortBinding>("sb.Port_Binding", Role::Own, &["logical_port"])
        .given_at_insert(&["up", "options"]),
    OutputTable::of::<sb::LogicalDpGroup>("sb.Logical_DP_Group", Role::Own, &["datapaths"]).repeated(),
    OutputTable::elements::<sb::LogicalDpGroup>("sb.Logical_DP_Group.datapaths", &["datapaths"]),
    OutputTable::of::<sb::LogicalFlow>(
        "sb.Logical_Flow",
        Role::Own,
        &["pipeline", "table_id", "priority", "match", "actions", "controller_meter"],
    )
    .keeping_if_found(&["tags", "external_ids", "flow_desc"])
    .spelled_out(|rec| rec.get::<FlowRow>().uuid(), |rec| rec.get::<FlowRow>().spell_out().encode()),
    OutputTable::of::<sb::MulticastGroup>("sb.Multicast_Group", Role::Own, &["datapath", "name"]),
    OutputTable::elements::<sb::MulticastGroup>("sb.Multicast_Group.ports", &["ports"]),
    OutputTable::of::<sb::AddressSet>("sb.Address_Set", Role::Own, &["name"]),
    OutputTable::elements::<sb::AddressSet>("sb.Address_Set.addresses", &["addresses"]),
    OutputTable::of::<sb::PortGroup>("sb.Port_Group", Role::Own, &["name"]),
    OutputTable::elements::<sb::PortGroup>("sb.Port_Group.ports", &["ports"]),
    OutputTable::of::<sb::StaticMacBinding>("sb.Static_MAC_Binding", Role::Own, &[]).known_by_uuid(),
    OutputTable::of::<sb::AclId>("sb.ACL_ID", Role::Own, &[]).known_by_uuid(),
    OutputTable::of::<sb::IpMulticast>("sb.IP_Multicast", Role::Own, &["datapath"]),
    OutputTable::of::<sb::Dns>("sb.DNS", Role::Own, &[]).known_by_uuid().given_at_insert(&["options"]),
    OutputTable::elements::<sb::Dns>("sb.DNS.datapaths", &["datapaths"]),
    OutputTable::of::<sb::DnsOptions>("sb.DNS.options", Role::Set, &[]),
    OutputTable::of::<sb::ChassisTemplateVar>("sb.Chassis_Template_Var", Role::Own, &[]).known_by_uuid(),
    OutputTable::of::<sb::MeterBand>("sb.Meter_Band", Role::Own, &["action", "rate", "burst_size"]),
    OutputTable::of::<sb::Meter>("sb.Meter", Role::Own, &["name"]),
    OutputTable::of::<sb::LoadBalancer>("sb.Load_Balancer", Role::Own, &[]).known_by_uuid(),
    OutputTable::of::<sb::Bfd>("sb.BFD", Role::Own, &["logical_port", "dst_ip"]).given_at_insert(&[
        "disc",
        "status",
        "chassis_name",
    ]),
    OutputTable::of::<sb::EcmpNexthop>("sb.ECMP_Nexthop", Role::Own, &["nexthop", "port"])
        .given_at_insert(&["mac"]),
    OutputTable::of::<sb::AdvertisedRoute>(
        "sb.Advertised_Route",
        Role::Own,
        &["datapath", "logical_port", "ip_prefix", "tracked_port"],
    ),
    OutputTable::of::<sb::AdvertisedMacBinding>(
        "sb.Advertised_MAC_Binding",
        Role::Own,
        &["datapath", "logical_port", "ip", "mac"],
    ),
    OutputTable::of::<sb::EcmpNexthopMac>("sb.ECMP_Nexthop.mac", Role::Set, &[]),
    OutputTable::of::<sb::BfdStatus>("sb.BFD.status", Role::Set, &[]),
    OutputTable::of::<sb::ServiceMonitor>(
        "sb.Service_Monitor",
        Role::Own,
        &["ip", "logical_port", "port", "protocol"],
    )
    .sparing("ic_learned"),
    OutputTable::of::<sb::ServiceMonitorChassis>("sb.Service_Monitor.chassis_name", Role::Set, &[]),
    OutputTable::of::<sb::ServiceMonitorStatus>("sb.Service_Monitor.status", Role::Set, &[]),
    OutputTable::of::<sb::DhcpOptions>("sb.DHCP_Options", Role::Own, &["name"]),
    OutputTable::of::<sb::Dhcpv6Options>("sb.DHCPv6_Options", Role::Own, &["name"]),
    OutputTable::of::<sb::RbacPermission>("sb.RBAC_Permission", Role::Own, &["table"]).shared(),
    OutputTable::of::<sb::RbacRole>("sb.RBAC_Role", Role::Own, &["name"]).shared(),
    OutputTable::of::<sb::SbGlobal>("sb.SB_Global", Role::Own, &[]),
    OutputTable::of::<sb::PortBindingOptions>("sb.Port_Binding.options", Role::Set, &[]),
    OutputTable::of::<sb::PortBindingUp>("sb.Port_Binding.up", Role::Set, &[]),
    OutputTable::of::<sb::PortBindingChassis>("sb.Port_Binding.chassis", Role::Set, &[]),
    OutputTable::of::<sb::Fdb>("sb.FDB.stale", Role::Delete, &[]),
    OutputTable::of::<sb::MacBinding>("sb.MAC_Binding.stale", Role::Delete, &[]),
    OutputTable::of::<sb::LearnedRoute>("sb.Learned_Route.stale", Role::Delete, &[]),
    OutputTable::of::<sb::IgmpGroup>("sb.IGMP_Group.stale", Role::Delete, &[]),
    OutputTable::of::<nb::NbGlobalOptions>("nb.NB_Global.options", Role::Set, &[]),
    OutputTable::of::<nb::PortUp>("nb.Logical_Switch_Port.up", Role::Set, &[]),
    OutputTable::of::<nb::SwitchPortHealthStatus>(
        "nb.Logical_Switch_Port_Health_Check.status",
        Role::Set,
        &[],
    ),
    OutputTable::of::<nb::BfdStatus>("nb.BFD.status", Role::Set, &[]),
    OutputTable::of::<nb::NetworkFunctionActive>(
        "nb.Network_Function_Group.network_function_active",
        Role::Set,
        &[],
    ),
    OutputTable::of::<nb::PortTag>("nb.Logical_Switch_Port.tag", Role::Set, &[]),
    OutputTable::of::<nb::RouterPortStatus>("nb.Logical_Router_Port.status", Role::Set, &[]),
    OutputTable::of::<nb::RouterPortPrefix>("nb.Logical_Router_Port.ipv6_prefix", Role::Set, &[]),
    OutputTable::of::<nb::PortDynamicAddresses>("nb.Logical_Switch_Port.dynamic_addresses", Role::Set, &[]),
];

/// The output of [`Problem`](crate::problem::Problem)s.
pub const PROBLEMS: &str = "problem";

/// The output of when learned rows are due, rows of [`Expiry`](crate::router::aging::Expiry).
pub const EXPIRIES: &str = "expiry";

/// The input of those that are over: rows of [`EXPIRIES`], from who has a clock.
pub const EXPIRED: &str = "expired";

/// The input of numbers that southbound flows hold when they are taken over, rows of
/// [`Held`](crate::router::route::held::Held).
pub const HELD: &str = "held";

/// The output of what the chassis have reached, one row of
/// [`HvProgress`](crate::global::config_seq::HvProgress).
pub const HV_PROGRESS: &str = "hv_progress";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::tests::faults;

    #[test]
    fn tables_agree_with_the_schemas() {
        let (elements, rows): (Vec<&OutputTable>, Vec<&OutputTable>) =
            OUTPUTS.iter().partition(|output| output.role == Role::Elements);
        let infos = INPUTS.iter().map(|input| input.info).chain(rows.iter().map(|output| output.info));
        for info in infos {
            assert_eq!(info.columns.len(), info.kinds.len(), "{}", info.name);
            assert_eq!(faults(info), Vec::<String>::new());
        }
        for output in elements {
            let owned = rows.iter().any(|row| {
                row.info.name == output.info.name && row.info.columns.contains(&output.info.columns[0])
            });
            assert!(owned, "{}: no output has these rows", output.name);
        }
    }

    #[test]
    fn inputs_of_one_table_have_columns_of_their_own() {
        let columns = INPUTS.iter().flat_map(|input| {
            let of = (input.info.database.name(), input.info.name);
            input.info.columns.iter().map(move |column| (of, *column))
        });
        let mut columns: Vec<_> = columns.collect();
        let count = columns.len();
        columns.sort_unstable();
        columns.dedup();
        assert_eq!(columns.len(), count);
    }

    #[test]
    fn every_input_and_output_has_a_name_of_its_own() {
        let mut names: Vec<&str> =
            INPUTS.iter().map(|input| input.name).chain(OUTPUTS.iter().map(|output| output.name)).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        // A table that is both read and written has one name in both directions.
        let both =
            INPUTS.iter().filter(|input| OUTPUTS.iter().any(|output| output.name == input.name)).count();
        assert_eq!(names.len() + both, count);
    }
}
