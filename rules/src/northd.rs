//! The program that takes ovn-northd's place: northbound and chassis rows in, southbound rows out.

mod tables;

use northflow_engine::{Builder, Relation};

use crate::flow;
use crate::flow::drop::DropConfig;
use crate::global::config_seq;
use crate::schema::{nb, sb};
use crate::switch::placed;
use crate::topology::datapath::{self, KeyLimits};
use crate::topology::switch_port::FlowConfig;
use crate::topology::{container, ipam, port_binding, switch_port, up};

pub use config_seq::HvProgress;
pub use tables::{HV_PROGRESS, INPUTS, OUTPUTS, PROBLEMS};

/// The northbound tables.
#[derive(Clone, Debug)]
pub struct Northbound {
    /// The one row of global settings.
    pub global: Relation<nb::NbGlobal>,
    /// Logical switches.
    pub switch: Relation<nb::LogicalSwitch>,
    /// Ports of logical switches.
    pub switch_port: Relation<nb::LogicalSwitchPort>,
    /// Logical routers.
    pub router: Relation<nb::LogicalRouter>,
    /// Ports of logical routers.
    pub router_port: Relation<nb::LogicalRouterPort>,
    /// Address sets of the CMS.
    pub address_set: Relation<nb::AddressSet>,
    /// Port groups.
    pub port_group: Relation<nb::PortGroup>,
    /// Traffic mirrors.
    pub mirror: Relation<nb::Mirror>,
    /// Sampling applications.
    pub sampling_app: Relation<nb::SamplingApp>,
}

/// What the southbound database holds that others write, or that we gave out before.
#[derive(Clone, Debug)]
pub struct Southbound {
    /// The one row of global settings.
    pub global: Relation<sb::SbGlobal>,
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
    /// Learned neighbours.
    pub mac_binding: Relation<sb::MacBinding>,
}

impl Northbound {
    fn new(program: &Builder) -> Northbound {
        Northbound {
            global: program.input("nb.NB_Global"),
            switch: program.input("nb.Logical_Switch"),
            switch_port: program.input("nb.Logical_Switch_Port"),
            router: program.input("nb.Logical_Router"),
            router_port: program.input("nb.Logical_Router_Port"),
            address_set: program.input("nb.Address_Set"),
            port_group: program.input("nb.Port_Group"),
            mirror: program.input("nb.Mirror"),
            sampling_app: program.input("nb.Sampling_App"),
        }
    }
}

impl Southbound {
    fn new(program: &Builder) -> Southbound {
        Southbound {
            global: program.input("sb.SB_Global"),
            datapath: program.input("sb.Datapath_Binding"),
            port: program.input("sb.Port_Binding"),
            chassis: program.input("sb.Chassis"),
            chassis_private: program.input("sb.Chassis_Private"),
            encap: program.input("sb.Encap"),
            fdb: program.input("sb.FDB"),
            mac_binding: program.input("sb.MAC_Binding"),
        }
    }
}

/// Builds the whole program: every input of [`INPUTS`], every output of [`OUTPUTS`].
pub fn program(program: &Builder) {
    let nb = Northbound::new(program);
    let sb = Southbound::new(program);
    let progress = config_seq::hv_progress(&nb.global, &sb.chassis, &sb.chassis_private);
    program.output(HV_PROGRESS, &progress);
    switches(program, &nb, &sb);
}

/// Datapaths, ports, and the flows of switches.
fn switches(program: &Builder, nb: &Northbound, sb: &Southbound) {
    let limits = nb.global.map(|_| KeyLimits { datapath: 16_711_680, port: 32_767 });
    let datapaths = datapath::datapaths(&nb.switch, &nb.router, &sb.datapath, &limits);
    program.output("sb.Datapath_Binding", &datapaths.rows);

    let ports = switch_port::switch_ports(&nb.switch, &nb.switch_port);
    let keys =
        switch_port::port_keys(&ports, &nb.switch_port, &datapaths.keys, &sb.port, &sb.datapath, &limits);
    let bindings =
        port_binding::port_bindings(&ports, &nb.switch_port, &nb.switch, &keys, &sb.chassis, &sb.port);
    program.output("sb.Port_Binding", &bindings);

    let up = up::ports_up(&ports, &nb.switch_port, &sb.port, &sb.chassis);
    program.output("nb.Logical_Switch_Port.up", &up);
    program.output("sb.Port_Binding.up", &up::bindings_down(&ports, &sb.port));
    program.output("nb.Logical_Switch_Port.tag", &container::tags(&nb.switch_port));

    let mac_prefix = nb.global.map(|row| ipam::mac_prefix(row.options.text("mac_prefix")));
    let inputs = ipam::Inputs {
        switches: &nb.switch,
        switch_ports: &nb.switch_port,
        routers: &nb.router,
        router_ports: &nb.router_port,
        mac_prefix: &mac_prefix,
    };
    let ipam = ipam::ipam(&ports, inputs);
    program.output("nb.Logical_Switch_Port.dynamic_addresses", &ipam.writes);
    program.output(PROBLEMS, &ipam.problems);
    let config = nb.global.map(|row| FlowConfig {
        drop: DropConfig::default(),
        ignore_down: row.options.get_bool("ignore_lsp_down", true),
    });
    let configs = switch_port::port_configs(&ports, &nb.switch_port, &keys, &ipam.addresses, &config);
    let placed = placed::flows(&nb.switch, &configs, &config);
    let members = placed::members(&nb.switch, &configs);
    let live = datapaths.keys.map(|assigned| assigned.owner);
    let rows = flow::row::rows(&placed, &members, &live);
    program.output("sb.Logical_Flow", &rows.flows);
    program.output("sb.Logical_DP_Group", &rows.groups);
    program.output("sb.Logical_DP_Group.datapaths", &rows.group_datapaths);

    let (groups, group_ports) = placed::multicast_groups(&configs, &datapaths.keys);
    program.output("sb.Multicast_Group", &groups);
    program.output("sb.Multicast_Group.ports", &group_ports);
}
