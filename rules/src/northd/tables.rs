//! The tables that the program reads and writes.

use crate::binding::{InputTable, OutputTable, Role};
use crate::flow::row::FlowRow;
use crate::schema::{Table, nb, sb};

/// Every input of the program.
pub const INPUTS: &[InputTable] = &[
    InputTable::of::<nb::NbGlobal>("nb.NB_Global"),
    InputTable::of::<nb::LogicalSwitch>("nb.Logical_Switch"),
    InputTable::of::<nb::LogicalSwitchPort>("nb.Logical_Switch_Port"),
    InputTable::of::<nb::LogicalRouter>("nb.Logical_Router"),
    InputTable::of::<nb::LogicalRouterPort>("nb.Logical_Router_Port"),
    InputTable::of::<nb::AddressSet>("nb.Address_Set"),
    InputTable::of::<nb::PortGroup>("nb.Port_Group"),
    InputTable::of::<nb::Mirror>("nb.Mirror"),
    InputTable::of::<nb::SamplingApp>("nb.Sampling_App"),
    InputTable::of::<sb::SbGlobal>("sb.SB_Global"),
    InputTable::of::<sb::DatapathBindingState>("sb.Datapath_Binding"),
    InputTable::of::<sb::PortBindingState>("sb.Port_Binding"),
    InputTable::of::<sb::Chassis>("sb.Chassis"),
    InputTable::of::<sb::ChassisPrivate>("sb.Chassis_Private"),
    InputTable::of::<sb::Encap>("sb.Encap"),
    InputTable::of::<sb::Fdb>("sb.FDB"),
    InputTable::of::<sb::MacBinding>("sb.MAC_Binding"),
];

/// Every output of the program that goes to a database, referenced tables before those that refer
/// to them.
pub const OUTPUTS: &[OutputTable] = &[
    OutputTable::of::<sb::DatapathBinding>("sb.Datapath_Binding", Role::Own, &["nb_uuid"]),
    OutputTable::of::<sb::Mirror>("sb.Mirror", Role::Own, &["name"]),
    OutputTable::of::<sb::PortBinding>("sb.Port_Binding", Role::Own, &["logical_port"])
        .given_at_insert(&["up", "options"]),
    OutputTable::of::<sb::LogicalDpGroup>("sb.Logical_DP_Group", Role::Own, &["datapaths"]),
    OutputTable::elements::<sb::LogicalDpGroup>("sb.Logical_DP_Group.datapaths", &["datapaths"]),
    OutputTable::of::<sb::LogicalFlow>(
        "sb.Logical_Flow",
        Role::Own,
        &["pipeline", "table_id", "priority", "match", "actions", "controller_meter"],
    )
    .given_at_insert(&["tags", "external_ids", "flow_desc"])
    .spelled_out(|rec| rec.get::<FlowRow>().uuid(), |rec| rec.get::<FlowRow>().spell_out().encode()),
    OutputTable::of::<sb::MulticastGroup>("sb.Multicast_Group", Role::Own, &["datapath", "name"]),
    OutputTable::elements::<sb::MulticastGroup>("sb.Multicast_Group.ports", &["ports"]),
    OutputTable::of::<sb::AddressSet>("sb.Address_Set", Role::Own, &["name"]),
    OutputTable::of::<sb::PortGroup>("sb.Port_Group", Role::Own, &["name"]),
    OutputTable::elements::<sb::PortGroup>("sb.Port_Group.ports", &["ports"]),
    OutputTable::of::<sb::IpMulticast>("sb.IP_Multicast", Role::Own, &["datapath"]),
    OutputTable::of::<sb::DhcpOptions>("sb.DHCP_Options", Role::Own, &["name"]),
    OutputTable::of::<sb::Dhcpv6Options>("sb.DHCPv6_Options", Role::Own, &["name"]),
    OutputTable::of::<sb::RbacPermission>("sb.RBAC_Permission", Role::Own, &["table"]),
    OutputTable::of::<sb::RbacRole>("sb.RBAC_Role", Role::Own, &["name"]),
    OutputTable::of::<sb::SbGlobal>("sb.SB_Global", Role::Own, &[]),
    OutputTable::of::<sb::PortBindingOptions>("sb.Port_Binding.options", Role::Set, &[]),
    OutputTable::of::<sb::PortBindingUp>("sb.Port_Binding.up", Role::Set, &[]),
    OutputTable::of::<sb::PortBindingChassis>("sb.Port_Binding.chassis", Role::Set, &[]),
    OutputTable::of::<sb::Fdb>("sb.FDB.stale", Role::Delete, &[]),
    OutputTable::of::<sb::MacBinding>("sb.MAC_Binding.stale", Role::Delete, &[]),
    OutputTable::of::<nb::NbGlobalOptions>("nb.NB_Global.options", Role::Set, &[]),
    OutputTable::of::<nb::PortUp>("nb.Logical_Switch_Port.up", Role::Set, &[]),
    OutputTable::of::<nb::PortTag>("nb.Logical_Switch_Port.tag", Role::Set, &[]),
    OutputTable::of::<nb::PortDynamicAddresses>("nb.Logical_Switch_Port.dynamic_addresses", Role::Set, &[]),
];

/// The output of [`Problem`](crate::problem::Problem)s.
pub const PROBLEMS: &str = "problem";

/// The output of what the chassis have reached, one row of
/// [`HvProgress`](crate::global::config_seq::HvProgress).
pub const HV_PROGRESS: &str = "hv_progress";
