//! The rows that the controller itself goes by.

use northflow_rules::binding::InputTable;
use northflow_rules::schema::{ovs, own};

/// Rows of the southbound database.
pub(crate) const SOUTHBOUND: &[InputTable] = &[
    InputTable::of::<own::Global>("own.SB_Global"),
    InputTable::of::<own::Chassis>("own.Chassis"),
    InputTable::of::<own::ChassisPrivate>("own.Chassis_Private"),
    InputTable::of::<own::Encap>("own.Encap"),
    InputTable::of::<own::Datapath>("own.Datapath_Binding"),
    InputTable::of::<own::Port>("own.Port_Binding"),
    InputTable::of::<own::HaChassisGroup>("own.HA_Chassis_Group"),
    InputTable::of::<own::HaChassis>("own.HA_Chassis"),
    InputTable::of::<own::Mirror>("own.Mirror"),
    InputTable::of::<own::TemplateVariables>("own.Chassis_Template_Var"),
    InputTable::of::<own::Meter>("own.Meter"),
    InputTable::of::<own::MeterBand>("own.Meter_Band"),
];

/// Rows of the chassis' own database.
pub(super) const SWITCH: &[InputTable] = &[
    InputTable::of::<ovs::OpenVswitch>("ovs.Open_vSwitch"),
    InputTable::of::<ovs::Bridge>("ovs.Bridge"),
    InputTable::of::<ovs::FlowTable>("ovs.Flow_Table"),
    InputTable::of::<ovs::Port>("ovs.Port"),
    InputTable::of::<ovs::Interface>("ovs.Interface"),
    InputTable::of::<ovs::Datapath>("ovs.Datapath"),
    InputTable::of::<ovs::Ssl>("ovs.SSL"),
    InputTable::of::<ovs::CollectorSet>("ovs.Flow_Sample_Collector_Set"),
    InputTable::of::<ovs::CtZone>("ovs.CT_Zone"),
    InputTable::of::<ovs::Qos>("ovs.QoS"),
    InputTable::of::<ovs::Queue>("ovs.Queue"),
    InputTable::of::<ovs::Mirror>("ovs.Mirror"),
];
