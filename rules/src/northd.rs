//! The program that takes ovn-northd's place: northbound and chassis rows in, southbound rows out.

mod tables;

use northflow_engine::{Builder, Relation};

use crate::flow;
use crate::flow::drop::DropConfig;
use crate::global::stale::{self, PortKey};
use crate::global::{
    address_set, chassis, config_seq, dhcp_catalog, drop_sampling, identity, rbac, settings, single,
};
use crate::multicast;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::{nb, sb};
use crate::switch::{mirror, placed};
use crate::topology::datapath::{self, Datapaths, KeyLimits};
use crate::topology::switch_port::{FlowConfig, SwitchPort};
use crate::topology::tunnel_key::Assigned;
use crate::topology::{container, ipam, port_binding, port_group, switch_port, up};

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
    let global = global(program, &nb, &sb);
    let network = topology(program, &nb, &sb, &global);
    flows(program, &nb, &global, &network);
    let problems = groups(program, &nb, &global, &network);
    stale(program, &nb, &sb, &network);
    program.output(PROBLEMS, &program.union(&[global.problems, network.problems, problems]));
}

/// Answers about the network as a whole.
struct Global {
    options: Relation<nb::NbGlobalOptions>,
    limits: Relation<KeyLimits>,
    drop: Relation<DropConfig>,
    problems: Relation<Problem>,
}

/// Settings, catalogues, and how far the chassis have followed.
fn global(program: &Builder, nb: &Northbound, sb: &Southbound) -> Global {
    let options = settings::options(&nb.global);
    let vxlan = chassis::vxlan_mode(&options, &sb.chassis, &sb.encap);
    let highest = chassis::max_datapath_key(&vxlan, &nb.switch);
    let completed = settings::completed(&options, &highest);
    program.output("nb.NB_Global.options", &settings::write_back(&options, &completed));
    program.output("sb.SB_Global", &settings::southbound(&nb.global, &completed, &sb.global));

    let (role, permissions) = rbac::rbac(&nb.global);
    program.output("sb.RBAC_Role", &role);
    program.output("sb.RBAC_Permission", &permissions);
    let (dhcp, dhcpv6) = dhcp_catalog::catalogues(&nb.global);
    program.output("sb.DHCP_Options", &dhcp);
    program.output("sb.DHCPv6_Options", &dhcpv6);
    let progress = config_seq::hv_progress(&nb.global, &sb.chassis, &sb.chassis_private);
    program.output(HV_PROGRESS, &progress);

    let limits = single(&highest)
        .join(&single(&vxlan), |highest, vxlan| KeyLimits { datapath: highest.0, vxlan: vxlan.0 });
    let (drop, problems) = drop_sampling::drop_sampling(&options, &nb.sampling_app);
    Global { options, limits, drop, problems }
}

/// Datapaths and ports with their keys.
struct Network {
    datapaths: Datapaths,
    ports: Relation<SwitchPort>,
    port_keys: Relation<Assigned>,
    dynamic_addresses: Relation<(Uuid, Text)>,
    problems: Relation<Problem>,
}

/// Datapaths, ports, and what is written back about them.
fn topology(program: &Builder, nb: &Northbound, sb: &Southbound, global: &Global) -> Network {
    let datapaths = datapath::datapaths(&nb.switch, &nb.router, &sb.datapath, &global.limits);
    program.output("sb.Datapath_Binding", &datapaths.rows);
    program.output("sb.IP_Multicast", &multicast::config::ip_multicast(&nb.switch, &datapaths.rows));

    let ports = switch_port::switch_ports(&nb.switch, &nb.switch_port);
    let keys = switch_port::port_keys(
        &ports,
        &nb.switch_port,
        &datapaths.keys,
        &sb.port,
        &sb.datapath,
        &global.limits,
    );
    let key_problems = datapaths.problems.concat(&keys.problems);
    let keys = keys.keys;
    let bindings =
        port_binding::port_bindings(&ports, &nb.switch_port, &nb.switch, &keys, &sb.chassis, &sb.port);
    program.output("sb.Port_Binding", &bindings.rows);
    program.output("sb.Port_Binding.options", &bindings.options);
    program.output("sb.Port_Binding.chassis", &bindings.chassis);
    program.output("sb.Mirror", &mirror::mirrors(&nb.mirror));

    let up = up::ports_up(&ports, &nb.switch_port, &sb.port, &sb.chassis);
    program.output("nb.Logical_Switch_Port.up", &up);
    program.output("sb.Port_Binding.up", &up::bindings_down(&ports, &sb.port));
    program.output("nb.Logical_Switch_Port.tag", &container::tags(&nb.switch_port));

    let mac_prefix = identity::mac_prefix(&global.options).map(|prefix| prefix.0);
    let inputs = ipam::Inputs {
        switches: &nb.switch,
        switch_ports: &nb.switch_port,
        routers: &nb.router,
        router_ports: &nb.router_port,
        mac_prefix: &mac_prefix,
    };
    let ipam = ipam::ipam(&ports, inputs);
    program.output("nb.Logical_Switch_Port.dynamic_addresses", &ipam.writes);
    let problems = key_problems.concat(&ipam.problems);
    Network { datapaths, ports, port_keys: keys, dynamic_addresses: ipam.addresses, problems }
}

/// Logical flows, and the multicast groups that they name.
fn flows(program: &Builder, nb: &Northbound, global: &Global, network: &Network) {
    let ignore_down = global.options.map(|row| row.options.get_bool("ignore_lsp_down", true));
    let config = single(&global.drop).join(&single(&ignore_down), |drop, ignore_down| FlowConfig {
        drop: *drop,
        ignore_down: *ignore_down,
    });
    let ports = switch_port::port_configs(
        &network.ports,
        &nb.switch_port,
        &network.port_keys,
        &network.dynamic_addresses,
        &config,
    );
    let placed = placed::flows(&nb.switch, &ports, &config);
    let members = placed::members(&nb.switch, &ports);
    let live = network.datapaths.keys.map(|assigned| assigned.owner);
    let rows = flow::row::rows(&placed, &members, &live);
    program.output("sb.Logical_Flow", &rows.flows);
    program.output("sb.Logical_DP_Group", &rows.groups);
    program.output("sb.Logical_DP_Group.datapaths", &rows.group_datapaths);

    let (groups, group_ports) = placed::multicast_groups(&ports, &network.datapaths.keys);
    program.output("sb.Multicast_Group", &groups);
    program.output("sb.Multicast_Group.ports", &group_ports);
}

/// Port groups and address sets, which matches refer to by name.
fn groups(program: &Builder, nb: &Northbound, global: &Global, network: &Network) -> Relation<Problem> {
    let members = port_group::members(&nb.port_group, &network.ports);
    let (groups, ports) = port_group::port_groups(&members, &network.datapaths.keys);
    program.output("sb.Port_Group", &groups);
    program.output("sb.Port_Group.ports", &ports);

    let sets = program.union(&[
        address_set::user_sets(&nb.address_set),
        address_set::monitor_set(&identity::monitor_macs(&global.options)),
        address_set::port_group_sets(&nb.port_group, &nb.switch_port),
    ]);
    let (sets, problems) = address_set::address_sets(&sets);
    program.output("sb.Address_Set", &sets);
    problems
}

/// Learned rows whose port or datapath is gone.
fn stale(program: &Builder, nb: &Northbound, sb: &Southbound, network: &Network) {
    let keys = network.port_keys.index_by(|port| port.space).join(
        &network.datapaths.keys.index_by(|datapath| datapath.owner),
        |port, datapath| PortKey {
            port: port.owner,
            datapath: datapath.owner,
            dp_key: datapath.key,
            port_key: port.key,
        },
    );
    program.output("sb.FDB.stale", &stale::fdb(&sb.fdb, &keys));

    let owners = sb.datapath.flat_map(|row| Some((row.uuid, datapath::owner(row)?)));
    let routers = owners
        .index_by(|(_, owner)| *owner)
        .semijoin(&nb.router.filter(|router| router.enabled != Some(false)).index_by(|router| router.uuid))
        .map(|(row, _)| *row);
    let names = nb.router_port.map(|port| port.name.clone());
    program.output("sb.MAC_Binding.stale", &stale::mac_bindings(&sb.mac_binding, &routers, &names));
}
