//! The program that takes ovn-northd's place: northbound and chassis rows in, southbound rows out.

mod tables;

use northflow_engine::{Builder, Relation};

use crate::flow;
use crate::flow::drop::DropConfig;
use crate::global::address_set::Sets;
use crate::global::stale::{self, PortKey};
use crate::global::{
    address_set, chassis, config_seq, dhcp_catalog, drop_sampling, identity, rbac, settings, single,
};
use crate::multicast;
use crate::ovsdb::{Text, Uuid};
use crate::problem::Problem;
use crate::schema::{Link, MapEntry, SetElement, nb, sb};
use crate::service;
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
    /// Probes of what is behind switch ports.
    pub switch_port_health_check: Relation<nb::SwitchPortHealthCheck>,
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
            switch_port_health_check: program.input("nb.Logical_Switch_Port_Health_Check"),
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
    let flows = flows(program, &nb, &global, &network);
    let groups = groups(program, &nb, &global, &network);
    stale(program, &nb, &sb, &network);
    program.output(PROBLEMS, &program.union(&[global.problems, network.problems, flows, groups]));
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

    let ports = switch_port::switch_ports(&nb.switch_ports, &nb.switch_port);
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
        listed_router_ports: &nb.router_ports,
        mac_prefix: &mac_prefix,
    };
    let ipam = ipam::ipam(&ports, inputs);
    program.output("nb.Logical_Switch_Port.dynamic_addresses", &ipam.writes);
    let twice = switch_port::ports_of_several(&nb.switch_ports, &ports);
    let problems = program.union(&[key_problems, ipam.problems, twice]);
    Network { datapaths, ports, port_keys: keys, dynamic_addresses: ipam.addresses, problems }
}

/// Logical flows, and the multicast groups that they name.
fn flows(program: &Builder, nb: &Northbound, global: &Global, network: &Network) -> Relation<Problem> {
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
    let services = service::services(nb, &ports);
    let placed = program.union(&[placed::flows(&nb.switch, &ports, &config), services.placed]);
    let members = placed::members(&nb.switch, &ports);
    let live = network.datapaths.keys.map(|assigned| assigned.owner);
    let rows = flow::row::rows(&placed, &members, &live);
    program.output("sb.Logical_Flow", &rows.flows);
    program.output("sb.Logical_DP_Group", &rows.groups);
    program.output("sb.Logical_DP_Group.datapaths", &rows.group_datapaths);

    let (groups, group_ports) = placed::multicast_groups(&ports, &network.datapaths.keys);
    program.output("sb.Multicast_Group", &groups);
    program.output("sb.Multicast_Group.ports", &group_ports);
    services.problems
}

/// Port groups and address sets, which matches refer to by name.
fn groups(program: &Builder, nb: &Northbound, global: &Global, network: &Network) -> Relation<Problem> {
    let members = port_group::members(&nb.port_group, &nb.port_group_ports, &network.ports);
    let (groups, ports) = port_group::port_groups(&members, &network.datapaths.keys);
    program.output("sb.Port_Group", &groups);
    program.output("sb.Port_Group.ports", &ports);

    let parts = [
        address_set::user_sets(&nb.address_set, &nb.address_set_addresses),
        address_set::monitor_set(&identity::monitor_macs(&global.options)),
        address_set::port_group_sets(&nb.port_group, &nb.port_group_ports, &nb.switch_port),
    ];
    let sets = address_set::address_sets(&Sets::union(program, &parts));
    program.output("sb.Address_Set", &sets.rows);
    program.output("sb.Address_Set.addresses", &sets.addresses);
    sets.problems
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
